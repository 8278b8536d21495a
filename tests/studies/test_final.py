from __future__ import annotations

import json
from pathlib import Path

import pytest

from tightfit import Kind, Reading, SpecError, Stage
from tightfit.studies.final import FinalScore, FinalScores, shrinkage
from tightfit.studies.paired import Paired

READING = Reading(0.9, Kind.MEASURED, Stage.LEARNED, stderr=0.0077, repeats=1500)
TESTED = FinalScore(READING, Paired(both=1300, lost=60, gained=50, neither=90))


def test_a_file_is_measured_once_and_kept(tmp_path: Path) -> None:
    scores, looked = FinalScores(tmp_path / "test_split.json"), []

    def score() -> FinalScore:
        looked.append(1)
        return TESTED

    for _ in range(2):
        assert scores.member(3, score) == TESTED
    assert scores.baseline(lambda: READING) == READING
    assert len(looked) == 1
    final = FinalScores(tmp_path / "test_split.json").read("accuracy")
    assert final.members == {3: TESTED}
    assert final.baseline == READING


def test_what_an_older_run_kept_is_read(tmp_path: Path) -> None:
    path = tmp_path / "test_split.json"
    path.write_text(json.dumps({"baseline": READING.to_json(), "7": READING.to_json()}))
    final = FinalScores(path).read("accuracy")
    assert final.members == {7: FinalScore(READING)}
    FinalScores(path).member(8, lambda: TESTED)
    assert FinalScores(path).read("accuracy").members == {7: FinalScore(READING), 8: TESTED}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"baseline": ', "is damaged"),
        ('{"schema": 2, "files": {"3": {}}}', "is damaged"),
        ('{"schema": 9, "files": {}}', "has schema 9, this Tightfit reads 2"),
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
