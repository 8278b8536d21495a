"""Share of the uncompressed network's predictions that are kept, right or wrong.

What is not kept is *churn*: Milani Fard et al., "Launch and iterate: reducing prediction churn",
NeurIPS 2016.
"""

from __future__ import annotations

from tightfit import Direction, Kind, Metric, Reading, Stage
from tightfit.objectives.quality_metrics.quality_metric import Needs, QualityMetric, share
from tightfit.objectives.quality_metrics.subject import Subject


def measure(subject: Subject) -> Reading:
    """Return the share, with its binomial standard error."""
    same = subject.answers == subject.baseline_answers
    return share(int(same.sum()), len(same))


AGREEMENT = QualityMetric(
    Metric(
        name="agreement",
        unit="",
        direction=Direction.MAXIMIZE,
        stage=Stage.LEARNED,
        kind=Kind.MEASURED,
        summary="share of the baseline's predictions that the file keeps, right or wrong",
    ),
    measure,
    Needs.CLASSES,
)
