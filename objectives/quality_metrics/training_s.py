"""Seconds that fine-tuning a candidate takes on this machine."""

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
    return mean_of_tunings(subject.tuning.seconds if subject.tuning else ())


TRAINING_S = QualityMetric(
    Metric(
        name="training_s",
        unit="s",
        direction=Direction.MINIMIZE,
        stage=Stage.LEARNED,
        kind=Kind.MEASURED,
        summary="wall time of the candidate's fine-tuning on this machine",
    ),
    measure,
    Needs.TUNING,
)
