"""A metric of what is delivered, beside the task's own score."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Flag, auto

from tightfit import Kind, MeasurementError, Metric, Reading, Stage
from tightfit.objectives.quality_metrics.subject import Subject


class Needs(Flag):
    """What a metric cannot be taken without.

    CLASSES: targets that are numbers of classes. PICTURES: inputs ``[C, H, W]`` of one or three
    channels. TUNING: a fine-tuning, which the uncompressed network has not had.
    """

    NOTHING = 0
    CLASSES = auto()
    PICTURES = auto()
    TUNING = auto()


@dataclass(frozen=True, slots=True)
class QualityMetric:
    """A metric with the function that takes it.

    Attributes:
        metric: Name, unit, direction and kind.
        measure: Of a network in both of its forms, after training.
        needs: What it cannot be taken without.
        upper_bound: Whether the truth may lie below what was measured, however often it is.
    """

    metric: Metric
    measure: Callable[[Subject], Reading]
    needs: Needs
    upper_bound: bool = False

    @property
    def of_baseline(self) -> bool:
        """Whether the uncompressed network has a reading too."""
        return Needs.TUNING not in self.needs


def share(count: int, total: int) -> Reading:
    """Return a measured share with its binomial standard error."""
    value = count / total
    stderr = math.sqrt(value * (1 - value) / total)
    return Reading(value, Kind.MEASURED, Stage.LEARNED, stderr=stderr, repeats=total, answers=True)


def mean_of_tunings(values: Sequence[float]) -> Reading:
    """Return what fine-tunings took in the mean; its standard error where there were several.

    Raises:
        MeasurementError: Nothing was fine-tuned, or nobody looked.
    """
    if not values:
        raise MeasurementError("what fine-tuning takes was not measured: there was none")
    count = len(values)
    stderr = statistics.stdev(values) / math.sqrt(count) if count > 1 else 0.0
    value = statistics.fmean(values)
    return Reading(value, Kind.MEASURED, Stage.LEARNED, stderr=stderr, repeats=count)
