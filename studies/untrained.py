"""Candidates that are built and measured and not trained, kept in the run's folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tightfit import Candidate, CandidateError, MeasurementError, Reading
from tightfit.objectives.artifact.files import write_atomically
from tightfit.studies.bench import Bench
from tightfit.studies.kept import read_kept


@dataclass(frozen=True, slots=True)
class Untrained:
    """What a candidate's file says before its weights are trained."""

    candidate: Candidate
    readings: Mapping[str, Reading]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "candidate": list(self.candidate.indices),
            "readings": {name: each.to_json() for name, each in self.readings.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Untrained:
        """Read back what :meth:`to_json` wrote."""
        readings = {name: Reading.from_json(each) for name, each in values["readings"].items()}
        return cls(Candidate(tuple(values["candidate"])), readings)


class UntrainedLog:
    """Builds and measures candidates, each once a run.

    Args:
        bench: The study. Files are written beside those of its trials, and removed again.
    """

    def __init__(self, bench: Bench) -> None:
        self._workshop = replace(bench.workshop, folder=bench.folder.path / "untrained")
        self._fingerprint = bench.fingerprint
        self._path = bench.folder.path / "untrained.json"
        self._known = _read(self._path, bench.fingerprint)

    def measure(self, candidate: Candidate) -> Untrained | None:
        """Return a candidate's readings; ``None`` where it cannot be built or measured."""
        if candidate not in self._known:
            work = self._workshop.begin(candidate, 0)
            try:
                readings = {**work.build(), **work.measure()}
            except (CandidateError, MeasurementError):
                return None
            finally:
                shutil.rmtree(self._workshop.folder, ignore_errors=True)
            self._known[candidate] = Untrained(candidate, readings)
            document = {
                "fingerprint": self._fingerprint,
                "untrained": [each.to_json() for each in self._known.values()],
            }
            write_atomically(self._path, json.dumps(document, indent=1).encode())
        return self._known[candidate]


def _read(path: Path, fingerprint: str) -> dict[Candidate, Untrained]:
    """Return what was measured before; nothing where that was of another study.

    Raises:
        SpecError: The file is damaged.
    """

    def found(document: Any) -> list[Untrained]:
        if document["fingerprint"] != fingerprint:
            return []
        return [Untrained.from_json(each) for each in document["untrained"]]

    kept = read_kept(path, found, cure="remove it to measure anew")
    return {each.candidate: each for each in kept or ()}
