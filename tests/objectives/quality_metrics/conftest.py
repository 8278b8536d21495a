"""Judges of networks that need no file: a runtime that runs torch modules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.objectives.learning import FLOAT, fashion, quiet, steady
from tightfit import Recipe
from tightfit.objectives.quality_metrics import QualitySettings, Subject
from tightfit.objectives.runtimes import Float32Array
from tightfit.objectives.task import classification
from tightfit.objectives.training import Trainer, TrainingSettings

DATA = fashion()


@dataclass
class Modules:
    """A runtime whose files are torch modules, by name; it counts how often each was opened."""

    modules: dict[str, nn.Module]
    opened: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "torch"

    def open(self, path: Path) -> Opened:
        self.opened.append(path.name)
        return Opened(self.modules[path.name])


@dataclass
class Opened:
    """One module."""

    module: nn.Module

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        return (DATA.input_shape,)

    def run(self, inputs: Sequence[Float32Array]) -> list[Float32Array]:
        with torch.no_grad():
            return [self.module(torch.from_numpy(inputs[0])).numpy()]


class Answers(nn.Module):
    """Gives the classes of a list, one after the other, whatever it sees."""

    def __init__(self, classes: Sequence[int]) -> None:
        super().__init__()
        self.classes = list(classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        some, self.classes = self.classes[: len(inputs)], self.classes[len(inputs) :]
        return torch.eye(10)[some]


Judged = Callable[..., Subject]


@pytest.fixture(scope="session")
def learned() -> nn.Module:
    """A small net that has learned a little fashion."""
    settings = TrainingSettings(batch_size=64)
    trainer = Trainer(data=DATA, task=classification(), precision=FLOAT, settings=settings)
    return trainer(steady(), Recipe(epochs=8, learning_rate=0.2), seed=0, progress=quiet)


@pytest.fixture
def judged(tmp_path: Path) -> Judged:
    """A factory: ``judged(candidate, baseline=None, **changes of the subject)``."""

    def make(candidate: nn.Module, baseline: nn.Module | None = None, **changes: object) -> Subject:
        modules = {"candidate": candidate, "baseline": baseline or candidate}
        subject = Subject(
            file=tmp_path / "candidate",
            model=candidate,
            baseline=tmp_path / "baseline",
            data=DATA,
            split=DATA.validation,
            runtime=Modules(modules),
            settings=QualitySettings(),
        )
        return replace(subject, **changes)  # type: ignore[arg-type]

    return make
