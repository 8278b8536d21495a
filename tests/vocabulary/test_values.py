from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tightfit import (
    Candidate,
    Conditions,
    Constraint,
    Direction,
    Graph,
    Kind,
    Measurement,
    MeasurementError,
    Node,
    Objective,
    Outcome,
    Reading,
    Record,
    Sense,
    SpecError,
    Stage,
    Start,
)


def reading(value: float, stage: Stage = Stage.RUNTIME) -> Reading:
    return Reading(value, kind=Kind.MEASURED, stage=stage, stderr=0.1, repeats=5)


def record(**changes: object) -> Record:
    values: dict[str, object] = {
        "candidate": Candidate((1, 0)),
        "outcome": Outcome.EVALUATED,
        "measurement": Measurement({"size_kb": reading(120.0)}),
        "violations": {"size_kb <= 200": -0.4},
        "origin": "tpe",
        "fingerprint": "f" * 8,
        "seconds": {"train": 3.5},
        "trained": True,
    }
    return Record(**{**values, **changes})  # type: ignore[arg-type]


def test_a_violation_is_positive_when_broken_and_relative_to_the_bound() -> None:
    measurement = Measurement({"latency_ms": reading(10.0), "accuracy": reading(0.9)})
    assert Constraint("latency_ms", Sense.AT_MOST, 8.0).violation(measurement) == pytest.approx(
        0.25
    )
    assert Constraint("accuracy", Sense.AT_LEAST, 0.8).violation(measurement) == pytest.approx(
        -0.125
    )


def test_violations_of_a_batch_equal_those_one_by_one() -> None:
    for sense in Sense:
        constraint = Constraint("size_kb", sense, 5.0)
        batch = constraint.violations(np.array([1.0, 5.0, 9.0]))
        assert batch.tolist() == [constraint.excess(value) for value in (1.0, 5.0, 9.0)]


@pytest.mark.parametrize("bound", [0.0, math.nan, math.inf])
def test_a_bound_must_be_finite_and_not_zero(bound: float) -> None:
    with pytest.raises(SpecError, match="the bound on 'size_kb' must be finite and not 0"):
        Constraint("size_kb", Sense.AT_MOST, bound)


def test_an_unmeasured_metric_is_an_error_that_says_what_was_measured() -> None:
    with pytest.raises(MeasurementError, match=r"'energy_mj' was not measured \(measured: ram_kb"):
        Measurement({"ram_kb": reading(1.0)})["energy_mj"]
    with pytest.raises(MeasurementError, match="measured: nothing"):
        Constraint("a", Sense.AT_MOST, 1.0).violation(Measurement())


def test_a_later_stages_reading_replaces_an_earlier_one() -> None:
    early = Measurement({"size_kb": reading(1.0, Stage.STATIC), "macs": reading(7.0)})
    late = early.updated({"size_kb": reading(2.0)})
    assert late.value("size_kb") == 2.0
    assert late.value("macs") == 7.0
    assert early.value("size_kb") == 1.0
    assert sorted(late) == ["macs", "size_kb"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": math.nan}, "a reading must be finite"),
        ({"value": math.inf}, "a reading must be finite"),
        ({"stderr": -1.0}, "a standard error must be finite and >= 0"),
        ({"stderr": math.nan}, "a standard error must be finite and >= 0"),
        ({"repeats": 0}, "at least one repeat"),
    ],
)
def test_a_reading_that_says_nothing_is_refused(changes: dict[str, float], message: str) -> None:
    values = {"value": 1.0, "stderr": 0.0, "repeats": 1, **changes}
    with pytest.raises(MeasurementError, match=message):
        Reading(
            values["value"],
            kind=Kind.COUNTED,
            stage=Stage.STATIC,
            stderr=values["stderr"],
            repeats=int(values["repeats"]),
        )


def test_a_note_and_conditions_survive_json_and_are_not_written_where_there_are_none() -> None:
    plain = reading(1.0)
    assert not {"note", "conditions"} & plain.to_json().keys()
    noted = replace(plain, note="the machine was disturbed", conditions=Conditions(1500.0))
    assert Reading.from_json(json.loads(json.dumps(noted.to_json()))) == noted


def test_a_record_survives_json() -> None:
    original = record()
    assert Record.from_json(json.loads(json.dumps(original.to_json()))) == original


def test_a_record_tells_what_its_training_began_with() -> None:
    start = Start(Candidate((0, 1)), loss=0.4, sliced_loss=0.5)
    heir = record(start=start)
    assert Record.from_json(json.loads(json.dumps(heir.to_json()))) == heir
    assert start.inherited
    assert not replace(start, loss=0.5).inherited
    assert "start" not in record().to_json()
    with pytest.raises(MeasurementError, match="the loss of a start must be finite, got nan"):
        replace(start, loss=math.nan)


def test_a_record_of_another_schema_is_refused() -> None:
    values = record().to_json() | {"schema": 99}
    with pytest.raises(SpecError, match="schema 99 cannot be read; this version reads schema 1"):
        Record.from_json(values)


def test_only_an_evaluated_record_within_its_limits_is_feasible() -> None:
    assert record().feasible
    assert not record(violations={"size_kb <= 200": 0.1}).feasible
    assert not record(outcome=Outcome.SCREENED).feasible
    assert not record(outcome=Outcome.FAILED, reason="out of memory").feasible


def test_an_objective_knows_which_value_is_better() -> None:
    assert Objective("accuracy", Direction.MAXIMIZE).better(0.9, 0.8)
    assert Objective("size_kb", Direction.MINIMIZE).better(1.0, 2.0)
    assert not Objective("size_kb", Direction.MINIMIZE).better(2.0, 2.0)


def test_a_graph_lists_the_readers_of_each_value() -> None:
    graph = Graph(
        ("x",),
        (Node("a", "relu", ("x",)), Node("b", "add", ("a", "x")), Node("c", "mul", ("a", "a"))),
        ("b", "c"),
    )
    readers = {name: [node.name for node in nodes] for name, nodes in graph.consumers().items()}
    assert readers == {"x": ["a", "b"], "a": ["b", "c"], "b": [], "c": []}


@pytest.mark.parametrize(
    ("nodes", "outputs", "message"),
    [
        ((Node("a", "relu", ("y",)),), ("a",), "'a' reads 'y', which nothing gives"),
        ((Node("a", "relu", ("x",)), Node("a", "relu", ("x",))), ("a",), "two nodes are named 'a'"),
        ((Node("a", "relu", ("x",)),), ("b",), "output 'b' is given by no node"),
    ],
)
def test_a_graph_that_does_not_hang_together_is_refused(
    nodes: tuple[Node, ...], outputs: tuple[str, ...], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        Graph(("x",), nodes, outputs)
