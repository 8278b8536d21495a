"""How much the accuracy depends on the seed of the fine-tuning.

Each candidate is fine-tuned several times, which costs as many times the training; the first one
is delivered. Bouthillier et al., "Accounting for variance in machine learning benchmarks", MLSys
2021, say how much of what looks like progress is this.
"""

from __future__ import annotations

import math
import statistics

from tightfit import Direction, Kind, MeasurementError, Metric, Reading, Stage
from tightfit.objectives.quality_metrics.quality_metric import Needs, QualityMetric
from tightfit.objectives.quality_metrics.subject import Subject


def measure(subject: Subject) -> Reading:
    """Return the standard deviation over seeds, with the standard error of such a deviation.

    All seeds are judged by the same inputs, so that which inputs those are is not part of it. The
    error is that for normally distributed accuracies.

    Raises:
        MeasurementError: There was one fine-tuning alone.
    """
    others = subject.tuning.other_accuracies if subject.tuning is not None else ()
    if not others:
        raise MeasurementError("'accuracy_std' needs at least two fine-tunings, there was one")
    accuracies = [float(subject.right.double().mean()), *others]
    value, count = statistics.stdev(accuracies), len(accuracies)
    stderr = value / math.sqrt(2 * (count - 1))
    return Reading(value, Kind.MEASURED, Stage.LEARNED, stderr=stderr, repeats=count)


ACCURACY_STD = QualityMetric(
    Metric(
        name="accuracy_std",
        unit="",
        direction=Direction.MINIMIZE,
        stage=Stage.LEARNED,
        kind=Kind.MEASURED,
        summary="standard deviation of the file's accuracy over fine-tunings with other seeds",
    ),
    measure,
    Needs.CLASSES | Needs.TUNING,
)
