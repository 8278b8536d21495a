"""The quality metrics that a study names, with what they are taken at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tightfit import Reading, SpecError
from tightfit.objectives.data import Data
from tightfit.objectives.quality_metrics.quality_metric import Needs, QualityMetric
from tightfit.objectives.quality_metrics.settings import QualitySettings
from tightfit.objectives.quality_metrics.subject import Subject

_JPEG_CHANNELS = (1, 3)


@dataclass(frozen=True, slots=True)
class WantedQuality:
    """What is taken of each trained network beside its score; nothing unless it was named.

    Attributes:
        metrics: The named ones.
        settings: What they are taken at.
    """

    metrics: Sequence[QualityMetric] = ()
    settings: QualitySettings = field(default_factory=QualitySettings)

    def names(self, *, of_baseline: bool = False) -> tuple[str, ...]:
        """Return the names; those that the uncompressed network has too, if that is asked."""
        some = (each for each in self.metrics if each.of_baseline or not of_baseline)
        return tuple(each.metric.name for each in some)

    @property
    def repeats(self) -> int:
        """How many times a candidate is fine-tuned."""
        return self.settings.repeats if "accuracy_std" in self.names() else 1

    @property
    def memory(self) -> bool:
        """Whether the memory of fine-tuning is looked at."""
        return "training_ram_kb" in self.names()

    def readings(self, subject: Subject) -> dict[str, Reading]:
        """Take every named metric that the subject can have.

        Raises:
            MeasurementError: A file does not run, or gives no classes.
        """
        tuned = subject.tuning is not None
        return {
            each.metric.name: each.measure(subject)
            for each in self.metrics
            if tuned or each.of_baseline
        }

    def check(self, data: Data) -> None:
        """Refuse metrics that a data set cannot serve.

        Raises:
            SpecError: No classes, or no pictures of one or three channels.
        """
        for each in self.metrics:
            name, shape = each.metric.name, data.input_shape
            if Needs.CLASSES in each.needs and not data.train.holds_classes:
                raise SpecError(
                    f"{name!r} compares classes, and the targets of {data.name!r} are "
                    f"{data.train.targets.dtype} of {list(data.train.targets.shape[1:])}; "
                    "it can be named where targets are numbers of classes"
                )
            pictures = len(shape) == 3 and shape[0] in _JPEG_CHANNELS
            if Needs.PICTURES in each.needs and not pictures:
                raise SpecError(
                    f"{name!r} changes pictures [C, H, W] of 1 or 3 channels, and the inputs of "
                    f"{data.name!r} are {list(shape)}"
                )
