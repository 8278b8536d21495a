from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tightfit import Candidate, Kind, Reading, SpecError, Stage
from tightfit.studies.final import FinalScore, FinalScores, shrinkage
from tightfit.studies.paired import Paired

READING = Reading(0.9, Kind.MEASURED, Stage.LEARNED, stderr=0.0077, repeats=1500)
TESTED = FinalScore(READING, Paired(both=1300, lost=60, gained=50, neither=90))
CANDIDATE, OTHER = Candidate((0, 1)), Candidate((1, 0))


def test_a_file_is_measured_once_and_kept(tmp_path: Path) -> None:
    scores, looked = FinalScores(tmp_path / "test_split.json"), []

    def score() -> FinalScore:
        looked.append(1)
        return TESTED

    for _ in range(2):
        assert scores.member(CANDIDATE, score) == TESTED
    assert scores.baseline(lambda: READING) == READING
    assert len(looked) == 1
    final = FinalScores(tmp_path / "test_split.json").read("accuracy")
    assert final.members == {CANDIDATE.key: TESTED}
    assert final.baseline == READING
    assert final.reached(CANDIDATE) == TESTED
    assert final.reached(OTHER) is None


TAKEN = READING.to_json()


@pytest.mark.parametrize(
    "kept",
    [
        {"baseline": TAKEN, "7": TAKEN},
        {
            "schema": 2,
            "files": {
                "baseline": {"reading": TAKEN, "paired": None},
                "7": {"reading": TAKEN, "paired": None},
            },
        },
    ],
)
def test_what_an_older_run_kept_by_number_is_taken_again(
    tmp_path: Path, kept: dict[str, Any]
) -> None:
    path = tmp_path / "test_split.json"
    path.write_text(json.dumps(kept))
    final = FinalScores(path).read("accuracy")
    assert final.baseline == READING
    assert final.members == {}
    FinalScores(path).member(CANDIDATE, lambda: TESTED)
    final = FinalScores(path).read("accuracy")
    assert final.baseline == READING
    assert final.members == {CANDIDATE.key: TESTED}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"baseline": ', "is damaged"),
        ('{"schema": 2, "files": {"baseline": {}}}', "is damaged"),
        ('{"schema": 3, "files": {"f00d": {}}}', "is damaged"),
        ('{"schema": 9, "files": {}}', "has schema 9, this Tightfit reads 3"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "test_split.json"
    path.write_text(content)
    with pytest.raises(SpecError, match=message):
        FinalScores(path).read("accuracy")


def test_what_the_baseline_loses_too_is_not_the_price_of_selection() -> None:
    found = shrinkage([(0.90, 0.88), (0.89, 0.88)], baseline=(0.93, 0.925))
    assert found.drop == pytest.approx(0.015)
    assert found.baseline == pytest.approx(0.005)
    assert found.selection == pytest.approx(0.010)
