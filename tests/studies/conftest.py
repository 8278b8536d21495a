"""A run as a user would see it: a compressed ResNet-18, 40 trials, references, one failure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tightfit import (
    Candidate,
    Choice,
    Constraint,
    Direction,
    Hparam,
    Kind,
    Measurement,
    Metric,
    Objective,
    Outcome,
    Reading,
    Record,
    SearchSpace,
    Sense,
    Stage,
)
from tightfit.search.ledger import Ledger
from tightfit.search.storage import open_storage
from tightfit.studies.plan import Plan
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder

MINIMIZE, MAXIMIZE = Direction.MINIMIZE, Direction.MAXIMIZE
METRICS = (
    Metric("params", "", MINIMIZE, Stage.STATIC, Kind.COUNTED, "trainable parameters"),
    Metric("macs", "", MINIMIZE, Stage.STATIC, Kind.COUNTED, "multiply-accumulates"),
    Metric("size_kb", "kB", MINIMIZE, Stage.RUNTIME, Kind.COUNTED, "bytes of the file"),
    Metric("ram_kb", "kB", MINIMIZE, Stage.STATIC, Kind.COMPUTED, "activations alive together"),
    Metric("energy_mj", "mJ", MINIMIZE, Stage.STATIC, Kind.ESTIMATED, "operations and bytes moved"),
    Metric("latency_ms", "ms", MINIMIZE, Stage.RUNTIME, Kind.MEASURED, "one picture on the file"),
    Metric("accuracy", "", MAXIMIZE, Stage.LEARNED, Kind.MEASURED, "of the file, on validation"),
)
STAGES = ("layer1", "layer2", "layer3", "layer4")
BASELINE = {
    "params": 11_172_810.0,
    "macs": 141_000_000.0,
    "size_kb": 44_712.0,
    "ram_kb": 602.0,
    "energy_mj": 1.31,
    "latency_ms": 4.21,
    "accuracy": 0.9347,
}
SIZE = Constraint("size_kb", Sense.AT_MOST, 894.24)
LATENCY = Constraint("latency_ms", Sense.AT_MOST, 0.421)
ACCURACY = Constraint("accuracy", Sense.AT_LEAST, 0.8847)


def space() -> SearchSpace:
    """Twelve hparams: pruning and bits by stage, a rank, distillation and the schedule."""
    hparams = [
        Hparam(f"{stage}.pruning_ratio", (0.0, 0.25, 0.5, 0.625, 0.75, 0.875)) for stage in STAGES
    ]
    hparams += [Hparam(f"{stage}.bits", (None, 8, 4)) for stage in STAGES]
    hparams += [
        Hparam("layer4.rank", (None, 0.5, 0.25)),
        Hparam("distillation.weight", (None, 0.9)),
        Hparam("distillation.temperature", (2.0, 4.0), ("distillation.weight", (1,))),
        Hparam("training.learning_rate", (0.05, 0.1)),
    ]
    return SearchSpace(tuple(hparams))


SPACE = space()
OTHERS: dict[str, Choice] = {"distillation.weight": 0.9, "distillation.temperature": 4.0}


def readings(values: dict[str, float], rng: np.random.Generator) -> Measurement:
    """Give every value its kind, stage and a believable standard error."""
    kinds = {metric.name: metric for metric in METRICS}
    errors = {"latency_ms": 0.008, "accuracy": 0.0075}
    return Measurement(
        {
            name: Reading(
                value,
                kind=kinds[name].kind,
                stage=kinds[name].stage,
                stderr=errors.get(name, 0.0) * float(rng.uniform(0.8, 1.2)),
                repeats=8 if name == "latency_ms" else 1,
            )
            for name, value in values.items()
        }
    )


def costs(candidate: Candidate, rng: np.random.Generator) -> dict[str, float]:
    """Return plausible readings of a candidate: a toy model of a ResNet-18 in four stages."""
    choices = SPACE.choices(candidate)
    weights = dict(zip(STAGES, (0.013, 0.047, 0.188, 0.752), strict=True))
    share = bytes_ = time = damage = 0.0
    for stage, weight in weights.items():
        kept = 1 - float(choices[f"{stage}.pruning_ratio"] or 0)
        bits = int(choices[f"{stage}.bits"] or 32)
        low = 0.6 if stage == "layer4" and choices["layer4.rank"] else 1.0
        share += weight * kept**2 * low
        bytes_ += weight * kept**2 * low * bits / 32
        time += 0.25 * kept**1.6 * (0.42 if bits < 32 else 1.0)
        damage += 0.012 * (1 - kept) ** 3 + (0.005 if bits == 4 else 0.001)
    damage += 0.0 if choices["distillation.weight"] else 0.012
    return {
        "params": round(11_172_810 * share + 5000),
        "macs": round(141e6 * time),
        "size_kb": round(44_700 * bytes_ + 24, 3),
        "ram_kb": round(602 * (0.25 + 0.3 * time), 3),
        "energy_mj": round(1.31 * (0.6 * time + 0.4 * bytes_), 5),
        "latency_ms": 4.21 * (0.03 + 0.9 * time) * float(rng.normal(1, 0.02)),
        "accuracy": round((0.9347 - damage - abs(float(rng.normal(0, 0.004)))) * 1500) / 1500,
    }


def judged(
    candidate: Candidate, values: dict[str, float], origin: str, rng: np.random.Generator
) -> Record:
    """Return the record that the evaluator would make: stopped at the first broken limit."""
    constraints: Iterable[Constraint] = (SIZE, LATENCY)
    broken = [c for c in constraints if c.excess(values[c.metric]) > 0]
    known = {name: value for name, value in values.items() if name != "accuracy" or not broken}
    measurement = readings(known, rng)
    checked = [c for c in (SIZE, LATENCY, ACCURACY) if c.metric in known]
    return Record(
        candidate=candidate,
        outcome=Outcome.SCREENED if broken else Outcome.EVALUATED,
        measurement=measurement,
        violations={str(c): c.violation(measurement) for c in checked},
        origin=origin,
        fingerprint="f00d",
        reason=str(broken[0]) if broken else "",
        seconds={"build": 0.4, "measure": 0.9, "train": 14.0, "evaluate": 0.5},
        trained=not broken,
    )


def uniform(ratio: float, bits: int | None) -> Candidate:
    """Return the same pruning ratio and bits in every stage."""
    chosen: dict[str, Choice] = {f"{stage}.pruning_ratio": ratio for stage in STAGES}
    chosen |= {f"{stage}.bits": bits for stage in STAGES}
    return SPACE.from_choices({**chosen, **OTHERS})


def make_results(folder: Path, *, trials: int = 40, finished: bool = True) -> Results:
    """Return a run: four reference candidates first, then random trials, one of them failed."""
    rng = np.random.default_rng(7)
    references = {
        "uniform: pruning 0.75, quantization 8": uniform(0.75, 8),
        "uniform: pruning 0.875, quantization 4": uniform(0.875, 4),
        "pruning alone": uniform(0.875, None),
        "quantization alone": uniform(0.0, 4),
    }
    records = [judged(c, costs(c, rng), origin, rng) for origin, c in references.items()]
    while len(records) < trials:
        row = SPACE.random(1, rng)[0]
        row[:4] = rng.integers(2 if len(records) < 12 else 3, 6, size=4)
        row[4:8] = rng.integers(1, 3, size=4)
        candidate = SPACE.candidate(row)
        origin = "random" if len(records) < 12 else "gp"
        records.append(judged(candidate, costs(candidate, rng), origin, rng))
    if trials > 20:
        records[20] = replace(
            records[20],
            outcome=Outcome.FAILED,
            measurement=Measurement(),
            violations={},
            reason="the loss was not finite at step 12",
        )
    return Results(
        name="quickstart",
        folder=folder,
        space=SPACE,
        metrics={metric.name: metric for metric in METRICS},
        constraints=(SIZE, LATENCY, ACCURACY),
        objectives=(Objective("accuracy", MAXIMIZE), Objective("size_kb", MINIMIZE)),
        baseline=readings(BASELINE, rng),
        records=tuple(records),
        references=_small_nets(rng),
        reference_point=(ACCURACY.bound, SIZE.bound),
        finished=finished,
    )


def _small_nets(rng: np.random.Generator) -> tuple[Record, ...]:
    values = dict(BASELINE) | {
        "params": 727_000.0,
        "size_kb": 741.0,
        "latency_ms": 0.62,
        "accuracy": 0.8813,
    }
    scratch = values | {"size_kb": 402.0, "latency_ms": 0.31, "accuracy": 0.8867}
    nets = {"small net squeezenet1_1": values, "from scratch": scratch}
    records = []
    for origin, each in nets.items():
        measurement = readings(each, rng)
        violations = {str(c): c.violation(measurement) for c in (SIZE, LATENCY, ACCURACY)}
        records.append(
            Record(Candidate(()), Outcome.EVALUATED, measurement, violations, origin, "f00d")
        )
    return tuple(records)


def without_front(results: Results) -> Results:
    """Return the run with an accuracy floor that nothing reaches."""
    floor = Constraint("accuracy", Sense.AT_LEAST, 0.9447)

    def judged_anew(records: tuple[Record, ...]) -> tuple[Record, ...]:
        return tuple(
            replace(
                record,
                violations={
                    str(c): c.violation(record.measurement)
                    for c in (SIZE, LATENCY, floor)
                    if c.metric in record.measurement
                },
            )
            for record in records
        )

    return replace(
        results,
        records=judged_anew(results.records),
        references=judged_anew(results.references),
        constraints=(SIZE, LATENCY, floor),
    )


def plan_of(
    results: Results, spec: dict[str, Any] | None = None, *, storage: str | None = None
) -> Plan:
    """Return the plan of a run that found these results."""
    return Plan(
        name=results.name,
        spec=spec or {"trials": 40},
        study_path=None,
        storage=storage,
        fingerprint="f00d",
        space=results.space,
        metrics=results.metrics,
        constraints=results.constraints,
        objectives=results.objectives,
        baseline=results.baseline,
        reference_point=results.reference_point,
    )


def begin_run(folder: RunFolder, results: Results) -> Ledger:
    """Begin a run in a folder that is there, and return what keeps its records."""
    plan_of(results).write(folder.plan)
    return Ledger(
        open_storage(folder.journal),
        results.name,
        space=results.space,
        objectives=results.objectives,
        constraints=results.constraints,
    )


@pytest.fixture
def results(tmp_path: Path) -> Results:
    """A finished run of 40 trials."""
    return make_results(tmp_path)


@pytest.fixture
def empty_front(results: Results) -> Results:
    """The same run, but no trial keeps all limits."""
    return without_front(results)


@pytest.fixture
def unfinished(tmp_path: Path) -> Callable[[int], Results]:
    """Return the run as it was after so many trials."""
    return lambda trials: make_results(tmp_path, trials=trials, finished=False)
