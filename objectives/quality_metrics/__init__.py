"""How stable and safe a compressed network is: metrics that a study pays for when it names them.

A new one is a file beside these with a :class:`QualityMetric`, and a line here.
"""

from tightfit.objectives.quality_metrics.accuracy_adversarial import ACCURACY_ADVERSARIAL
from tightfit.objectives.quality_metrics.accuracy_shifted import ACCURACY_SHIFTED
from tightfit.objectives.quality_metrics.accuracy_std import ACCURACY_STD
from tightfit.objectives.quality_metrics.agreement import AGREEMENT
from tightfit.objectives.quality_metrics.negative_flips import NEGATIVE_FLIPS
from tightfit.objectives.quality_metrics.quality_metric import Needs, QualityMetric
from tightfit.objectives.quality_metrics.settings import Attack, QualitySettings, Shifts
from tightfit.objectives.quality_metrics.subject import Subject, Tuning
from tightfit.objectives.quality_metrics.training_ram_kb import TRAINING_RAM_KB
from tightfit.objectives.quality_metrics.training_s import TRAINING_S
from tightfit.objectives.quality_metrics.wanted import WantedQuality

QUALITY_METRICS: tuple[QualityMetric, ...] = (
    ACCURACY_SHIFTED,
    AGREEMENT,
    NEGATIVE_FLIPS,
    ACCURACY_STD,
    ACCURACY_ADVERSARIAL,
    TRAINING_S,
    TRAINING_RAM_KB,
)
"""In the order in which they are shown."""

__all__ = [
    "QUALITY_METRICS",
    "Attack",
    "Needs",
    "QualityMetric",
    "QualitySettings",
    "Shifts",
    "Subject",
    "Tuning",
    "WantedQuality",
]
