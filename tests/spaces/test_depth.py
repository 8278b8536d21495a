"""Residual blocks: which are found, what dropping them means, and what it costs."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.nets import make, pictures
from tests.spaces.odd_nets import NormsFirst, Skips
from tests.spaces.recompiled import recompiled
from tightfit import Blueprint, SpecError
from tightfit.objectives.metrics import compute_static
from tightfit.objectives.profile import CPU
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import (
    EVERYTHING,
    DepthSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

BLOCKS = ("layer1.0", "layer1.1", "layer2.1", "layer3.1", "layer4.1")
DEPTH = SpaceSettings(depth=DepthSettings())


def space_of(name: str, settings: SpaceSettings = DEPTH) -> CompressionSpace:
    model, shape = make(name)
    return CompressionSpace(model, torch.zeros(1, *shape), settings=settings)


def found_in(model: nn.Module, shape: tuple[int, ...] = (3, 8, 8)) -> list[str]:
    settings = SpaceSettings(quantization=QuantizationSettings())
    space = CompressionSpace(model, torch.zeros(1, *shape), settings=settings)
    return [block.name for block in space.blocks]


class Residual(nn.Module):
    """Two blocks and a head; subclasses change how they hang together."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.head = nn.Conv2d(3, 16, 3), nn.Linear(16, 4)
        self.one, self.two = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1)

    def features(self, x: Tensor) -> Tensor:
        x = x + self.one(x)
        found: Tensor = x + self.two(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(self.features(self.stem(x)).mean((2, 3)))
        return scores


class ReadOutside(Residual):
    """The first branch is read by more than its sum."""

    def features(self, x: Tensor) -> Tensor:
        branch = self.one(x)
        x = torch.tanh(x + branch) * torch.sigmoid(branch)
        found: Tensor = x + self.two(x)
        return found


class ReadAgain(Residual):
    """The first skip is read once more behind its block."""

    def features(self, x: Tensor) -> Tensor:
        y = torch.tanh(x + self.one(x))
        found: Tensor = torch.tanh(y + self.two(y)) * x
        return found


class ReadBefore(Residual):
    """The skip of the first block is read by something else while the block is computed."""

    def features(self, x: Tensor) -> Tensor:
        branch = self.one(x)
        y = torch.sigmoid(self.two(torch.cat([x[:, 8:], x[:, :8]], 1)))
        found: Tensor = (x + branch) * y
        return found


class Masked(Residual):
    """The first block and what is behind it read masks of equal numbers."""

    inside: Tensor
    behind: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("inside", "behind"):
            self.register_buffer(name, torch.arange(16.0).view(16, 1, 1))

    def features(self, x: Tensor) -> Tensor:
        x = x + self.one(x * self.inside)
        found: Tensor = torch.relu(self.two(x)) * self.behind
        return found


class ReachesAround(Residual):
    """The first branch reads something in front of its skip, too."""

    def features(self, x: Tensor) -> Tensor:
        y = torch.tanh(x)
        x = y + self.one(y) * x
        found: Tensor = x + self.two(x)
        return found


class Projected(Residual):
    """The first skip goes through a layer of its own."""

    def features(self, x: Tensor) -> Tensor:
        found: Tensor = self.one(x) + self.two(x)
        return found


class Broadcast(Residual):
    """What the first branch gives is smaller than its skip."""

    def features(self, x: Tensor) -> Tensor:
        x = x + self.one(x.mean((2, 3), keepdim=True))
        found: Tensor = x + self.two(x)
        return found


class Shared(Residual):
    """One layer in both branches."""

    def features(self, x: Tensor) -> Tensor:
        x = x + self.one(x)
        found: Tensor = x + torch.tanh(self.one(x)) + 0 * self.two(x)
        return found


class Unscored(Residual):
    """The last block gives the scores themselves."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).mean((2, 3), keepdim=True)
        x = x + self.one(x)
        scores: Tensor = (x + self.two(x)).flatten(1)
        return scores


def test_the_identity_blocks_of_a_resnet_are_found_by_name() -> None:
    space = space_of("resnet18")
    assert tuple(block.name for block in space.blocks) == BLOCKS
    assert [hparam.name for hparam in space.search_space.hparams[:5]] == [
        f"{block}.depth" for block in BLOCKS
    ]
    assert space.search_space.hparams[0].choices == (1, 0)


def test_an_encoder_layer_of_a_transformer_has_two_blocks() -> None:
    layers = [f"encoder.layers.encoder_layer_{number}" for number in range(2)]
    assert [block.name for block in space_of("small_vit").blocks] == [
        f"{layer}.{part}" for layer in layers for part in ("self_attention", "mlp")
    ]


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (Residual, ["one", "two"]),
        (ReadOutside, ["two"]),
        (ReadAgain, ["two"]),
        (ReachesAround, ["two"]),
        (Projected, []),
        (Broadcast, ["two"]),
        (Shared, []),
        (Unscored, ["one"]),
    ],
)
def test_only_what_hangs_between_a_skip_and_its_sum_is_a_block(
    model: type[Residual], names: list[str]
) -> None:
    assert found_in(model()) == names


def test_a_norm_behind_blocks_never_becomes_a_part_of_the_layer_before_them() -> None:
    assert found_in(NormsFirst(), (3, 16, 16)) == ["layers.0"]


def test_a_network_keeps_a_layer_with_weights() -> None:
    class Headless(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            x = x + torch.tanh(self.one(x))
            scores: Tensor = (x + torch.tanh(self.two(x))).mean((2, 3))
            return scores

    assert found_in(Headless()) == ["one"]


def test_a_network_without_blocks_has_no_depth() -> None:
    with pytest.raises(SpecError, match="nothing of this model can be compressed by the tech"):
        CompressionSpace(Projected(), torch.zeros(1, 3, 8, 8), settings=DEPTH)


def test_blocks_of_a_stage_go_from_its_last_one() -> None:
    space = space_of("resnet18", SpaceSettings(depth=DepthSettings(per="stage")))
    choices = {hparam.name: hparam.choices for hparam in space.search_space.hparams}
    assert choices["stage1.depth"] == (2, 1, 0)
    assert choices["stage4.depth"] == (1, 0)
    network = space.build(space.search_space.from_choices({"stage1.depth": 1}))
    names = {name for name, _ in network.named_parameters()}
    assert "layer1.0.conv1.weight" in names
    assert "layer1.1.conv1.weight" not in names


def test_layers_with_channels_last_have_the_stages_of_their_resolution() -> None:
    space = space_of("convnext_tiny", SpaceSettings(depth=DepthSettings(per="stage")))
    counts = {hparam.name: len(hparam.choices) - 1 for hparam in space.search_space.hparams}
    assert [counts[f"stage{number}.depth"] for number in range(1, 5)] == [3, 3, 9, 3]


def test_what_is_chosen_for_a_dropped_blocks_layers_makes_no_other_candidate() -> None:
    space = space_of("resnet18", EVERYTHING).search_space
    gone = {"layer3.1.depth": 0}
    inside = {"layer3.1.conv1.bits": 8, "layer3.1.conv2.rank": 0.5}
    inside |= {"layer3.1.conv1.pruning_ratio": 0.5}
    assert space.from_choices({**gone, **inside}).key == space.from_choices(gone).key
    assert space.from_choices(inside).key != space.baseline().key
    tied = {"layer3.0.conv2.pruning_ratio": 0.5}  # the channels of the whole stage
    assert space.from_choices({**gone, **tied}).key != space.from_choices(gone).key


def test_bits_that_a_stage_shares_are_active_while_any_of_its_blocks_is_there() -> None:
    depth, bits = DepthSettings(per="stage"), QuantizationSettings(per="stage")
    space = space_of("small_vit", SpaceSettings(depth=depth, quantization=bits)).search_space
    assert space.hparams[0].choices == (4, 3, 2, 1, 0)
    assert space.hparams[space.column("stage2.bits")].active_if == ("stage2.depth", (0, 1, 2, 3))
    assert space.hparams[space.column("head.bits")].active_if is None
    by_layer = SpaceSettings(depth=depth, quantization=QuantizationSettings())
    space = space_of("small_vit", by_layer).search_space
    first = space.hparams[space.column("encoder.layers.encoder_layer_0.mlp.0.bits")]
    assert space.hparams[0].choices == (4, 3, 2, 1, 0)
    assert first.active_if == ("stage2.depth", (0, 1, 2))  # it is the second of four


def test_blocks_within_a_dropped_block_make_no_other_candidate() -> None:
    space = space_of("Skips", EVERYTHING).search_space
    assert space.hparams[space.column("inner.depth")].active_if == ("outer.depth", (0,))
    gone = space.from_choices({"outer.depth": 0})
    assert space.from_choices({"outer.depth": 0, "inner.depth": 0, "inner.bits": 8}) == gone


def test_a_dropped_block_gives_what_it_read() -> None:
    model, shape = make("Skips")
    assert isinstance(model, Skips)
    space = CompressionSpace(model, torch.zeros(1, *shape), settings=DEPTH)
    gone = ("fused", "alone", "second", "outer", "last")
    network = space.build(space.search_space.from_choices({f"{name}.depth": 0 for name in gone}))
    inputs = pictures(shape, 4)
    with torch.no_grad():
        x = torch.relu(model.norm(model.stem(inputs)))
        x = F.hardswish(F.relu6(x + model.clipped(x)))
        x = torch.relu(torch.relu(x) + model.first(torch.relu(x)))
        x = model.down(torch.tanh(x))
        x = torch.relu(x + model.late(x * model.mask))
        expected = model.head(F.avg_pool2d(x, 2).mean((2, 3)))
        assert torch.allclose(network(inputs), expected, atol=1e-5)


def test_an_activation_goes_with_its_block_where_it_would_be_applied_twice() -> None:
    space = space_of("resnet18")
    everything = space.search_space.from_choices({f"{name}.depth": 0 for name in BLOCKS})
    operators = [node.operator for node in space.build(everything).graph.nodes]
    assert operators.count("relu") == 1 + 2 * 3
    assert operators.count("add") == 3


@pytest.mark.parametrize("name", ["resnet18", "small_vit", "convnext_tiny"])
def test_a_network_without_any_of_its_blocks_learns(name: str) -> None:
    space = space_of(name)
    gone = {hparam.name: 0 for hparam in space.search_space.hparams if ".depth" in hparam.name}
    network = space.build(space.search_space.from_choices(gone)).train()
    loss = F.cross_entropy(network(pictures(network.input_shape, 4)), torch.arange(4))
    loss.backward()  # type: ignore[no-untyped-call]
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert bool(parameter.grad.isfinite().all()), parameter_name


def assert_every_way_costs_what_is_built(space: CompressionSpace, n: int) -> None:
    hparams, rng = space.search_space.hparams, np.random.default_rng(0)
    depths = [c for c, hparam in enumerate(hparams) if hparam.name.endswith(".depth")]
    ways = rng.permutation(list(product((0, 1), repeat=len(depths))))[:n]
    batch = space.search_space.random(len(ways), rng)
    batch[:, depths] = ways
    batch = space.search_space.canonical(batch)
    found = compute_static(space.blueprint(batch), CPU)
    for position, row in enumerate(batch):
        network = space.build(space.search_space.candidate(row))
        for name, value in compute_static(recompiled(network), CPU).items():
            names = 0.1 if name in ("size_kb", "flash_kb") else 0.0
            assert found[name][position] == pytest.approx(float(value[0]), abs=names), name


WITH_BITS = SpaceSettings(
    depth=DepthSettings(), quantization=QuantizationSettings(), pruning=PruningSettings()
)


def test_every_way_to_drop_blocks_costs_what_the_built_network_costs() -> None:
    assert_every_way_costs_what_is_built(space_of("Skips", WITH_BITS), 160)


def test_a_skip_that_is_read_before_its_dropped_block_ends_stays_in_memory() -> None:
    space = CompressionSpace(ReadBefore(), torch.zeros(1, 3, 8, 8), settings=WITH_BITS)
    assert [block.name for block in space.blocks] == ["one"]
    assert_every_way_costs_what_is_built(space, 2)


def test_what_a_dropped_block_computes_takes_no_memory() -> None:
    space = space_of("resnet18")
    batch = space.search_space.batch([space.search_space.from_choices({"layer2.1.depth": 0})])
    blueprint = space.blueprint(batch)
    inside = [each for each in blueprint.operations if each.name.startswith("layer2.1.")]
    assert len(inside) == 3
    assert not any(each.present[0] for each in inside)
    assert int(blueprint.activations[inside[0].output].elements[0]) == 0
    # The sum's output is the skip by another name.
    assert inside[-1].otherwise in blueprint.activations


def constant_bytes(blueprint: Blueprint) -> list[int]:
    """Return the bytes of all masks, by candidate."""
    none = np.zeros(blueprint.n, dtype=np.int64)
    counts = [none + each.constant_bytes for each in blueprint.operations]
    return [int(each) for each in np.sum(counts, axis=0)]


def test_equal_masks_stand_in_the_file_while_any_block_reads_one() -> None:
    space = space_of("Skips")
    for gone, size in (((), 96), (("last",), 96), (("late",), 96), (("last", "late"), 0)):
        candidate = space.search_space.from_choices({f"{name}.depth": 0 for name in gone})
        assert constant_bytes(space.blueprint(np.array([candidate.indices]))) == [size]
    assert constant_bytes(space.baseline_blueprint()) == [96]


def test_a_mask_that_a_block_has_as_well_is_counted_once() -> None:
    space = CompressionSpace(Masked(), torch.zeros(1, 3, 8, 8), settings=DEPTH)
    assert [block.name for block in space.blocks] == ["one"]
    whole = space.search_space.from_choices({})
    gone = space.search_space.from_choices({"one.depth": 0})
    batch = np.array([whole.indices, gone.indices])
    assert constant_bytes(space.blueprint(batch)) == [64, 64]
