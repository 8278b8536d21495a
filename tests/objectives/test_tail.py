from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tightfit.metric import Kind, Stage
from tightfit.objectives.footprint import FootprintMeter
from tightfit.objectives.meter.facts import Fresh, Session
from tightfit.objectives.meter.interval import FEWEST
from tightfit.objectives.meter.taking import Precision
from tightfit.objectives.tail import RUNS, tail

BASELINE, CANDIDATE = Path("baseline.onnx"), Path("candidate.onnx")
WANTED = {"latency_p99_ms"}
SCALE = {CANDIDATE: 1.0, BASELINE: 4.0}
# Of a file whose runs take 1 ms and longer by an exponential time of 0.1 ms in the mean.
P99 = 1 + 0.1 * np.log(100)


@dataclass
class Tailed:
    """A device on which some runs take longer, and sessions are luckier or not."""

    spread: float = 0.0
    slow_ms: float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    taken: list[tuple[Path, ...]] = field(default_factory=list)

    def session(self, paths: Sequence[Path], seconds: float, *, runs: int = 0) -> Session:
        assert seconds > 0
        self.taken.append(tuple(paths))
        luck = 1 + self.spread * self.rng.standard_normal()
        drawn = [1 + self.rng.exponential(0.1, runs) for _ in paths]
        drawn[0] = luck * np.where(self.rng.random(runs) < 0.03, drawn[0] + self.slow_ms, drawn[0])
        told = [SCALE[path] * each for path, each in zip(paths, drawn, strict=True)]
        medians = tuple(float(np.median(each)) for each in told)
        return Session(medians, waited=0.0, runs=tuple(tuple(each) for each in told))

    def fresh(self, path: Path) -> Fresh:
        raise AssertionError(f"nothing is wanted of a new process of {path}")


def meter(device: Tailed, **more: float) -> FootprintMeter:
    return FootprintMeter(BASELINE, device, WANTED, more, Precision(seconds=0.01))


def test_the_slowest_runs_are_their_ratio_to_the_baselines_times_the_reference() -> None:
    device = Tailed()
    found = meter(device, latency_p99_ms=8.0).measure(CANDIDATE)
    assert list(found) == ["latency_p99_ms"]
    reading = found["latency_p99_ms"]
    assert reading.value == pytest.approx(2.0, rel=0.15)
    assert (reading.kind, reading.stage) == (Kind.MEASURED, Stage.RUNTIME)
    assert device.taken == [(CANDIDATE, BASELINE)] * FEWEST
    assert reading.repeats == FEWEST


def test_without_a_reference_they_are_the_milliseconds_of_the_moment() -> None:
    found = meter(Tailed()).measure(CANDIDATE)["latency_p99_ms"]
    assert found.value == pytest.approx(P99, rel=0.1)


def test_the_baseline_is_measured_beside_nothing() -> None:
    device = Tailed()
    found = meter(device).measure(BASELINE)["latency_p99_ms"]
    assert found.value == pytest.approx(4 * P99, rel=0.1)
    assert device.taken == [(BASELINE,)] * FEWEST


def test_a_tail_that_the_median_does_not_feel_is_found() -> None:
    device = Tailed(slow_ms=2.0)
    session = device.session([CANDIDATE, BASELINE], 0.1, runs=5_000)
    assert session.ms[0] / session.ms[1] == pytest.approx(0.25, rel=0.01)
    assert tail([session] * FEWEST).median == pytest.approx(0.25 * (1 + 2.0 / P99), rel=0.1)


@pytest.mark.parametrize("spread", [0.0, 0.05])
def test_the_interval_covers_the_truth_nearly_always(spread: float) -> None:
    device = Tailed(spread=spread)
    truth = Tailed(spread=spread, rng=np.random.default_rng(1))
    pooled = [truth.session([CANDIDATE, BASELINE], 0.1, runs=RUNS) for _ in range(2000)]
    expected = _ratio(pooled)
    hits = 0
    for _ in range(40):
        taken = [device.session([CANDIDATE, BASELINE], 0.1, runs=RUNS) for _ in range(FEWEST)]
        found = tail(taken)
        hits += found.low <= expected <= found.high
    assert hits >= 32


def _ratio(sessions: Sequence[Session]) -> float:
    first, second = (
        np.quantile(np.concatenate([each.runs[k] for each in sessions]), 0.99) for k in (0, 1)
    )
    return float(first / second)
