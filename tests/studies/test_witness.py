"""What an exported file is accepted by: its answers to the validation split, not to the test split.

Whoever tries one candidate after the other until one passes a split has chosen by that split.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.studies.command_line import tiny_study
from tests.studies.conftest import ACCURACY, METRICS, SIZE
from tightfit import Interval, MeasurementError
from tightfit.objectives.proof.pictures import read_pictures
from tightfit.studies import witness
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.claims import Kept, Value
from tightfit.studies.examining import Evidence, Quality
from tightfit.studies.exporting import Exported
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.standing import standings
from tightfit.studies.study_file import read_study
from tightfit.studies.verification import LimitFound, Verification
from tightfit.studies.witness import Witness, hand_over

HIGH, LOW = Value(0.9, Interval(0.89, 0.91)), Value(0.8, Interval(0.79, 0.81))
METRIC = {metric.name: metric for metric in METRICS}
Judge = Callable[[Value | None, Value | Exception], Witness]


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    return assemble(read_study(tiny_study(tmp_path_factory.mktemp("study"))))


@pytest.fixture
def judge(
    assembly: Assembly, results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Judge:
    """Hand over a file that reaches so much on the test split, and on the validation split."""

    def judged(on_test: Value | None, on_validation: Value | Exception) -> Witness:
        def export(_folder: RunFolder, *, to: Path, **_others: object) -> Exported:
            to.mkdir()
            (to / "model.onnx").write_text("a file")
            size = Value(800.0, Interval(800.0, 800.0))
            kept = None if on_test is None else Kept.KEPT if on_test is HIGH else Kept.BROKEN
            limits = (
                LimitFound(SIZE, METRIC["size_kb"], size, Kept.KEPT),
                LimitFound(ACCURACY, METRIC["accuracy"], on_test, kept),
            )
            report = {
                "quality": {"metric": "accuracy", "counts_answers": True},
                "metrics": {name: {"value": 0.5, "stderr": 0.0} for name in METRIC},
            }
            found = Verification("a title", (), limits, "", {}, (), ())
            return Exported(to, standings(results)[0], report, found)

        def examine(evidence: Evidence, _report: Any) -> tuple[None, Quality]:
            assert evidence.model == tmp_path / "witness" / "model.onnx"
            assert evidence.pictures is not None
            pictures, validation = read_pictures(evidence.pictures), assembly.data.validation
            np.testing.assert_array_equal(pictures.inputs, validation.inputs.numpy())
            np.testing.assert_array_equal(pictures.targets, validation.targets.numpy())
            if isinstance(on_validation, Exception):
                raise on_validation
            return None, Quality(on_validation, None, same=False)

        monkeypatch.setattr(witness, "export_member", export)
        monkeypatch.setattr(witness, "examine", examine)
        return hand_over(RunFolder(tmp_path), 0, assembly=assembly, to=tmp_path / "witness")

    return judged


def test_a_file_that_misses_a_limit_on_the_test_split_alone_is_a_witness_and_says_so(
    judge: Judge, tmp_path: Path
) -> None:
    found = judge(LOW, HIGH)
    assert found.verified
    assert (tmp_path / "witness" / "model.onnx").is_file()
    size, accuracy = found.to_json()["limits"]
    assert accuracy["value"] == HIGH.value
    assert accuracy["kept"]
    assert accuracy["read_again"]
    assert accuracy["on_the_test_split"]["kept"] == "broken"
    assert accuracy["on_the_test_split"]["found"]["value"] == LOW.value
    assert size["on_the_test_split"] is None


def test_a_file_that_misses_a_limit_on_the_validation_split_is_refuted_and_removed(
    judge: Judge, tmp_path: Path
) -> None:
    found = judge(HIGH, LOW)
    assert not found.verified
    assert not (tmp_path / "witness").exists()


def test_without_a_test_split_the_file_is_read_all_the_same(judge: Judge) -> None:
    found = judge(None, HIGH)
    assert found.verified
    accuracy = found.to_json()["limits"][1]
    assert accuracy["value"] == HIGH.value
    assert accuracy["on_the_test_split"] is None


def test_a_file_that_cannot_be_judged_is_removed(judge: Judge, tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="does not run"):
        judge(HIGH, MeasurementError("the file does not run"))
    assert not (tmp_path / "witness").exists()
