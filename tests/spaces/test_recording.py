"""What has no rule is called as the model calls it, and freezes what it touches by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.bad_models import PICTURE, Model, Recurrent, conv, tail
from tests.spaces.working_models import Places, rewritten, shifted
from tightfit import Node, SpecError
from tightfit.calls import recorded
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import EVERYTHING, InputSizeSettings, PruningSettings, SpaceSettings
from tightfit.spaces.tracing import Traced, trace

Forward = Callable[[Any, Tensor], object]


def traced(forward: Forward, **parts: Any) -> Traced:
    return trace(Model(forward, **parts), torch.zeros(1, *PICTURE))


def space_of(model: nn.Module, shape: tuple[int, ...]) -> CompressionSpace:
    return CompressionSpace(model, torch.zeros(1, *shape), settings=EVERYTHING)


def calls_of(found: Traced) -> list[Node]:
    return [node for node in found.graph.nodes if node.operator == "aten"]


def operators(node: Node) -> list[str]:
    return [step.operator for step in recorded(str(node.attributes["calls"])).steps]


FORMS: dict[str, tuple[Forward, str]] = {
    "an operator": (
        lambda m, x: m.t(torch.erf(m.a(x))),
        r"the operator 'erf' in the model itself \(Model\) has no rule"),
    "with what to write": (
        lambda m, x: m.t(F.instance_norm(m.a(x))),
        r"'instance_norm' in the model itself \(Model\) has no rule: write nn\.GroupNorm wit"),
    "two of them": (
        lambda m, x: m.t(torch.where(m.a(x) > 0, m.a(x), -m.a(x))),
        r"the operators 'gt' and 'where' in the model itself \(Model\) have no rule"),
    "a factor": (
        lambda m, x: m.t(torch.add(m.a(x), m.a(x), alpha=2)),
        r"'add' in the model itself \(Model\): a factor on the second operand has no rule, got 2"),
    "several results": (
        lambda m, x: m.t(m.a(x).max(2)[0].unsqueeze(-1)),
        r"'max' in the model itself \(Model\) has no rule: choose among scores outside of the mod"),
    "a scale that is not whole": (
        lambda m, x: m.t(F.interpolate(F.pad(m.a(x), (1, 2, 1, 2)), size=(15, 15))),
        r"an interpolation from \[11, 11\] to \[15, 15\] has no rule"),
    "a divisor": (
        lambda m, x: m.t(F.avg_pool2d(m.a(x), 2, divisor_override=3)), "a divisor of its own has"),
    "an attention to each picture's own": (
        lambda m, x: m.t(F.scaled_dot_product_attention(
            m.a(x), m.a(x), m.a(x), attn_mask=torch.ones(len(x), 1, 8, 8).tril().bool())),
        "the attention in the model itself .* has no rule for a mask of truth values that is"),
    "a largest number among tokens and channels": (
        lambda m, x: m.t(F.max_pool2d(m.a(x).flatten(2), (1, 2)).reshape(-1, 16, 4, 8)),
        r"'max_pool2d' in .* other axes than \[C, H, W\] has no rule, got \[16, 64\]"),
    "a mean among tokens and channels": (
        lambda m, x: m.t(F.avg_pool2d(m.a(x).flatten(2), (1, 2)).reshape(-1, 16, 4, 8)),
        r"'avg_pool2d' in .*: a pooling of what has other axes"),
    "means of tokens and channels": (
        lambda m, x: m.t(F.adaptive_avg_pool2d(m.a(x).flatten(2), 16).reshape(-1, 16, 4, 4)),
        r"'adaptive_avg_pool2d' in .*: a pooling of what has other axes"),
    "a scale that the sides do not say": (
        lambda m, x: m.t(F.interpolate(m.a(x)[:, :, :7, :7], scale_factor=0.5, mode="bilinear")),
        r"an interpolation from \[7, 7\] to \[3, 3\] by \[0\.5, 0\.5\] has no rule"),
    "a norm's weight that is computed": (
        lambda m, x: m.t(F.layer_norm(m.a(x), (8,), 1 + m.a.bias[:8])),
        "the weight of the model itself .* is computed from activations, or from parameters"),
    "a letter that only one operand sums": (
        lambda m, x: m.t(torch.einsum("bchw,bchv->bch", m.a(x), m.a(x)).unsqueeze(-1)), "'einsum'"),
    "a letter that an operand repeats": (
        lambda m, x: m.t(torch.einsum("bchh,bchw->bcw", m.a(x), m.a(x)).unsqueeze(-1)), "'einsum'"),
    "a sum of sides that differ": (
        lambda m, x: m.t(torch.einsum("bchw,bcwv->bchv", m.a(x), m.a(x)[:, :, :1])), "'einsum'"),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_what_has_no_rule_freezes_what_it_touches_and_is_named(name: str) -> None:
    forward, words = FORMS[name]
    model = Model(forward)
    space = space_of(model, PICTURE)
    reasons = dict(space.sites.frozen)
    assert "a" not in {group.name for group in space.sites.groups}
    with pytest.raises(SpecError, match=words):
        raise SpecError(reasons["a"])
    inputs = torch.randn(3, *PICTURE, generator=torch.Generator().manual_seed(0))
    network = space.baseline_network()
    with torch.no_grad():
        torch.testing.assert_close(network(inputs), model(inputs))
        torch.testing.assert_close(network.deployed()(inputs), model(inputs))


@pytest.mark.parametrize(
    "options", [{"is_causal": True}, {"attn_mask": torch.ones(8, 8).tril(1).bool()}]
)
def test_an_attention_whose_mask_is_constant_has_a_rule(options: dict[str, Any]) -> None:
    found = traced(
        lambda m, x: m.t(F.scaled_dot_product_attention(m.a(x), m.a(x), m.a(x), **options))
    )
    assert not calls_of(found)


@pytest.mark.parametrize(
    "arguments",
    [
        lambda x: ("bchw,bdhw->bchd", x, x),
        lambda x: ("bchw,bdhw->bchd", [x, x]),
        lambda x: (x, [0, 1, 2, 3], x, [0, 4, 2, 3], [0, 1, 2, 4]),
    ],
)
def test_a_sum_in_letters_or_numbers_is_a_product_of_matrices(
    arguments: Callable[[Tensor], tuple[Any, ...]],
) -> None:
    found = traced(lambda m, x: m.t(torch.einsum(*arguments(m.a(x)))))
    assert not calls_of(found)
    assert "matmul" in {node.operator for node in found.graph.nodes}


def test_layers_beside_what_has_no_rule_are_pruned() -> None:
    space = space_of(
        Model(lambda m, x: m.t(torch.relu(m.c(torch.relu(m.b(torch.erf(m.a(x))))))),
              b=conv(16, 16), c=conv(16, 16)), PICTURE,
    )  # fmt: skip
    assert {group.name for group in space.sites.groups} == {"b", "c"}


def test_what_is_no_float_stays_inside_of_one_node() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        waves = torch.fft.rfft2(m.a(x)) * 2
        scores: Tensor = m.t(torch.fft.irfft2(waves.conj(), s=x.shape[2:]))
        return scores

    (node,) = calls_of(traced(forward))
    assert node.inputs == ("a",)
    assert operators(node)[0] == "aten.fft_rfft2.default"
    assert operators(node)[-1] == "aten.fft_irfft2.default"


def test_a_value_is_read_as_it_was_when_it_was_compared() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        y = m.a(x)
        mask = y < 0
        y.relu_()
        scores: Tensor = m.t(torch.where(mask, y + 1, y))
        return scores

    model = Model(forward)
    network = space_of(model, PICTURE).baseline_network()
    inputs = torch.randn(3, *PICTURE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(inputs), model(inputs))


def test_results_that_nothing_reads_are_not_computed() -> None:
    found = trace(Recurrent(nn.LSTM), torch.zeros(1, 10, 6))
    assert [node.name for node in calls_of(found)] == ["steps.lstm"]


def test_a_constant_that_was_recorded_has_rules_elsewhere() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        y, columns = m.a(x), torch.arange(8.0).expand(len(x), 16, 8, 8)
        scores: Tensor = m.t(torch.where(y > 0, y, columns) + columns)
        return scores

    found = traced(forward)
    assert [node.name for node in calls_of(found)] == ["where"]


def test_products_of_whole_weights_are_counted() -> None:
    """Four gates of 16 numbers, from 6 inputs and 16 numbers of the step before, ten times."""
    space = space_of(Recurrent(nn.LSTM), (10, 6))
    network, blueprint = space.baseline_network(), space.baseline_blueprint()
    assert int(blueprint.macs[0]) == 10 * 4 * 16 * (6 + 16) + 16 * 4
    assert int(blueprint.params[0]) == sum(each.numel() for each in network.parameters())


def test_what_multiplies_no_weights_counts_none() -> None:
    (node,) = calls_of(traced(lambda m, x: m.t(m.a(x).cumsum(2))))
    assert node.integer("macs") == 0


def test_the_batch_is_free_and_every_other_side_is_not() -> None:
    found = traced(lambda m, x: m.t(m.a(x).cumsum(2)))
    (node,) = calls_of(found)
    calls = recorded(str(node.attributes["calls"]))
    assert calls.reads == ((-1, 16, 8, 8),)
    assert calls.gives == (-1, 16, 8, 8)
    with pytest.raises(ValueError, match=r"reads \[2, 16, 4, 8\], .* with \[2, 16, 8, 8\]"):
        calls.check([torch.zeros(2, 16, 4, 8)], torch.zeros(2, 16, 4, 8))


def test_windows_that_joined_the_batch_are_recorded_with_it() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        y = m.a(x).view(len(x), 16, 2, 4, 8).permute(0, 2, 1, 3, 4).reshape(-1, 16, 4, 8)
        y = y.flip(2).view(len(x), 2, 16, 4, 8).permute(0, 2, 1, 3, 4)
        scores: Tensor = m.t(y.reshape(len(x), 16, 8, 8))
        return scores

    (node,) = calls_of(traced(forward))
    assert recorded(str(node.attributes["calls"])).gives == (-2, 16, 4, 8)


@pytest.mark.parametrize(
    ("forward", "words"),
    [
        (lambda m, x: m.t(m.a(x)) + m.a(x).mean(), "a mean over every axis"),
        (lambda m, x: m.t(m.a(x)) + torch.linalg.matrix_exp(m.a(x)[:, 0]).logsumexp(0)[0, 0],
         "'logsumexp' .* has no rule: it gives no row for each picture of a batch"),
        (lambda m, x: m.t(m.a(x)).cumsum(0), "another output for an input alone"),
    ],
)  # fmt: skip
def test_what_mixes_the_pictures_of_a_batch_is_refused(forward: Forward, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        traced(forward)


def test_what_torch_has_no_derivative_of_is_refused_behind_parameters_alone() -> None:
    words = r"'igamma' in .* has no rule, and torch has no derivative of it"
    with pytest.raises(SpecError, match=words):
        traced(lambda m, x: m.t(torch.igamma(m.a(x).exp(), m.a(x).exp())))
    traced(lambda m, x: m.t(m.a(torch.igamma(x.exp(), x.exp()))))


@pytest.mark.parametrize("forward", [shifted, rewritten])
def test_writes_into_parts_are_recorded_nowhere(forward: Forward) -> None:
    found = traced(forward, b=conv(16, 16))
    assert not calls_of(found)


def test_a_table_of_places_is_a_parameter_and_takes_rows_where_it_has_more() -> None:
    found = trace(Places(), torch.zeros(1, 10, 6))
    assert not calls_of(found)
    operators = [node.operator for node in found.graph.nodes]
    assert operators.count("parameter") == 2
    assert operators.count("gather") == 1


def test_a_row_of_padding_learns_nothing() -> None:
    """The recorded call keeps its gradient away, as the model does."""
    model = Model(lambda m, x: m.t(m.a(x)) * m.e(torch.arange(5)).sum(1),
                  e=nn.Embedding(5, 5, padding_idx=2))  # fmt: skip
    network = space_of(model, PICTURE).baseline_network().train()
    network(torch.randn(2, *PICTURE)).square().sum().backward()
    gradient = network.get_parameter("e.weight").grad
    assert gradient is not None
    assert [bool(row.any()) for row in gradient] == [True, True, False, True, True]


SIZES = SpaceSettings(pruning=PruningSettings(), input_size=InputSizeSettings((1.0, 0.5)))


def test_another_input_size_is_recorded_anew() -> None:
    model = nn.Sequential(conv(), Reflected(), conv(16, 16), tail())
    space = CompressionSpace(model, torch.zeros(1, 3, 16, 16), settings=SIZES)
    small = space.search_space.from_choices({"input.size": 0.5})
    network = space.build(small)
    assert network.input_shape == (3, 8, 8)
    with torch.no_grad():
        assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 5)
        values = network.activations(torch.zeros(1, 3, 8, 8))
    blueprint = space.blueprint(np.array([small.indices]))
    for name, activation in blueprint.activations.items():
        assert values[name].numel() == int(activation.elements[0]), name


class Reflected(nn.Module):
    """Pads by reflection, which no rule is about, whatever the size."""

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (1, 1, 1, 1), mode="reflect")


def test_constants_that_count_positions_are_those_of_their_size() -> None:
    def forward(m: Any, x: Tensor) -> Tensor:
        scores: Tensor = m.t(m.a(x) * torch.tensor([1.0]).div(x.shape[-1]))
        return scores

    model = Model(forward)
    space = CompressionSpace(model, torch.zeros(1, 3, 16, 16), settings=SIZES)
    network = space.build(space.search_space.from_choices({"input.size": 0.5}))
    inputs = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(inputs), model(inputs))


def test_numbers_for_each_place_in_a_call_fix_the_size_of_the_input() -> None:
    model = Model(lambda m, x: m.t(torch.fft.irfft2(torch.fft.rfft2(m.a(x)) * m.n)),
                  n=nn.Parameter(torch.rand(16, 9)))  # fmt: skip
    with pytest.raises(SpecError, match=r"'input\.size' cannot change to 8x8 here"):
        CompressionSpace(model, torch.zeros(1, 3, 16, 16), settings=SIZES)


def test_half_precision_leaves_what_is_recorded_in_float32() -> None:
    model = Model(lambda m, x: m.t(torch.fft.irfft2(torch.fft.rfft2(m.a(x)), s=x.shape[2:])))
    network = space_of(model, PICTURE).baseline_network().train()
    with torch.autocast("cpu", torch.bfloat16):
        network(torch.randn(2, *PICTURE)).sum().backward()
    assert bool(network.get_parameter("a.weight").grad.isfinite().all())  # type: ignore[union-attr]
