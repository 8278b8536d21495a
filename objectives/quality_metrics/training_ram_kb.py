"""Memory that fine-tuning a candidate takes on this machine.

Resident memory at its peak above what the process held before: weights, gradients, the optimizer's
state and activations, and not the data set. What lies on a GPU is not part of it.
"""

from __future__ import annotations

from tightfit import Direction, Kind, Metric, Reading, Stage
from tightfit.objectives.quality_metrics.quality_metric import (
    Needs,
    QualityMetric,
    mean_of_tunings,
)
from tightfit.objectives.quality_metrics.subject import Subject


def measure(subject: Subject) -> Reading:
    """Return the mean over the fine-tunings; its standard error where there were several."""
    return mean_of_tunings(subject.tuning.peak_kb if subject.tuning else ())


TRAINING_RAM_KB = QualityMetric(
    Metric(
        name="training_ram_kb",
        unit="kB",
        direction=Direction.MINIMIZE,
        stage=Stage.LEARNED,
        kind=Kind.MEASURED,
        summary="peak resident memory of the candidate's fine-tuning, above what was held before",
    ),
    measure,
    Needs.TUNING,
)
