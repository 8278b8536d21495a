"""Fine-tunes one network, again with other seeds where that is asked, and says what it took."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

from torch import nn

from tightfit.objectives.peak_memory import PeakMemory
from tightfit.objectives.quality_metrics import Tuning

SEED_STEP = 1_000_003
"""Between the seeds of one candidate; those of neighbouring trials differ by one."""

Train = Callable[[nn.Module, int], nn.Module]
"""Trains a network in place with a seed, and returns it."""

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
        seconds, peaks, others = [], [], []
        delivered = model
        for number in range(self.repeats):
            network = model if untrained is None or not number else copy.deepcopy(untrained)
            watch = PeakMemory() if self.memory else None
            started = time.perf_counter()
            with watch or nullcontext():
                trained = self.train(network, seed + number * SEED_STEP)
            seconds.append(time.perf_counter() - started)
            if watch is not None:
                peaks.append(watch.kilobytes)
            if number:
                others.append(self.accuracy(trained))
            else:
                delivered = trained
        return delivered, Tuning(tuple(seconds), tuple(peaks), tuple(others))
