"""What the settings make of a network: hparams, their choices, and what they change."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.nets import OddNet, everywhere, make, pictures, small_resnet
from tests.spaces.odd_nets import ODD_NETS
from tightfit import Candidate, Distillation, SpecError
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.initialization import fresh
from tightfit.spaces.settings import (
    DecompositionSettings,
    DistillationSettings,
    InputSizeSettings,
    PruningSettings,
    QuantizationSettings,
    ScheduleSettings,
    SpaceSettings,
)

EVERYTHING = SpaceSettings(
    pruning=PruningSettings(),
    quantization=QuantizationSettings(),
    decomposition=DecompositionSettings(),
    distillation=DistillationSettings(),
    input_size=InputSizeSettings(),
)


def odd(settings: SpaceSettings = EVERYTHING) -> CompressionSpace:
    return CompressionSpace(OddNet(), torch.zeros(1, 3, 16, 16), settings=settings)


def resnet(settings: SpaceSettings) -> CompressionSpace:
    return CompressionSpace(small_resnet(), torch.zeros(1, 1, 28, 28), settings=settings)


def choices(space: CompressionSpace) -> dict[str, tuple[object, ...]]:
    return {hparam.name: hparam.choices for hparam in space.search_space.hparams}


def frozen(space: CompressionSpace) -> dict[str, str]:
    return dict(space.sites.frozen)


def widths(space: CompressionSpace, ratio: float) -> dict[str, int]:
    return layer_widths(space, everywhere(space, "pruning_ratio", ratio))


def layer_widths(space: CompressionSpace, candidate: Candidate) -> dict[str, int]:
    state = space.build(candidate).state_dict()
    return {
        layer.name: state[layer.node.parameters["weight"]].shape[
            1 if layer.node.operator == "conv_transpose" else 0
        ]
        for layer in space.sites.layers
    }


def test_each_technique_has_an_hparam_at_each_of_its_sites() -> None:
    names = set(choices(odd()))
    assert {"stem.pruning_ratio", "stem.bits", "depthwise.bits", "left.rank"} <= names
    assert {"input.size", "training.epochs", "distillation.weight"} <= names
    # The first layer reads three channels, the head gives classes, a transposed one is not coded.
    assert not {"stem.rank", "head.pruning_ratio", "up.bits", "depthwise.rank"} & names


def test_the_first_choice_is_the_mildest() -> None:
    settings = SpaceSettings(
        pruning=PruningSettings(ratios=(0.5, 0.0, 0.25)),
        quantization=QuantizationSettings(bits=(4, None, 8)),
        decomposition=DecompositionSettings(ranks=(0.25, None, 0.75)),
        input_size=InputSizeSettings(shares=(0.5,)),
    )
    found = choices(odd(settings))
    assert found["stem.pruning_ratio"] == (0.0, 0.25, 0.5)
    assert found["stem.bits"] == (None, 8, 4)
    assert found["left.rank"] == (None, 0.75, 0.25)
    assert found["input.size"] == (1.0, 0.5)


PER: list[tuple[Literal["layer", "stage", "network"], set[str]]] = [
    ("stage", {"stage1", "stage2", "stage3", "stage4", "head"}),
    ("network", {"network"}),
]


@pytest.mark.parametrize(("per", "sites"), PER)
def test_sites_can_share_their_choice(
    per: Literal["layer", "stage", "network"], sites: set[str]
) -> None:
    settings = SpaceSettings(
        pruning=PruningSettings(per=per),
        quantization=QuantizationSettings(per=per),
        decomposition=DecompositionSettings(per=per),
    )
    names = [name.rpartition(".") for name in choices(resnet(settings))]
    assert {site for site, _, technique in names if technique == "bits"} == sites
    assert {site for site, _, technique in names if technique == "pruning_ratio"} <= sites


def test_a_shared_ratio_prunes_every_group_of_its_stage() -> None:
    space = resnet(SpaceSettings(pruning=PruningSettings(per="stage", ratios=(0.0, 0.5))))
    candidate = space.search_space.from_choices({"stage2.pruning_ratio": 0.5})
    state = space.build(candidate).state_dict()
    assert len(state["layer2.0.conv1.weight"]) == len(state["layer2.1.conv2.weight"]) == 64
    assert len(state["layer1.0.conv1.weight"]) == 64


def test_ratios_that_give_equal_widths_are_left_out() -> None:
    settings = SpaceSettings(pruning=PruningSettings(ratios=(0.0, 0.01, 0.5, 0.51, 0.9, 0.95)))
    assert choices(odd(settings))["left.pruning_ratio"] == (0.0, 0.5, 0.9)


@pytest.mark.parametrize(("align", "strong"), [(8, 0.985), (16, 0.97)])
def test_widths_are_multiples_of_align_and_never_below(align: int, strong: float) -> None:
    settings = SpaceSettings(pruning=PruningSettings(ratios=(0.0, 0.3, strong), align=align))
    space = resnet(settings)
    for ratio in (0.3, strong):
        pruned = {n: w for n, w in widths(space, ratio).items() if n not in frozen(space)}
        assert all(width % align == 0 and width >= align for width in pruned.values())
    assert widths(space, strong)["layer4.0.conv1"] == align


class Attends(nn.Module):
    """Heads and their widths, and groups and theirs, all pruned, beside narrow layers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 2, stride=2)
        self.qkv, self.out = nn.Linear(24, 3 * 64), nn.Linear(64, 24)
        self.wide = nn.Conv2d(24, 96, 1)
        self.grouped, self.last = nn.Conv2d(96, 96, 3, groups=8), nn.Conv2d(96, 20, 1)
        self.head = nn.Linear(20, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        n, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(tokens).reshape(n, h * w, 3, 4, 16).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, h * w, 64)
        x = x + self.out(y).transpose(1, 2).reshape(n, c, h, w)
        x = self.last(torch.relu(self.grouped(torch.relu(self.wide(x)))))
        output: Tensor = self.head(x.mean((2, 3)))
        return output


@pytest.mark.parametrize("align", [1, 4, 6, 8, 12, 16])
def test_every_pruned_width_is_a_multiple_of_align_whatever_is_chosen_beside(align: int) -> None:
    ratios = (0.0, 0.1, 0.25, 0.5, 0.7, 0.9)
    settings = SpaceSettings(pruning=PruningSettings(ratios=ratios, align=align))
    space = CompressionSpace(Attends().eval(), torch.zeros(1, 3, 8, 8), settings=settings)
    whole = space.baseline_blueprint()
    found = space.blueprint(space.search_space.random(400, np.random.default_rng(0)))
    pruned: set[str] = set()
    for before, operation in zip(whole.operations, found.operations, strict=True):
        pairs = (
            (before.in_channels, operation.in_channels),
            (before.out_channels, operation.out_channels),
        )
        for baseline, widths in pairs:
            left = set(widths[widths < baseline[0]].tolist())
            assert all(each % align == 0 and each >= align for each in left), operation.name
            pruned |= {operation.name} if left else set()
    assert {"stem", "out", "last"} <= pruned or align > 12
    assert {"qkv", "wide", "grouped"} <= pruned


def test_without_align_heads_and_their_widths_are_counted_one_by_one() -> None:
    settings = SpaceSettings(pruning=PruningSettings())
    space = CompressionSpace(Attends().eval(), torch.zeros(1, 3, 8, 8), settings=settings)
    row = space.search_space.from_choices(
        {"qkv.heads.pruning_ratio": 0.75, "qkv.head_dim.pruning_ratio": 0.875}
    )
    assert layer_widths(space, row)["qkv"] == 3 * 2
    assert choices(space)["last.pruning_ratio"] == (0.0, 0.25, 0.5, 0.75)


def test_a_ratio_that_would_leave_fewer_channels_than_align_is_no_choice() -> None:
    found = choices(resnet(SpaceSettings(pruning=PruningSettings(ratios=(0.0, 0.5, 0.97)))))
    assert found["layer4.0.conv1.pruning_ratio"] == (0.0, 0.5, 0.97)
    assert found["layer1.0.conv1.pruning_ratio"] == (0.0, 0.5)


def test_a_ratio_of_several_groups_is_a_choice_where_one_of_them_reaches_it() -> None:
    settings = SpaceSettings(pruning=PruningSettings(per="network", ratios=(0.0, 0.97, 0.999)))
    space = resnet(settings)
    assert choices(space)["network.pruning_ratio"] == (0.0, 0.97)
    assert widths(space, 0.97)["layer1.0.conv1"] == 8


def test_narrow_layers_keep_multiples_of_four() -> None:
    space = odd(SpaceSettings(pruning=PruningSettings(ratios=(0.0, 0.8))))
    found = widths(space, 0.8)
    assert (found["stem"], found["squeeze"]) == (4, 4)


def test_a_single_ratio_is_applied() -> None:
    space = odd(SpaceSettings(pruning=PruningSettings(ratios=(0.5,))))
    state = space.build(space.search_space.baseline()).state_dict()
    assert len(state["stem.weight"]) == 12
    assert len(space.baseline_network().state_dict()["stem.weight"]) == 24


def test_a_depthwise_layer_goes_with_its_input() -> None:
    space = odd(SpaceSettings(pruning=PruningSettings(ratios=(0.0, 0.5))))
    network = space.build(space.search_space.from_choices({"stem.pruning_ratio": 0.5}))
    (depthwise,) = (node for node in network.graph.nodes if node.name == "depthwise")
    assert depthwise.attributes["groups"] == 12
    assert network.state_dict()["depthwise.weight"].shape == (12, 1, 3, 3)
    assert network.state_dict()["depthwise_norm.running_mean"].shape == (12,)


def test_what_stays_whole_has_its_reason() -> None:
    reasons = frozen(odd())
    assert reasons["head"] == "it is the network's output"
    weighed = nn.Sequential(nn.Conv2d(3, 16, 1), nn.Softmax(1), nn.Conv2d(16, 8, 1), nn.Flatten())
    settings = SpaceSettings(quantization=QuantizationSettings())
    space = CompressionSpace(weighed, torch.zeros(1, 3, 4, 4), settings=settings)
    assert frozen(space)["0"] == "'1.softmax' (softmax): it weighs all channels against each other"


class Kept(nn.Module):
    """Sums of layers into what has no rule, a single map, and a transposed depthwise layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.inner = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 16, 1)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.gate, self.free = nn.Conv2d(16, 1, 1), nn.Conv2d(16, 16, 1)
        self.normed = nn.GroupNorm(4, 16)
        self.before = nn.Conv2d(16, 16, 1)
        self.up = nn.ConvTranspose2d(16, 16, 2, stride=2, groups=16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = self.depthwise((x + self.inner(x)).cumsum(2))
        x = self.normed(self.free(x * torch.sigmoid(self.gate(x))))
        output: Tensor = self.head(self.up(self.before(x)).mean((2, 3)))
        return output


def test_every_layer_that_keeps_its_channels_is_listed_with_its_reason() -> None:
    settings = SpaceSettings(pruning=PruningSettings(), quantization=QuantizationSettings())
    space = CompressionSpace(Kept().eval(), torch.zeros(1, 3, 8, 8), settings=settings)
    summed = "the operator 'cumsum' in the model itself (Kept) has no rule"
    back = "'up' (conv_transpose): a transposed convolution in groups"
    assert frozen(space) == {
        **dict.fromkeys(("stem", "inner", "depthwise"), summed),
        "gate": "it gives a single channel",
        **dict.fromkeys(("before", "up"), back),
        "head": "it is the network's output",
        "cumsum": summed,
    }
    # The groups of a norm stay, but not all of the channels in each.
    assert [group.producers for group in space.sites.groups] == [("free",)]


@pytest.mark.parametrize("net", ODD_NETS)
def test_a_layer_is_listed_as_whole_or_has_a_group_that_is_pruned(net: type[nn.Module]) -> None:
    settings = SpaceSettings(quantization=QuantizationSettings())
    space = CompressionSpace(net().eval(), torch.zeros(1, 3, 16, 16), settings=settings)
    pruned = {name for group in space.sites.groups for name in group.producers}
    for layer in space.sites.layers:
        assert layer.depthwise or (layer.name in frozen(space)) != (layer.name in pruned)


def test_a_shuffle_of_channels_is_followed() -> None:
    shuffle = torchvision.models.shufflenet_v2_x0_5(num_classes=5).eval()
    settings = SpaceSettings(pruning=PruningSettings(align=4))
    space = CompressionSpace(shuffle, torch.zeros(1, 3, 64, 64), settings=settings)
    assert {"stage2.0.branch2.0", "conv1.0"} <= {group.name for group in space.sites.groups}
    network = space.build(everywhere(space, "pruning_ratio", 0.5))
    assert network(torch.zeros(2, 3, 64, 64)).shape == (2, 5)
    assert network.state_dict()["stage2.1.branch2.0.weight"].shape[0] == 12


def test_groups_of_a_convolution_and_the_channels_in_each_can_go() -> None:
    space = odd(SpaceSettings(pruning=PruningSettings(ratios=(0.0, 0.5), align=4)))
    (groups,) = (group for group in space.sites.groups if group.name == "down.groups")
    assert (groups.width, groups.multiplicity) == (4, 10)
    assert set(groups.producers) == {"down", "project", "grouped"}
    halved = space.search_space.from_choices({"down.groups.pruning_ratio": 0.5})
    (grouped,) = (node for node in space.build(halved).graph.nodes if node.name == "grouped")
    assert grouped.attributes["groups"] == 2


def test_a_convolution_with_two_filters_for_each_channel_goes_with_its_input() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1, groups=16),
        nn.Conv2d(32, 16, 1), nn.Flatten(), nn.Linear(16 * 64, 4),
    )  # fmt: skip
    space = CompressionSpace(
        model, torch.zeros(1, 3, 8, 8), settings=SpaceSettings(pruning=PruningSettings())
    )
    (group,) = (group for group in space.sites.groups if group.name == "0")
    assert (group.width, group.producers) == (16, ("0", "1"))
    for row in space.search_space.random(3, np.random.default_rng(0)):
        network = space.build(space.search_space.candidate(row))
        assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 4)
        found = sum(parameter.numel() for parameter in network.parameters())
        assert found == int(space.blueprint(row[None]).params[0])


WRONG: list[tuple[Callable[[], object], str]] = [
    (
        lambda: PruningSettings(ratios=(0.0, 1.0)),
        r"each of 'pruning\.ratios' must lie in 0 <= r < 1",
    ),
    (lambda: PruningSettings(ratios=()), r"'pruning\.ratios' needs at least one choice"),
    (lambda: PruningSettings(align=0), r"'pruning\.align' must be at least 1, got 0"),
    (
        lambda: PruningSettings(criteria=("l3",)),  # type: ignore[arg-type]
        r"'pruning\.criteria' must be of .*'taylor'.*, got 'l3'",
    ),
    (lambda: PruningSettings(criteria=()), r"must be one or more different criteria, got \(\)"),
    (lambda: PruningSettings(per="block"), r"'pruning\.per' must be one of .*got 'block'"),  # type: ignore[arg-type]
    (lambda: QuantizationSettings(bits=(8, 3)), r"must be None, 8, 4 or 2, got 3"),
    (lambda: DecompositionSettings(ranks=(0.0,)), r"'decomposition\.ranks' must be None or lie in"),
    (lambda: DistillationSettings(weights=(1.5,)), r"'distillation\.weights' must be None or lie"),
    (lambda: DistillationSettings(temperatures=(0.0,)), r"temperatures' must be above 0, got 0\.0"),
    (lambda: ScheduleSettings(epochs=(0,)), r"'schedule\.epochs' must be at least 1, got 0"),
    (lambda: ScheduleSettings(learning_rates=(float("nan"),)), r"must be above 0, got nan"),
    (lambda: InputSizeSettings(shares=(2.0,)), r"'input_size\.shares' must lie in 0 < s <= 1"),
]


@pytest.mark.parametrize(("make_settings", "words"), WRONG)
def test_choices_that_mean_nothing_are_refused(
    make_settings: Callable[[], object], words: str
) -> None:
    with pytest.raises(SpecError, match=words):
        make_settings()


class Masked(nn.Module):
    """Adds what one map, a joined value, and a cropped one have in common."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.mask = nn.Conv2d(16, 1, 1)
        self.cropped = nn.Conv2d(16, 16, 3, padding=1)
        self.left = nn.Conv2d(16, 8, 1)
        self.right = nn.Conv2d(16, 24, 1)
        self.joined = nn.Conv2d(16, 32, 1)
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        x = torch.sigmoid(self.mask(x)) * x
        x = self.cropped(x)[:, :, 1:].transpose(2, 3)
        x = torch.cat([self.left(x), self.right(x)], 1) + self.joined(x)
        output: Tensor = self.head(x.mean([2, 3]))
        return output


def test_channels_are_followed_as_far_as_they_stay_themselves() -> None:
    settings = SpaceSettings(pruning=PruningSettings(ratios=(0.0, 0.5)))
    space = CompressionSpace(Masked().eval(), torch.zeros(1, 3, 8, 8), settings=settings)
    found = widths(space, 0.5)
    # A single map spreads over all channels; crops and turns leave each of them where it is.
    assert (found["stem"], found["mask"], found["cropped"]) == (8, 1, 8)
    # What is added to joined channels is of the same two parts.
    assert (found["left"], found["right"], found["joined"]) == (4, 12, 16)
    network = space.build(everywhere(space, "pruning_ratio", 0.5))
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


class Twice(nn.Module):
    """Calls one convolution and one linear layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.body = nn.Conv2d(16, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.last = nn.Conv2d(16, 32, 1)
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for _ in range(2):
            x = torch.relu(self.norm(self.body(x)))
        output: Tensor = self.head(self.last(x).mean([2, 3]))
        return output


def test_weights_that_are_used_twice_stay_tied_and_count_once() -> None:
    model = Twice().eval()
    space = CompressionSpace(model, torch.zeros(1, 3, 8, 8), settings=EVERYTHING)
    # The second call reads what the first one gives: inputs and outputs are the same channels.
    assert choices(space)["stem.pruning_ratio"]
    assert "body.pruning_ratio" not in choices(space)
    assert "body.rank" not in choices(space)
    expected = sum(parameter.numel() for parameter in model.parameters())
    assert int(space.baseline_blueprint().params[0]) == expected
    for row in space.search_space.random(4, np.random.default_rng(0)):
        candidate = space.search_space.candidate(row)
        found = sum(parameter.numel() for parameter in space.build(candidate).parameters())
        assert found == int(space.blueprint(row[None]).params[0])


def test_a_transformers_block_is_counted_exactly() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 32, 4, stride=4), nn.Flatten(2), nn.LayerNorm(16), nn.Linear(16, 64),
        nn.GELU(), nn.Linear(64, 16),
    )  # fmt: skip
    settings = SpaceSettings(
        quantization=QuantizationSettings(), decomposition=DecompositionSettings()
    )
    space = CompressionSpace(model, torch.zeros(1, 3, 16, 16), settings=settings)
    network = space.build(everywhere(space, "rank", 0.5))
    blueprint = space.blueprint(np.array([everywhere(space, "rank", 0.5).indices]))
    assert sum(p.numel() for p in network.parameters()) == int(blueprint.params[0])
    values = network.activations(torch.zeros(1, 3, 16, 16))
    for name, activation in blueprint.activations.items():
        assert activation.elements[0] in (0, values[name].numel()), name


@pytest.mark.parametrize(
    ("shares", "expected"),
    [((0.5, 1.0, 0.75), (1.0, 0.5)), ((0.9, 0.5, 0.45), (1.0, 0.9)), ((0.01,), (1.0, 0.01))],
)
def test_sides_are_multiples_of_the_networks_stride(
    shares: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    space = resnet(SpaceSettings(input_size=InputSizeSettings(shares=shares)))
    sides = {
        share: space.build(everywhere(space, "size", share)).input_shape
        for share in choices(space)["input.size"]
        if isinstance(share, float)
    }
    assert sides[1.0] == (1, 28, 28)
    assert all(side[1] % 8 == 0 and side[1] == side[2] for s, side in sides.items() if s < 1)
    assert len(set(sides.values())) == len(sides)
    assert set(sides) <= {1.0, *shares}
    assert len(sides) >= len(expected)


def test_a_linear_layer_that_reads_every_position_fixes_the_size() -> None:
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 4)
    )
    settings = SpaceSettings(input_size=InputSizeSettings())
    with pytest.raises(SpecError, match=r"'input\.size' cannot change to 12x12 here.*\[space"):
        CompressionSpace(model, torch.zeros(1, 3, 16, 16), settings=settings)


def test_a_network_that_counts_positions_is_traced_anew_for_another_size() -> None:
    shuffle = torchvision.models.shufflenet_v2_x0_5(num_classes=5).eval()
    settings = SpaceSettings(input_size=InputSizeSettings(shares=(0.5,)), pruning=PruningSettings())
    space = CompressionSpace(shuffle, torch.zeros(1, 3, 64, 64), settings=settings)
    smaller = space.search_space.from_choices(
        {"input.size": 0.5, "stage2.0.branch2.0.pruning_ratio": 0.5}
    )
    network = space.build(smaller)
    assert network(torch.zeros(3, 3, 32, 32)).shape == (3, 5)
    blueprint = space.blueprint(np.array([smaller.indices]))
    for name, value in network.activations(torch.zeros(1, 3, 32, 32)).items():
        if name in blueprint.activations:
            assert value.numel() == int(blueprint.activations[name].elements[0])


def test_the_size_of_what_is_no_picture_cannot_change() -> None:
    settings = SpaceSettings(input_size=InputSizeSettings())
    with pytest.raises(SpecError, match=r"'input\.size' needs pictures \[C, H, W\].*\[6\]"):
        CompressionSpace(nn.Linear(6, 4), torch.zeros(1, 6), settings=settings)


def test_a_network_that_no_technique_changes_is_refused() -> None:
    with pytest.raises(SpecError, match="nothing of this model can be compressed"):
        odd(SpaceSettings())
    with pytest.raises(SpecError, match="nothing of this model can be compressed"):
        odd(SpaceSettings(pruning=PruningSettings(ratios=(0.0,))))


def test_a_candidates_recipe_is_its_training_choices() -> None:
    space = odd(
        SpaceSettings(
            pruning=PruningSettings(),
            distillation=DistillationSettings(),
            schedule=ScheduleSettings(epochs=(8, 2), learning_rates=(0.1, 0.01)),
        )
    )
    plain = space.recipe(space.search_space.baseline())
    assert (plain.epochs, plain.learning_rate, plain.distillation) == (2, 0.01, None)
    taught = space.search_space.from_choices(
        {"training.epochs": 8, "distillation.weight": 0.9, "distillation.temperature": 4.0}
    )
    assert space.recipe(taught).epochs == 8
    assert space.recipe(taught).distillation == Distillation(0.9, 4.0)


def test_nothing_of_a_dropped_candidate_is_alive() -> None:
    space = odd()
    rng = np.random.default_rng(1)
    alive: list[weakref.ref[Any]] = []
    for row in space.search_space.random(3, rng):
        network = space.build(space.search_space.candidate(row)).train()
        network(pictures(network.input_shape, 2)).sum().backward()
        alive += [weakref.ref(network), *(weakref.ref(p) for p in network.parameters())]
    del network
    gc.collect()
    assert not any(reference() is not None for reference in alive)


def test_new_weights_are_of_the_same_shapes_and_another_seeds_differ() -> None:
    model, shape = make("odd")
    space = CompressionSpace(model, torch.zeros(1, *shape), settings=EVERYTHING)
    network = space.build(everywhere(space, "rank", 0.5))
    first, again, other = fresh(network, 1), fresh(network, 1), fresh(network, 2)
    for name, tensor in network.state_dict().items():
        assert first.state_dict()[name].shape == tensor.shape
        assert torch.equal(first.state_dict()[name], again.state_dict()[name])
    assert not torch.equal(first.state_dict()["stem.weight"], other.state_dict()["stem.weight"])
    assert torch.equal(first.state_dict()["stem_norm.running_var"], torch.ones(24))
    with torch.no_grad():
        assert bool(first(pictures(first.input_shape, 4)).isfinite().all())


def test_new_slopes_are_those_that_torch_begins_with() -> None:
    model = nn.Sequential(nn.Linear(6, 8), nn.PReLU(8, init=0.9), nn.Linear(8, 4))
    settings = SpaceSettings(pruning=PruningSettings())
    space = CompressionSpace(model, torch.zeros(1, 6), settings=settings)
    slopes = fresh(space.baseline_network(), 0).state_dict()["1.weight"]
    assert torch.equal(slopes, nn.PReLU(8).weight)
