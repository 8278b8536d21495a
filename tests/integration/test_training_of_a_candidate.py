"""A pruned, quantized candidate learns, and its file is what was trained."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.objectives.learning import FLOAT, fashion, quiet, steady, teacher_of
from tightfit import Candidate, Distillation, Recipe
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.calibration import calibration_batches
from tightfit.objectives.data import Data
from tightfit.objectives.pauses import EndedEarly, Pauses
from tightfit.objectives.portion import Portion
from tightfit.objectives.quality import prepare_inputs, score_file
from tightfit.objectives.runtimes import OnnxRuntime
from tightfit.objectives.task import classification
from tightfit.objectives.teacher import Teacher
from tightfit.objectives.training import Trainer, TrainingSettings
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import (
    InputSizeSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

DATA = fashion()
TASK = classification()
SETTINGS = TrainingSettings(batch_size=64)
SPACE = SpaceSettings(
    pruning=PruningSettings(per="network", ratios=(0.0, 0.5), align=4),
    quantization=QuantizationSettings(per="network", bits=(None, 8, 4)),
    input_size=InputSizeSettings(shares=(1.0, 0.5)),
)


def trainer(teacher: Teacher | None) -> Trainer:
    return Trainer(data=DATA, task=TASK, precision=FLOAT, teacher=teacher, settings=SETTINGS)


@pytest.fixture(scope="module")
def baseline() -> nn.Module:
    recipe = Recipe(epochs=12, learning_rate=0.2)
    return trainer(None)(steady(), recipe, seed=0, progress=quiet)


@pytest.fixture(scope="module")
def teacher(baseline: nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Teacher:
    return teacher_of(baseline, DATA, tmp_path_factory.mktemp("teacher"))


@pytest.fixture(scope="module")
def space(baseline: nn.Module) -> CompressionSpace:
    return CompressionSpace(baseline, torch.zeros(1, *DATA.input_shape), settings=SPACE)


def chosen(space: CompressionSpace, *, ratio: float, bits: int | None, size: float) -> Candidate:
    by_kind = {"pruning_ratio": ratio, "bits": bits, "size": size}
    names = [hparam.name for hparam in space.search_space.hparams]
    return space.search_space.from_choices(
        {name: by_kind[kind] for name in names if (kind := name.rpartition(".")[2]) in by_kind}
    )


def accuracy(model: nn.Module, data: Data, shape: tuple[int, ...]) -> float:
    with torch.no_grad():
        outputs = model(prepare_inputs(data, data.validation.inputs, shape))
    return TASK.measure(outputs, data.validation.targets)[0]


@pytest.mark.parametrize(("bits", "size"), [(8, 1.0), (4, 1.0), (8, 0.5), (None, 1.0)])
def test_the_file_is_as_good_as_the_network_that_was_trained(
    space: CompressionSpace, teacher: Teacher, tmp_path: Path, bits: int | None, size: float
) -> None:
    network = space.build(chosen(space, ratio=0.5, bits=bits, size=size))
    recipe = Recipe(epochs=6, learning_rate=0.1, distillation=Distillation(0.9, 4.0))
    trained = trainer(teacher)(network, recipe, seed=0, progress=quiet)
    assert trained is network
    assert network.quantization is (bits is not None)
    path = tmp_path / "model.onnx"
    write_onnx(network.program(), path, metadata={})
    reading = score_file(
        path, DATA.validation, data=DATA, task=TASK, runtime=OnnxRuntime(threads=1)
    )
    in_torch = accuracy(network, DATA, network.input_shape)
    assert reading.value == pytest.approx(in_torch, abs=2.01 / 300)
    assert reading.value > 0.4


def test_a_pruned_network_is_brought_back_by_training(
    space: CompressionSpace, teacher: Teacher, baseline: nn.Module
) -> None:
    network = space.build(chosen(space, ratio=0.5, bits=8, size=1.0))
    before = accuracy(network, DATA, network.input_shape)
    recipe = Recipe(epochs=8, learning_rate=0.1, distillation=Distillation(0.9, 4.0))
    trainer(teacher)(network, recipe, seed=0, progress=quiet)
    after = accuracy(network, DATA, network.input_shape)
    assert after > before + 0.1
    assert after > accuracy(baseline, DATA, DATA.input_shape) - 0.12


def test_who_looks_at_a_training_leaves_it_as_it_is(
    space: CompressionSpace, teacher: Teacher
) -> None:
    recipe = Recipe(epochs=2, learning_rate=0.1, distillation=Distillation(0.9, 4.0))
    candidate = chosen(space, ratio=0.5, bits=4, size=1.0)
    looked: dict[float, bool] = {}

    def look(share: float, twin: nn.Module) -> None:
        assert isinstance(twin, Network)
        looked[share] = twin.quantization
        twin.recalibrate_norms(calibration_batches(twin, DATA))
        with torch.no_grad():
            for parameter in twin.parameters():
                parameter.zero_()

    left_alone = trainer(teacher)(space.build(candidate), recipe, seed=3, progress=quiet)
    watched = trainer(teacher)(
        space.build(candidate),
        recipe,
        seed=3,
        progress=quiet,
        pauses=Pauses((0.25, 0.5, 0.9), look),
    )
    # Rounding begins after six tenths of the steps.
    assert looked == {0.25: False, 0.5: False, 0.9: True}
    expected, found = left_alone.state_dict(), watched.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_a_look_may_end_a_training(space: CompressionSpace) -> None:
    def enough(share: float, _twin: nn.Module) -> None:
        raise EndedEarly(f"enough at {share}")

    steps: list[int] = []
    with pytest.raises(EndedEarly, match=r"enough at 0\.5"):
        trainer(None)(
            space.build(chosen(space, ratio=0.5, bits=8, size=1.0)),
            Recipe(epochs=1, learning_rate=0.1),
            seed=0,
            progress=lambda done, _total, _loss: steps.append(done),
            pauses=Pauses((0.5,), enough),
        )
    assert steps[-1] == 6


def test_a_promoted_candidate_pays_only_the_difference_between_shares_of_the_data(
    space: CompressionSpace,
) -> None:
    """What a rung ends had a fifth of the inputs; what goes on keeps all that it learned of it."""
    candidate, recipe = chosen(space, ratio=0.5, bits=8, size=1.0), Recipe(2, 0.1)
    settings = replace(SETTINGS, portions=(Portion(0.25, 0.2),))
    steps: list[int] = []
    seen: list[set[bytes]] = []

    def augment(inputs: Tensor, _generator: torch.Generator) -> Tensor:
        seen.append({each.numpy().tobytes() for each in inputs})
        return inputs

    def trained(pauses: Pauses) -> nn.Module:
        seen.clear()
        steps.clear()
        by_portions = Trainer(
            data=DATA, task=replace(TASK, augment=augment), precision=FLOAT, settings=settings
        )
        return by_portions(
            space.build(candidate),
            recipe,
            seed=3,
            progress=lambda done, _total, _loss: steps.append(done),
            pauses=pauses,
        )

    def end(share: float, _twin: nn.Module) -> None:
        raise EndedEarly(f"enough at {share}")

    with pytest.raises(EndedEarly):
        trained(Pauses((0.25,), end))
    rung = len(steps)
    assert rung == 6
    few = set().union(*seen)
    assert len(few) <= 0.2 * 768 + 1

    looked: list[int] = []
    promoted = trained(Pauses((0.25,), lambda _share, _twin: looked.append(len(steps))))
    assert looked == [rung]
    # As many steps as any training has: those after the rung are all that is paid for it.
    assert steps[-1] == len(seen) == 24
    assert set().union(*seen[:rung]) == few
    assert len(set().union(*seen[rung:])) == 768
    uninterrupted = trained(Pauses()).state_dict()
    found = promoted.state_dict()
    assert all(torch.equal(found[name], each) for name, each in uninterrupted.items())
