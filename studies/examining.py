"""Has a fresh process read the files of an export."""

from __future__ import annotations

import math
import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tightfit import Kind, Reading, Stage
from tightfit.objectives.meter.device import DeviceSettings
from tightfit.objectives.proof import Found, Job, prove
from tightfit.objectives.proof.pictures import read_pictures
from tightfit.objectives.task import Score
from tightfit.studies.claims import Value, Verdict, judged_latency
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
                outputs=None if score is None else Path(folder),
                preprocessed=bool(report["input"].get("preprocessed", False)),
            )
        )
        quality = _quality(found, report, score, pictures, Path(folder))
    return _timed_again(found, evidence, report), quality


def _timed_again(found: Found, evidence: Evidence, report: Mapping[str, Any]) -> Found:
    """Return what was found; a latency that seems too long is read again, in fresh processes.

    A process finds its memory laid out well or badly for as long as it lives, and a machine that is
    disturbed for a second disturbs all of a short reading. Only what several processes agree on
    refutes a claim.
    """
    ratio = found.latency_ratio
    if ratio is None or judged_latency(report, ratio).verdict is not Verdict.BROKEN:
        return found
    mean, std = tuple(report["input"]["mean"]), tuple(report["input"]["std"])
    job = Job(evidence.model, evidence.baseline, None, mean, std, evidence.device)
    again = [prove(job).latency_ratio for _ in range(TIMED_AGAIN)]
    ratios = [ratio.value, *(each.value for each in again if each is not None)]
    stderr = statistics.stdev(ratios) / math.sqrt(len(ratios))
    middle = statistics.median(ratios)
    whole = replace(ratio, value=middle, stderr=stderr, repeats=len(ratios))
    return replace(found, latency_ratio=whole)


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
    reading = Reading(float(value), Kind.MEASURED, Stage.LEARNED, stderr=float(stderr), repeats=n)
    paired = None if found.pairs is None else Paired(*found.pairs)
    return Quality(Value.of(reading), paired, same)
