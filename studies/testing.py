"""Measures front members and the baseline on the test split, each once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from tightfit import Candidate, Reading
from tightfit.objectives.data import Split
from tightfit.objectives.quality import outputs_of, quality_of
from tightfit.studies.assembly import Assembly
from tightfit.studies.final import FinalScore
from tightfit.studies.paired import Paired
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.standing import members, standings


@dataclass(frozen=True, slots=True)
class Reached:
    """A member and the baseline on the test split."""

    member: FinalScore
    baseline: Reading


class FinalScoring:
    """Scores files of one run on its test split, each beside the baseline.

    Args:
        assembly: The study's parts.
        split: Of its data.
        folder: Of the run, which keeps what was measured.
    """

    def __init__(self, assembly: Assembly, split: Split, folder: RunFolder) -> None:
        self._assembly = assembly
        self._split = split
        self._folder = folder

    def measure(self, candidate: Candidate, file: Path) -> Reached:
        """Return what a candidate's file and the baseline's reached, measured now if never before.

        Raises:
            MeasurementError: A file does not run, or the score does not work.
        """
        final = self._folder.final
        return Reached(
            final.member(candidate, lambda: self._member(file)),
            final.baseline(lambda: self._quality(self._baseline_outputs)),
        )

    def _member(self, file: Path) -> FinalScore:
        outputs = self._outputs(file)
        reading, right = self._quality(outputs), self._assembly.task.right
        if right is None:
            return FinalScore(reading)
        targets = self._split.targets
        return FinalScore(
            reading, _paired(right(self._baseline_outputs, targets), right(outputs, targets))
        )

    @cached_property
    def _baseline_outputs(self) -> Tensor:
        return self._outputs(self._folder.baseline / self._assembly.file)

    def _outputs(self, file: Path) -> Tensor:
        runtime = self._assembly.serving.runtime
        return outputs_of(file, self._split, data=self._assembly.data, runtime=runtime)

    def _quality(self, outputs: Tensor) -> Reading:
        return quality_of(outputs, self._split, self._assembly.task)


def measure_front(
    results: Results, folder: RunFolder, assembly: Assembly, *, say: Callable[[str], None]
) -> None:
    """Measure every member of a run's front on the test split, if there is one.

    Raises:
        MeasurementError: A file does not run, or the score does not work.
    """
    front = [each.record.candidate for each in members(standings(results))]
    if assembly.data.test is None or not front:
        return
    say("measuring the front on the test split")
    scoring = FinalScoring(assembly, assembly.data.test, folder)
    for candidate in front:
        scoring.measure(candidate, folder.candidate(candidate) / assembly.file)


def _paired(theirs: Tensor, ours: Tensor) -> Paired:
    def count(mask: Tensor) -> int:
        return int(torch.count_nonzero(mask))

    return Paired(
        both=count(theirs & ours),
        lost=count(theirs & ~ours),
        gained=count(~theirs & ours),
        neither=count(~theirs & ~ours),
    )
