"""What a model card says of the test split."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from tests.studies.conftest import ACCURACY, METRICS, plan_of
from tightfit import Interval
from tightfit.studies.assembly import Assembly
from tightfit.studies.claims import Kept, Value
from tightfit.studies.export_report import Member
from tightfit.studies.model_card import model_card
from tightfit.studies.results import Results
from tightfit.studies.standing import chosen, standings
from tightfit.studies.verification import LimitFound, Verification

SPEC: dict[str, Any] = {
    "space": {"pruning": {}, "quantization": {}, "schedule": {}},
    "model": {"name": "own:make_net"},
    "quality": {},
    "seed": 0,
}


def card(
    results: Results,
    tested: Any,
    *,
    runtime: str = "onnxruntime",
    quantization: dict[str, Any] | None = None,
) -> str:
    """Return the card of a run's knee."""
    standing = chosen(standings(results))
    assert standing is not None
    # The card asks nothing of the study's parts.
    spec = {**SPEC, "space": {**SPEC["space"], "quantization": quantization}}
    member = Member(results, plan_of(results, spec), cast(Assembly, None), standing)
    report = {
        "test_accuracy": tested,
        "runtime": runtime,
        "input": {
            "shape": ["N", 1, 28, 28], "pictures": [1, 28, 28], "dtype": "uint8",
            "mean": [0.3], "std": [0.3], "preprocessed": False, "source": None,
        },
        "quality": {"counts_answers": True},
        "class_names": None,
        "data": {"name": "fashion_mnist"},
        "versions": {"tightfit": "0.1.0"},
        "fingerprint": "f00d",
    }  # fmt: skip
    accuracy = next(each for each in METRICS if each.name == ACCURACY.metric)
    found = None if isinstance(tested, str) else Value(0.85, Interval(0.84, 0.86))
    kept = None if found is None else Kept.BROKEN
    limits = (LimitFound(ACCURACY, accuracy, found, kept),)
    verification = Verification(member.title, (), limits, runtime, {}, (), ())
    return model_card(member, report, verification, proof=False)


def test_a_card_says_which_split_chose_and_which_was_only_read(results: Results) -> None:
    text = card(results, {"value": 0.85, "n": 1000})
    assert "On 1,000 pictures that the search never saw: 85.0 %." in text
    assert "The search judged by the validation split; the test split decided nothing." in text
    assert "Accuracy is found on the test split; the search kept its limit on the" in text


def test_a_card_of_data_without_a_test_split_speaks_of_none(results: Results) -> None:
    text = card(results, "not measured")
    assert "There is no test split: accuracy is that of the validation split." in text
    assert "The search judged by the validation split; there is no test split." in text
    rest = text.replace("There is no test split", "").replace("there is no test split", "")
    assert "test split" not in rest


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "litert", "tflite-micro"])
def test_a_card_names_the_files_for_phones_and_microcontrollers(
    results: Results, runtime: str
) -> None:
    text = card(results, "not measured", runtime=runtime, quantization={"integer_only": True})
    added = runtime != "tflite-micro"
    assert "`model.h`" in text
    assert ("`tightfit export --format litert` adds" in text) == added
    assert ("adds `model.tflite`" in text) == (runtime in ("onnxruntime", "openvino"))


@pytest.mark.parametrize("quantization", [None, {"integer_only": False}])
def test_a_card_of_floats_names_no_files_of_integers(
    results: Results, quantization: dict[str, Any] | None
) -> None:
    assert "model.h" not in card(results, "not measured", quantization=quantization)


def test_one_candidate_is_no_plural(results: Results) -> None:
    (first,) = [each for each in results.records if each.trained and each.feasible][:1]
    text = card(replace(results, records=(first,)), "not measured")
    assert "trained 1 candidate, seed 0." in text
    assert f"trained {sum(each.trained for each in results.records)} candidates, seed" in card(
        results, "not measured"
    )
