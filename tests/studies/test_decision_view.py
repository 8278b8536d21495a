"""A decision as people read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rich.console import Console

from tests.studies.conftest import ACCURACY, LATENCY, METRICS, SIZE, SPACE
from tightfit import Constraint, Interval, Kind, Reading, Sense, Stage
from tightfit.search.forecast import Expected, Promise
from tightfit.studies.claims import Kept, Value
from tightfit.studies.decision import Answer, Decision
from tightfit.studies.decision_view import decision_view
from tightfit.studies.fastest import Fastest
from tightfit.studies.promising import NONE_LEFT
from tightfit.studies.verification import LimitFound
from tightfit.studies.witness import Checked, Witness

DECISION = Decision(
    answer=Answer.NOT_FOUND,
    name="quickstart",
    limits=(SIZE, LATENCY),
    message="20 candidates were trained",
    seconds=61.0,
    trained=1,
    trained_before=19,
)


def shown(decision: Decision) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        console.print(decision_view(decision, {metric.name: metric for metric in METRICS}, SPACE))
    return capture.get()


def test_not_found_names_its_cost_and_calls_a_prediction_one() -> None:
    promise = Promise(
        records=20,
        candidate=SPACE.baseline(),
        chance=0.001,
        expected={"accuracy": Expected(0.87, 0.85, 0.89)},
        within=0.42,
        trials=20,
        looked_at=64,
        trainings=24,
        trainings_high=None,
    )
    text = shown(replace(DECISION, promise=promise))
    assert "not found: 20 candidates were trained" in text
    assert "Deciding took 61 s and 1 training, beside 19 of earlier runs." in text
    assert "Predicted from 20 records" in text
    assert "less than 1 %, one of the next 20 with 42 %" in text
    more = shown(replace(DECISION, promise=replace(promise, trials=100)))
    assert "one of the 64 that were looked at with 42 %" in more
    assert "Estimated: 24 trainings for an even chance." in text
    assert "Predicted of that candidate: accuracy 87.0 % (85.0 to 89.0)." in text
    assert "Its choices: layer1.pruning_ratio 0; layer2.pruning_ratio 0;" in text
    assert "too few records to predict" in shown(DECISION)
    nothing = replace(DECISION, unpredicted=NONE_LEFT)
    assert "no candidate that may keep the limits is left to be trained" in shown(nothing)


def test_a_witness_is_shown_with_what_its_file_has() -> None:
    witness = Witness(7, Path("out"), (Checked(SIZE, 600.0, 0.0), Checked(LATENCY, 0.43, 0.01)))
    assert witness.verified
    text = shown(replace(DECISION, answer=Answer.YES, witness=witness))
    assert "The witness is in out." in text
    assert "600 kB" in text
    broken = Checked(SIZE, 900.0, 0.0)
    assert not broken.kept
    assert not replace(witness, checks=(broken,)).verified


def test_a_limit_that_the_test_split_misses_is_told_and_refutes_nothing() -> None:
    metric = next(each for each in METRICS if each.name == ACCURACY.metric)
    low = Value(0.85, Interval(0.83, 0.87))
    test = LimitFound(ACCURACY, metric, low, Kept.BROKEN)
    check = Checked(ACCURACY, 0.9, 0.008, Kept.KEPT, tested=test)
    witness = Witness(7, Path("out"), (Checked(SIZE, 600.0, 0.0), check))
    assert witness.verified
    text = shown(replace(DECISION, answer=Answer.YES, witness=witness))
    (row,) = (line for line in text.splitlines() if line.startswith("accuracy"))
    assert " ".join(row.split()) == "accuracy ≥ 88.5 % 90.0 % kept 85.0 % broken"
    assert "the test split decides nothing" in text
    without = shown(replace(DECISION, answer=Answer.YES, witness=replace(witness, checks=())))
    assert "test split" not in without


def test_what_a_fresh_process_found_counts_and_not_what_the_record_says() -> None:
    kept = Checked(SIZE, 600.0, 0.0, Kept.NOISE)
    assert Witness(7, Path("out"), (kept,)).verified
    assert not Witness(7, Path("out"), (replace(kept, again=Kept.BROKEN),)).verified
    assert not Witness(7, Path("out"), (kept,), broken=("size",)).verified


def test_what_was_measured_stands_beside_the_limit_that_it_misses() -> None:
    reading = Reading(0.6, Kind.MEASURED, Stage.RUNTIME, stderr=0.01, repeats=3)
    fastest = Fastest(LATENCY, {SPACE.baseline(): reading})
    assert fastest.unreachable
    text = shown(replace(DECISION, answer=Answer.UNREACHABLE, fastest=(fastest,)))
    assert "The lowest latency of 1 candidates, untrained, beside latency ≤ 0.421 ms" in text
    assert "0.600 ±0.010 ms" in text
    assert f"{reading.interval.low:.3f} to {reading.interval.high:.3f}" in text
    assert "layer1.bits none" in text
    assert SPACE.baseline().key not in text
    near = replace(reading, value=0.43)
    assert not Fastest(LATENCY, {SPACE.baseline(): near}).unreachable


def test_a_proof_names_the_conflict_and_the_bounds_that_would_do() -> None:
    found = {"value": 1000.0, "bound": 1000.0, "candidate": {}, "indices": []}
    proof = {
        "limits": [
            {
                "limit": str(SIZE),
                "bound": SIZE.bound,
                "metric": "size_kb",
                "alone": found,
                "under_the_other_limits": None,
            }
        ],
        "conflict": [str(SIZE)],
        "bounds_that_would_work": [
            {"metric": "size_kb", "sense": "<=", "bound": 1000.0, "counted": 990.0}
        ],
        "all_relaxed_together": {"share": 0.1},
    }
    text = shown(replace(DECISION, answer=Answer.IMPOSSIBLE, proof=proof))
    assert "1,000 kB" in text
    assert "none: they conflict" in text
    assert "The space does not reach size ≤ 894 kB, whatever the other limits." in text
    assert "the file of that candidate, untrained, has 990 kB." in text
    relaxed = shown(replace(DECISION, proof={**proof, "bounds_that_would_work": []}))
    assert "all limits relaxed by 10 % of their bounds" in relaxed


def reach(metric: str, value: float) -> dict[str, object]:
    found: dict[str, object] = {"value": value, "bound": value, "candidate": {}, "indices": []}
    return {
        "limit": f"{metric} <= 55000",
        "bound": 55000.0,
        "metric": metric,
        "alone": found,
        "under_the_other_limits": found,
    }


def test_a_bound_that_would_do_is_a_limit_that_can_be_copied_and_is_kept() -> None:
    proof = {
        "limits": [reach("macs", 55049.0)],
        "conflict": ["macs <= 55000"],
        "bounds_that_would_work": [
            {"metric": "macs", "sense": "<=", "bound": 55049.0, "counted": None},
            {"metric": "energy_mj", "sense": "<=", "bound": 0.12345678901234, "counted": None},
            {"metric": "params", "sense": ">=", "bound": 3000.0, "counted": None},
        ],
        "all_relaxed_together": {"share": 0.1},
    }
    text = shown(replace(DECISION, answer=Answer.IMPOSSIBLE, proof=proof))
    assert "Enough, with the others as they are: macs <= 55049\n" in text.replace(" \n", "\n")
    assert "energy_mj <= 0.12345678901234" in text
    assert "params >= 3000" in text
    # The limit and what the space reaches are told apart.
    assert "macs ≤ 55.00 k" in text
    assert "55.05 k" in text
    share = {"share": 0.0561803}
    relaxed = {**proof, "bounds_that_would_work": [], "all_relaxed_together": share}
    assert "relaxed by 5.62 % of" in shown(replace(DECISION, proof=relaxed))


def test_a_bound_of_many_digits_is_shown_and_handed_over_as_it_is() -> None:
    limit = Constraint("macs", Sense.AT_MOST, 1234567.0)
    proof = {
        "limits": [{**reach("macs", 1234568.0), "limit": str(limit), "bound": limit.bound}],
        "conflict": [str(limit)],
        "bounds_that_would_work": [
            {"metric": "macs", "sense": "<=", "bound": 1234568.0, "counted": None}
        ],
    }
    decision = replace(DECISION, answer=Answer.IMPOSSIBLE, limits=(limit,), proof=proof)
    (row,) = (line for line in shown(decision).splitlines() if "in conflict" in line)
    assert "macs ≤ 1.234567 M" in " ".join(row.split())
    assert row.count("1.234568 M") == 2
    (told,) = decision.to_json(SPACE)["bounds"]
    assert told == {
        "limit": "macs <= 1.23457e+06",
        "metric": "macs",
        "sense": "<=",
        "bound": 1234567.0,
        "confident": False,
    }


def test_files_that_were_all_counted_are_shown_as_what_settled_it() -> None:
    proof = {
        "files_counted": 76,
        "limits": [
            {
                "limit": "size_kb <= 2",
                "bound": 2.0,
                "metric": "size_kb",
                "of_the_files": {"value": 2.0705, "candidate": {}, "indices": []},
            }
        ],
        "conflict": ["size_kb <= 2"],
        "bounds_that_would_work": [
            {"metric": "size_kb", "sense": "<=", "bound": 2.0705, "counted": None}
        ],
    }
    text = shown(replace(DECISION, answer=Answer.IMPOSSIBLE, proof=proof))
    assert "the best of 76 files" in text
    assert "2.07 kB" in text
    assert "Enough, with the others as they are: size_kb <= 2.0705" in text
