"""Fine-tunes one network, again with other seeds where that is asked, and says what it took."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from torch import nn

from tightfit.objectives.peak_memory import PeakMemory
from tightfit.objectives.quality_metrics import Tuning

SEED_STEP = 1_000_003
"""Between the seeds of one candidate; those of neighbouring trials differ by one."""


class Effort:
    """What a training takes: seconds, and memory where that is watched; pauses do not count."""

    def __init__(self, *, memory: bool) -> None:
        self.seconds = 0.0
        self._began = 0.0
        self._memory = PeakMemory() if memory else None

    @property
    def peak_kb(self) -> tuple[float, ...]:
        """Resident memory above what was before; empty where nobody watched."""
        return () if self._memory is None else (self._memory.kilobytes,)

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Count what is done inside."""
        with self._memory or nullcontext():
            self._began = time.perf_counter()
            yield
            self.seconds += time.perf_counter() - self._began

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Count nothing of what is done inside, in the midst of what is counted."""
        self.seconds += time.perf_counter() - self._began
        with self._memory.suspended() if self._memory else nullcontext():
            yield
        self._began = time.perf_counter()


Train = Callable[[nn.Module, int, Effort], nn.Module]
"""Trains a network in place with a seed, and returns it; it may suspend the count of its effort."""

Accuracy = Callable[[nn.Module], float]
"""Of a network's file."""


@dataclass(frozen=True, slots=True)
class FineTuning:
    """How a network is fine-tuned.

    Attributes:
        train: Does it.
        accuracy: Judges those that are not delivered.
        repeats: How many times it is done, each time from the same weights.
        memory: Whether its memory is watched.
    """

    train: Train
    accuracy: Accuracy
    repeats: int = 1
    memory: bool = False

    def __call__(self, model: nn.Module, seed: int) -> tuple[nn.Module, Tuning]:
        """Return the network trained with the first seed, and what the training took.

        Raises:
            CandidateError: The training diverges or takes too long.
            MeasurementError: The file of one that is not delivered does not run.
        """
        untrained = copy.deepcopy(model) if self.repeats > 1 else None
        seconds: list[float] = []
        peaks: list[float] = []
        others = []
        delivered = model
        for number in range(self.repeats):
            network = model if untrained is None or not number else copy.deepcopy(untrained)
            effort = Effort(memory=self.memory)
            with effort.spent():
                trained = self.train(network, seed + number * SEED_STEP, effort)
            seconds.append(effort.seconds)
            peaks += effort.peak_kb
            if number:
                others.append(self.accuracy(trained))
            else:
                delivered = trained
        return delivered, Tuning(tuple(seconds), tuple(peaks), tuple(others))
