"""Where to start: torchvision's classifiers side by side, by what they cost and what they reach.

The comparison of Bianco et al. ("Benchmark analysis of representative deep neural network
architectures", IEEE Access 2018), taken on this machine: costs counted and measured here, accuracy
on ImageNet as it was published with the weights.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import nn

from tightfit import Constraint, Measurement, Reading, SpecError, TightfitError
from tightfit.objectives.file_readings import write_network
from tightfit.objectives.footprint import FOOTPRINT_METRICS
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.memory_errors import is_out_of_memory
from tightfit.objectives.meter.device import Device, DeviceSettings
from tightfit.objectives.metrics import METRICS, STATIC_METRICS, latency_ms
from tightfit.objectives.models import load_model
from tightfit.objectives.models.torchvision_models import check_name, torchvision_names
from tightfit.objectives.profile import CPU, DeviceProfile
from tightfit.objectives.static_readings import static_readings
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import EVERYTHING
from tightfit.studies.costs import StaticCosts
from tightfit.studies.limits import parse_limit
from tightfit.studies.static_reach import static_reach

FITS, COMPRESSED, TOO_LARGE = "fits", "after compression", "not within reach"
NOT_FOUND = "no candidate found"
_NAMED_ONLY = (*FOOTPRINT_METRICS, *latency_ms.BY_RUNTIME.values())
_COMPARED = [metric.name for metric in METRICS if metric not in _NAMED_ONLY]
COLUMNS = ("params", "macs", "size_kb", "ram_kb", "latency_ms")


@dataclass(frozen=True, slots=True)
class Backbone:
    """One network of the comparison.

    Attributes:
        name: In torchvision.
        published_accuracy: On ImageNet, a share, of the first published weights.
        readings: Costs by metric; empty where it failed.
        verdict: How it stands to the limits: ``FITS``, ``COMPRESSED``, ``TOO_LARGE`` (proven) or
            ``NOT_FOUND``; empty where there are none.
        reason: Why it failed, or which limit it breaks.
    """

    name: str
    published_accuracy: float | None
    readings: Measurement
    verdict: str = ""
    reason: str = ""

    @property
    def accuracy_density(self) -> float | None:
        """Published accuracy in percent for each million parameters."""
        if self.published_accuracy is None or "params" not in self.readings:
            return None
        return 100 * self.published_accuracy / (self.readings.value("params") / 1e6)

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "name": self.name,
            "published_accuracy": self.published_accuracy,
            "accuracy_per_million_params": self.accuracy_density,
            "metrics": {name: self.readings[name].to_json() for name in self.readings},
            "verdict": self.verdict,
            "reason": self.reason,
        }


def chosen_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the networks to compare: those named, or all of torchvision's.

    Raises:
        SpecError: A name that torchvision does not have.
    """
    for name in names:
        check_name(name)
    return tuple(names) or torchvision_names()


def parse_limits(texts: Sequence[str]) -> tuple[Constraint, ...]:
    """Return limits as constraints.

    Raises:
        SpecError: A metric that is not compared, or a relative bound: there is no baseline here.
    """
    found = []
    for text in texts:
        limit = parse_limit(text, _COMPARED)
        if limit.relative:
            raise SpecError(f"the limit {text!r} must be a number here: there is no baseline")
        found.append(limit.resolve(lambda _metric: 1.0))
    return tuple(found)


def compare(
    names: Sequence[str],
    *,
    input_shape: tuple[int, int, int],
    classes: int,
    limits: Sequence[Constraint] = (),
    profile: DeviceProfile = CPU,
) -> Iterator[Backbone]:
    """Yield one network after another, each built, counted, written and measured.

    A network that fails is yielded with its reason.

    Args:
        names: Of torchvision.
        input_shape: ``(C, H, W)``.
        classes: Of the classifier.
        limits: With bounds as numbers.
        profile: The device that the formulas are about.
    """
    device = Device(DeviceSettings(threads=profile.threads))
    timed = any(limit.metric == latency_ms.METRIC.name for limit in limits)
    for name in names:
        accuracy = published_accuracy(name)
        try:
            module = load_model(name, input_shape=input_shape, classes=classes, folder=Path.cwd())
            space = CompressionSpace(module, torch.zeros(1, *input_shape), settings=EVERYTHING)
            readings = _readings(space, profile, device, timed=timed)
        except (TightfitError, MemoryError, RuntimeError) as error:
            if not (isinstance(error, TightfitError) or is_out_of_memory(error)):
                raise
            yield Backbone(name, accuracy, Measurement(), reason=str(error))
            continue
        yield Backbone(name, accuracy, readings, *_verdict(space, readings, limits, profile))


def published_accuracy(name: str) -> float | None:
    """Return the accuracy on ImageNet that was published with the first weights, a share."""
    weights = list(torchvision.models.get_model_weights(name))
    if not weights:
        return None
    found = weights[0].meta["_metrics"]["ImageNet-1K"]["acc@1"]
    return float(found) / 100


def _readings(
    space: CompressionSpace, profile: DeviceProfile, device: Device, *, timed: bool
) -> Measurement:
    """Return the readings of a network as it is; ``timed`` says that its latency is limited."""
    readings: dict[str, Reading] = static_readings(space.baseline_blueprint(), profile)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        network: nn.Module = space.baseline_network()
        readings |= write_network(network, path, metadata={}, profile=profile)
        meter = LatencyMeter(path, device, decisive=timed)
        readings["latency_ms"] = meter.measure_baseline()
    return Measurement(readings)


def _verdict(
    space: CompressionSpace,
    readings: Measurement,
    limits: Sequence[Constraint],
    profile: DeviceProfile,
) -> tuple[str, str]:
    """Return how a network stands to the limits, and the limit it breaks most."""
    if not limits:
        return "", ""
    worst = max(limits, key=lambda limit: limit.violation(readings))
    if worst.violation(readings) <= 0:
        return FITS, ""
    predicted = {each.metric.name for each in STATIC_METRICS}
    static = tuple(limit for limit in limits if limit.metric in predicted)
    later = dict.fromkeys(limit.metric for limit in limits if limit.metric not in predicted)
    unknown = f"; known when it is built: {', '.join(later)}" if later else ""
    reach, found = _reach(space, StaticCosts(space, profile), static)
    return reach, f"breaks {worst}{found}{unknown if reach == COMPRESSED else ''}"


def _reach(
    space: CompressionSpace, costs: StaticCosts, limits: tuple[Constraint, ...]
) -> tuple[str, str]:
    """Return whether some candidate keeps static limits, and what is known where none does."""
    reach = static_reach(space, costs, limits)
    if reach.possible:
        return COMPRESSED, ""
    nearest = f"the nearest that was found is over by {100 * reach.survey.excess:.3g} % in sum"
    if reach.possible is None:
        return NOT_FOUND, f"; {nearest}; not proven: {reach.why}"
    return TOO_LARGE, f"; no candidate keeps the limits (proven); {nearest}"
