"""Share of inputs that were answered rightly before, and wrongly now.

The *negative flip rate* of Yan et al., "Positive-congruent training: towards regression-free model
updates", CVPR 2021: what a user of an updated network sees as new mistakes.
"""

from __future__ import annotations

from tightfit import Direction, Kind, Metric, Reading, Stage
from tightfit.objectives.quality_metrics.quality_metric import Needs, QualityMetric, share
from tightfit.objectives.quality_metrics.subject import Subject


def measure(subject: Subject) -> Reading:
    """Return the share of all inputs, with its binomial standard error."""
    before = subject.baseline_answers == subject.split.targets
    flips = before & ~subject.right
    return share(int(flips.sum()), len(flips))


NEGATIVE_FLIPS = QualityMetric(
    Metric(
        name="negative_flips",
        unit="",
        direction=Direction.MINIMIZE,
        stage=Stage.LEARNED,
        kind=Kind.MEASURED,
        summary="share of inputs that the baseline answers rightly and the file wrongly",
    ),
    measure,
    Needs.CLASSES,
)
