"""Has a fresh process read the files of an export."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tightfit import Kind, Reading, Stage
from tightfit.objectives.meter.device import DeviceSettings
from tightfit.objectives.metrics import latency_ms
from tightfit.objectives.proof import Found, Job, prove
from tightfit.objectives.proof.pictures import read_pictures
from tightfit.objectives.runtimes import RUNTIMES
from tightfit.objectives.task import Score
from tightfit.studies.claims import FOOTPRINT, Value, Verdict, elsewhere, judged_latency
from tightfit.studies.paired import Paired

TIMED_AGAIN = 2
"""Further processes that time a file whose latency seems longer than was claimed."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What claims are checked with.

    Attributes:
        model: The exported file.
        baseline: The uncompressed network's file, if it is at hand.
        pictures: An ``.npz`` with inputs and targets, if there is one.
        score: The user's own, where the study has one and it is at hand.
        device: Where latency and memory are read.
    """

    model: Path
    baseline: Path | None
    pictures: Path | None
    score: Score | None = None
    device: DeviceSettings = field(default_factory=DeviceSettings)


@dataclass(frozen=True, slots=True)
class Quality:
    """What was found on pictures.

    Attributes:
        value: Of the exported file.
        paired: Beside the baseline; ``None`` where answers are not counted.
        same: Whether the claim was made on these pictures.
    """

    value: Value
    paired: Paired | None
    same: bool

    @property
    def pictures(self) -> str:
        """What people call the pictures."""
        return "the test split" if self.same else "other pictures"


def examine(evidence: Evidence, report: Mapping[str, Any]) -> tuple[Found, Quality | None]:
    """Return what a fresh process finds of the files that a report is about.

    Raises:
        MeasurementError: A file does not run, or the pictures do not fit it.
    """
    counts = report["quality"]["counts_answers"]
    score = None if counts else evidence.score
    pictures = evidence.pictures if counts or score is not None else None
    with tempfile.TemporaryDirectory(prefix="tightfit-") as folder:
        found = prove(
            Job(
                model=evidence.model,
                baseline=evidence.baseline,
                pictures=pictures,
                mean=tuple(report["input"]["mean"]),
                std=tuple(report["input"]["std"]),
                device=evidence.device,
                beside=_beside(evidence, report),
                footprint=tuple(name for name in FOOTPRINT if name in report["metrics"]),
                outputs=None if score is None else Path(folder),
                preprocessed=bool(report["input"].get("preprocessed", False)),
            )
        )
        quality = _quality(found, report, score, pictures, Path(folder))
    return _timed_again(found, evidence, report), quality


def _beside(evidence: Evidence, report: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the further runtimes of which a latency is claimed and that read the same file."""
    return tuple(
        name
        for name, metric in latency_ms.BY_RUNTIME.items()
        if metric.name in report["metrics"] and RUNTIMES[name].suffix == evidence.model.suffix
    )


def time_ratios(found: Found) -> dict[str, Reading]:
    """Return the times that were found, as ratios to the baseline, by metric."""
    beside = {latency_ms.BY_RUNTIME[name].name: each for name, each in found.beside.items()}
    ratios = {**beside, **found.footprint}
    if found.latency_ratio is not None:
        ratios[latency_ms.METRIC.name] = found.latency_ratio
    return ratios


def _timed_again(found: Found, evidence: Evidence, report: Mapping[str, Any]) -> Found:
    """Return what was found; times that seem too long are read again, in fresh processes.

    A process finds its memory laid out well or badly for as long as it lives, and a machine that is
    disturbed for a second disturbs all of a short reading. Only what several processes agree on
    refutes a claim.
    """
    if elsewhere(report, found.machine):
        return found  # nothing is judged
    first = time_ratios(found)
    doubtful = {
        name: ratio
        for name, ratio in first.items()
        if judged_latency(report, ratio, name).verdict is Verdict.BROKEN
    }
    if not doubtful:
        return found
    mean, std = tuple(report["input"]["mean"]), tuple(report["input"]["std"])
    job = Job(
        model=evidence.model,
        baseline=evidence.baseline,
        pictures=None,
        mean=mean,
        std=std,
        device=evidence.device,
        beside=tuple(found.beside),
        footprint=tuple(name for name in found.footprint if name in doubtful),
    )
    again = [time_ratios(prove(job)) for _ in range(TIMED_AGAIN)]
    whole = {
        name: _median([ratio, *(each[name] for each in again if name in each)])
        for name, ratio in doubtful.items()
    }
    return replace(
        found,
        latency_ratio=whole.get(latency_ms.METRIC.name, found.latency_ratio),
        beside={
            name: whole.get(latency_ms.BY_RUNTIME[name].name, ratio)
            for name, ratio in found.beside.items()
        },
        footprint={name: whole.get(name, ratio) for name, ratio in found.footprint.items()},
    )


def _median(ratios: Sequence[Reading]) -> Reading:
    """Return what several processes agree on."""
    values = [each.value for each in ratios]
    stderr = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    middle = statistics.median(values)
    return replace(ratios[0], value=middle, stderr=stderr, repeats=len(values))


def _quality(
    found: Found,
    report: Mapping[str, Any],
    score: Score | None,
    pictures: Path | None,
    folder: Path,
) -> Quality | None:
    if pictures is None:
        return None
    same = found.pictures_digest == report["data"]["digest"]
    n = found.pictures
    if score is not None:
        outputs = torch.from_numpy(np.load(folder / "model.npy", allow_pickle=False))
        targets = torch.from_numpy(read_pictures(pictures).targets)
        value, stderr = score(outputs, targets)
    else:
        value = (found.right or 0) / n
        stderr = (value * (1 - value) / n) ** 0.5
    reading = Reading(
        float(value),
        Kind.MEASURED,
        Stage.LEARNED,
        stderr=float(stderr),
        repeats=n,
        answers=score is None,
    )
    paired = None if found.pairs is None else Paired(*found.pairs)
    return Quality(Value.of(reading), paired, same)
