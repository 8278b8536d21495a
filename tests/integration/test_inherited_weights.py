"""A network begins with what another one has learned, where that answers better."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.objectives.learning import FLOAT, fashion, quiet, steady
from tightfit import Candidate, Choice, Recipe, Start
from tightfit.objectives.calibration import settle
from tightfit.objectives.inheritance import WEIGHTS_FILE, better_start
from tightfit.objectives.task import classification
from tightfit.objectives.training import Trainer, TrainingSettings
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import PruningSettings, QuantizationSettings, SpaceSettings

DATA = fashion()
TRAINER = Trainer(
    data=DATA, task=classification(), precision=FLOAT, settings=TrainingSettings(batch_size=64)
)
SPACE = SpaceSettings(
    pruning=PruningSettings(per="network", ratios=(0.0, 0.25, 0.5), align=4),
    quantization=QuantizationSettings(per="network", bits=(8, 4)),
)


@pytest.fixture(scope="module")
def space() -> CompressionSpace:
    baseline = TRAINER(steady(), Recipe(4, 0.2), seed=0, progress=quiet)
    return CompressionSpace(baseline, torch.zeros(1, *DATA.input_shape), settings=SPACE)


def chosen(space: CompressionSpace, ratio: float, bits: int) -> Candidate:
    choices: dict[str, Choice] = {"network.pruning_ratio": ratio, "network.bits": bits}
    return space.search_space.from_choices(choices)


def begun(
    space: CompressionSpace, candidate: Candidate, donors: list[tuple[Candidate, Path]]
) -> tuple[Network, Start | None]:
    network = space.build(candidate)
    settle(network, DATA)

    def fitted(donor: Candidate, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return space.inherited(candidate, donor, own=network.state_dict(), given=given)

    start = better_start(network, donors, fitted=fitted, data=DATA, task=TRAINER.task)
    return network, start


def kept(space: CompressionSpace, donor: Candidate, folder: Path, *, learning_rate: float) -> Path:
    """Train a candidate and keep what it became."""
    network = space.build(donor)
    trained = TRAINER(network, Recipe(4, learning_rate), seed=1, progress=quiet)
    folder.mkdir()
    state = {name: each.contiguous() for name, each in trained.state_dict().items()}
    save_file(state, folder / WEIGHTS_FILE)
    return folder


def test_a_trained_one_is_inherited_from(space: CompressionSpace, tmp_path: Path) -> None:
    heir, donor = chosen(space, 0.5, 4), chosen(space, 0.5, 8)
    folder = kept(space, donor, tmp_path / "donor", learning_rate=0.1)
    network, start = begun(space, heir, [(chosen(space, 0.25, 8), tmp_path), (donor, folder)])
    assert start is not None
    assert start.donor == donor
    assert start.inherited
    assert start.loss < 0.9 * start.sliced_loss
    sliced, nothing = begun(space, heir, [])
    assert nothing is None
    state, other = network.state_dict(), sliced.state_dict()
    assert not torch.equal(state["conv2.weight"], other["conv2.weight"])
    # The heir is a network like any other: it has a file, and its first step is not its last.
    assert network.program()


def test_a_worse_one_leaves_every_bit_as_it_was(space: CompressionSpace, tmp_path: Path) -> None:
    heir, donor = chosen(space, 0.25, 8), chosen(space, 0.5, 8)
    folder = tmp_path / "donor"
    folder.mkdir()
    noise = {
        name: torch.randn_like(t) if t.is_floating_point() else t
        for name, t in space.build(donor).state_dict().items()
    }
    save_file(noise, folder / WEIGHTS_FILE)
    network, start = begun(space, heir, [(donor, folder)])
    assert start is not None
    assert not start.inherited
    sliced = begun(space, heir, [])[0].state_dict()
    assert all(torch.equal(each, sliced[name]) for name, each in network.state_dict().items())


@pytest.mark.parametrize("content", [None, b"", b"not a file of tensors"])
def test_weights_that_are_gone_or_broken_are_passed_over(
    space: CompressionSpace, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / WEIGHTS_FILE).write_bytes(content)
    assert begun(space, chosen(space, 0.5, 8), [(chosen(space, 0.5, 4), tmp_path)])[1] is None


def test_what_gives_no_number_is_not_inherited(space: CompressionSpace, tmp_path: Path) -> None:
    heir, donor = chosen(space, 0.5, 4), chosen(space, 0.5, 8)
    broken = {
        name: torch.full_like(t, torch.nan) if t.is_floating_point() else t
        for name, t in space.build(donor).state_dict().items()
    }
    save_file(broken, tmp_path / WEIGHTS_FILE)
    network, start = begun(space, heir, [(donor, tmp_path)])
    assert start is None
    assert all(bool(each.isfinite().all()) for each in network.state_dict().values())
