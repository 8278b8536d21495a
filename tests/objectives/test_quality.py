from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.objectives.learning import fashion
from tightfit import Kind, MeasurementError, SpecError, Stage
from tightfit.objectives.quality import prepare_inputs, score_file
from tightfit.objectives.runtimes import Float32Array
from tightfit.objectives.task import classification

DATA = fashion(100, 300)
FILE = Path("model.onnx")


@dataclass
class Answers:
    """A runtime whose file answers the right class for pictures whose mean it has seen."""

    side: int = 28
    wrong: int = 0
    seen: list[tuple[int, ...]] = field(default_factory=list)
    done: int = 0

    @property
    def name(self) -> str:
        return "answers"

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        return ((1, self.side, self.side),)

    def open(self, _path: Path) -> Answers:
        return self

    def run(self, inputs: Sequence[Float32Array]) -> list[Float32Array]:
        count = len(inputs[0])
        self.seen.append(inputs[0].shape)
        right = DATA.validation.targets[self.done : self.done + count].numpy().copy()
        broken = max(0, min(count, self.wrong - self.done))
        right[:broken] = (right[:broken] + 1) % 10
        self.done += count
        return [np.eye(10, dtype=np.float32)[right]]


def test_a_file_is_scored_on_every_picture_of_the_split() -> None:
    runtime = Answers(wrong=75)
    reading = score_file(
        FILE, DATA.validation, data=DATA, task=classification(), runtime=runtime, batch=128
    )
    assert reading.value == pytest.approx(0.75)
    assert reading.stderr == pytest.approx((0.75 * 0.25 / 300) ** 0.5)
    assert (reading.repeats, reading.kind, reading.stage) == (300, Kind.MEASURED, Stage.LEARNED)
    assert sum(shape[0] for shape in runtime.seen) == 300


def test_a_file_gets_pictures_of_the_size_that_it_wants() -> None:
    runtime = Answers(side=14)
    score_file(FILE, DATA.validation, data=DATA, task=classification(), runtime=runtime)
    assert {shape[1:] for shape in runtime.seen} == {(1, 14, 14)}


def test_a_score_that_is_not_finite_is_no_reading() -> None:
    task = replace(classification(), score=lambda _outputs, _targets: (float("nan"), 0.0))
    with pytest.raises(MeasurementError, match="must be finite"):
        score_file(FILE, DATA.validation, data=DATA, task=task, runtime=Answers())


def test_prepared_inputs_are_normalized() -> None:
    prepared = prepare_inputs(DATA, DATA.train.inputs, (1, 28, 28))
    assert prepared.dtype == torch.float32
    assert float(prepared.mean()) == pytest.approx(0.0, abs=1e-4)


def test_half_the_side_is_an_average_of_neighbours() -> None:
    board = torch.zeros(1, 1, 28, 28, dtype=torch.uint8)
    board[:, :, ::2] = 255
    small = prepare_inputs(DATA, board, (1, 14, 14))
    gray = DATA.normalize(torch.full((1, 1, 1, 1), 128, dtype=torch.uint8))
    assert small.shape == (1, 1, 14, 14)
    assert torch.allclose(small[:, :, 2:-2, 2:-2], gray, atol=0.02)


@pytest.mark.parametrize("wanted", [(3, 14, 14), (784,)])
def test_only_the_sides_of_pictures_can_change(wanted: tuple[int, ...]) -> None:
    with pytest.raises(SpecError, match=r"\[1, 28, 28\] cannot be brought to"):
        prepare_inputs(DATA, DATA.train.inputs, wanted)
