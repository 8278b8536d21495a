from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tightfit.errors import MeasurementError, SpecError
from tightfit.metric import Kind, Stage
from tightfit.objectives import latency as latency_module
from tightfit.objectives.artifact import write_onnx
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.runtimes import Float32Array, OnnxRuntime
from tightfit.program import Program

ResidualProgram = Callable[..., Program]
BASELINE, CANDIDATE = Path("baseline.onnx"), Path("candidate.onnx")


@dataclass
class Machine:
    """A runtime on a machine whose clock only runs move, and whose pace may drift."""

    cost_ms: dict[Path, float]
    drift: float = 0.0
    cold: float = 1.0
    luck: Sequence[float] = (1.0,)
    now_ns: int = 0
    order: list[Path] = field(default_factory=list)
    opened: list[Path] = field(default_factory=list)
    name: str = "machine"

    def open(self, path: Path) -> Run:
        self.opened.append(path)
        return Run(self, path, self.luck[self.opened.count(path) % len(self.luck)])

    def clock(self) -> int:
        return self.now_ns


@dataclass
class Run:
    machine: Machine
    path: Path
    luck: float
    input_shapes: tuple[tuple[int, ...], ...] = ((1, 2, 2),)

    def run(self, inputs: Sequence[Float32Array]) -> list[Float32Array]:
        machine = self.machine
        assert [entry.shape for entry in inputs] == [(1, 1, 2, 2)]
        cold = 1.0 if machine.order[-3:] == [self.path] * 3 else machine.cold
        machine.order.append(self.path)
        pace = 1 + machine.drift * machine.now_ns / 1e9
        machine.now_ns += int(1e6 * machine.cost_ms[self.path] * pace * cold * self.luck)
        return [np.zeros(1, np.float32)]


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machine]:
    """A factory of machines that replace the clock."""

    def make(candidate_ms: float = 1.0, baseline_ms: float = 4.0, **more: object) -> Machine:
        machine = Machine({CANDIDATE: candidate_ms, BASELINE: baseline_ms}, **more)  # type: ignore[arg-type]
        monkeypatch.setattr(time, "perf_counter_ns", machine.clock)
        return machine

    return make


def test_a_candidate_is_its_ratio_times_the_reference(on: Callable[..., Machine]) -> None:
    result = LatencyMeter(BASELINE, on(1.0, 4.0), reference_ms=5.0).measure(CANDIDATE)
    assert result.ratio == pytest.approx(0.25)
    assert result.latency_ms.value == pytest.approx(1.25)
    assert result.baseline_ms == pytest.approx(4.0)
    assert result.latency_ms.kind is Kind.MEASURED
    assert result.latency_ms.stage is Stage.RUNTIME
    assert result.latency_ms.repeats == 5


def test_without_a_reference_the_milliseconds_are_those_of_the_moment(
    on: Callable[..., Machine],
) -> None:
    result = LatencyMeter(BASELINE, on(1.5, 4.0)).measure(CANDIDATE)
    assert result.latency_ms.value == pytest.approx(1.5)


def test_a_machine_that_slows_down_changes_no_ratio(on: Callable[..., Machine]) -> None:
    result = LatencyMeter(BASELINE, on(1.0, 4.0, drift=1.0), reference_ms=4.0).measure(CANDIDATE)
    assert result.baseline_ms > 5
    assert result.latency_ms.value == pytest.approx(1.0, rel=0.05)


def test_runs_that_find_cold_caches_are_dropped(on: Callable[..., Machine]) -> None:
    result = LatencyMeter(BASELINE, on(1.0, 4.0, cold=3.0), reference_ms=4.0).measure(CANDIDATE)
    assert result.latency_ms.value == pytest.approx(1.0, rel=0.01)


def test_the_error_is_that_between_sessions(on: Callable[..., Machine]) -> None:
    steady = LatencyMeter(BASELINE, on(1.0, 4.0)).measure(CANDIDATE)
    assert steady.ratio_stderr == pytest.approx(0, abs=1e-6)
    machine = on(1.0, 4.0, luck=(0.8, 1.0, 1.2))
    monitored = LatencyMeter(BASELINE, machine, sessions=6).measure_baseline()
    assert monitored.value == pytest.approx(4.0)
    assert 0.1 < monitored.stderr < 0.6


def test_blocks_of_candidate_and_baseline_alternate_over_fresh_sessions(
    on: Callable[..., Machine],
) -> None:
    machine = on(1.0, 1.0)
    LatencyMeter(BASELINE, machine, sessions=5).measure(CANDIDATE)
    assert machine.opened == [CANDIDATE, BASELINE] * 5
    changes = sum(a != b for a, b in zip(machine.order, machine.order[1:], strict=False))
    assert len(machine.order) / changes >= 10


@pytest.mark.parametrize("milliseconds", [0.01, 1.0, 30.0])
def test_a_measurement_keeps_its_budget(on: Callable[..., Machine], milliseconds: float) -> None:
    machine = on(milliseconds, 2 * milliseconds)
    LatencyMeter(BASELINE, machine, budget_s=1.0).measure(CANDIDATE)
    runs = 2 * latency_module.FEWEST_RUNS + latency_module.PROBES
    fewest = 5 * 3 * milliseconds * runs / 1000
    assert machine.now_ns / 1e9 <= max(1.6, fewest)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sessions": 2}, "at least 3 sessions, got 2"),
        ({"budget_s": 0.0}, "'budget_s' of a latency must be positive, got 0"),
        ({"reference_ms": float("nan")}, "'reference_ms' of a latency must be positive, got nan"),
    ],
)
def test_a_meter_that_cannot_measure_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        LatencyMeter(BASELINE, OnnxRuntime(), **wrong)  # type: ignore[arg-type]


def test_a_wider_net_is_measured_as_slower(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    for width in (8, 64):
        program = residual_program(None, width=width)
        write_onnx(program, tmp_path / f"{width}.onnx", metadata={})
    meter = LatencyMeter(tmp_path / "64.onnx", OnnxRuntime(), budget_s=0.2)
    assert meter.measure(tmp_path / "8.onnx").ratio < 0.6
    assert meter.measure_baseline().value > 0


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="gone"):
        LatencyMeter(tmp_path / "gone.onnx", OnnxRuntime()).measure_baseline()
