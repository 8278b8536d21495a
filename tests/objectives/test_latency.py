from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import pytest

from tightfit.conditions import Conditions
from tightfit.errors import MeasurementError, SpecError
from tightfit.metric import Kind, Stage
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.latency import TOO_WIDE, LatencyMeter
from tightfit.objectives.meter.device import Device
from tightfit.objectives.meter.facts import Session
from tightfit.objectives.meter.interval import FEWEST
from tightfit.objectives.meter.taking import PATIENCE, Precision
from tightfit.program import Program

ResidualProgram = Callable[..., Program]
BASELINE, CANDIDATE = Path("baseline.onnx"), Path("candidate.onnx")
COST_MS = {CANDIDATE: 1.0, BASELINE: 4.0}


@dataclass
class Scripted:
    """A device whose sessions are luckier or unluckier, and disturbed or not, in a fixed order."""

    luck: Sequence[float] = (1.0,)
    waited: Sequence[float | None] = (0.0,)
    clock_mhz: Sequence[float | None] = (None,)
    session_s: float = 0.2
    now: float = 0.0
    taken: list[tuple[Path, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._luck: Iterator[float] = cycle(self.luck)
        self._waited: Iterator[float | None] = cycle(self.waited)
        self._clock_mhz: Iterator[float | None] = cycle(self.clock_mhz)

    def session(self, paths: Sequence[Path], seconds: float, *, runs: int = 0) -> Session:
        assert seconds > 0
        assert runs == 0
        self.taken.append(tuple(paths))
        self.now += self.session_s
        lucky, *rest = (COST_MS[path] for path in paths)
        ms = (lucky * next(self._luck), *rest)
        clock_mhz, heat = next(self._clock_mhz), 50.0 + len(self.taken)
        return Session(ms, next(self._waited), 1.5, clock_mhz, temperature_c=heat)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Scripted]:
    """A factory of devices that replace the clock."""

    def make(**more: object) -> Scripted:
        device = Scripted(**more)  # type: ignore[arg-type]
        monkeypatch.setattr(time, "monotonic", lambda: device.now)
        monkeypatch.setattr(time, "sleep", device.sleep)
        return device

    return make


def test_a_candidate_is_its_ratio_times_the_reference(on: Callable[..., Scripted]) -> None:
    device = on()
    result = LatencyMeter(BASELINE, device, reference_ms=5.0).measure(CANDIDATE)
    assert result.ratio.median == pytest.approx(0.25)
    assert result.latency_ms.value == pytest.approx(1.25)
    assert result.baseline_ms == pytest.approx(4.0)
    assert result.latency_ms.kind is Kind.MEASURED
    assert result.latency_ms.stage is Stage.RUNTIME
    assert result.latency_ms.note == ""
    assert device.taken == [(CANDIDATE, BASELINE)] * FEWEST
    assert result.latency_ms.repeats == FEWEST


def test_without_a_reference_the_milliseconds_are_those_of_the_moment(
    on: Callable[..., Scripted],
) -> None:
    result = LatencyMeter(BASELINE, on()).measure(CANDIDATE)
    assert result.latency_ms.value == pytest.approx(1.0)


def test_it_repeats_until_the_interval_is_narrow(on: Callable[..., Scripted]) -> None:
    device = on(luck=(1.03, 0.97, 1.0, 1.0, 1.0, 1.0, 1.0))
    found = LatencyMeter(BASELINE, device).measure(CANDIDATE)
    assert FEWEST < found.latency_ms.repeats <= 12
    assert found.ratio.half_width <= 0.02
    assert found.latency_ms.note == ""


def test_when_the_time_is_up_it_says_how_wide_the_interval_is(on: Callable[..., Scripted]) -> None:
    device = on(luck=(0.8, 1.0, 1.2))
    found = LatencyMeter(BASELINE, device, precision=Precision(seconds=2.0)).measure(CANDIDATE)
    assert device.now < 2.5
    assert found.latency_ms.value == pytest.approx(1.0)
    assert found.latency_ms.note.startswith("the time was up after 2.2 s: ±")
    assert 0.05 < found.latency_ms.stderr < 0.15


def test_disturbed_sessions_are_set_aside_and_repeated(on: Callable[..., Scripted]) -> None:
    device = on(luck=(1.0, 1.5), waited=(0.0, 0.4))
    found = LatencyMeter(BASELINE, device, precision=Precision(seconds=9.0)).measure(CANDIDATE)
    assert found.latency_ms.value == pytest.approx(1.0)
    assert len(device.taken) == 2 * FEWEST - 1
    assert found.latency_ms.repeats == FEWEST
    assert device.now > 0.2 * len(device.taken) + 0.5  # it waited for a quiet moment


def test_a_system_that_tells_no_disturbance_is_believed(on: Callable[..., Scripted]) -> None:
    assert LatencyMeter(BASELINE, on(waited=(None,))).measure(CANDIDATE).latency_ms.note == ""


def test_a_disturbed_machine_whose_sessions_agree_gives_a_reading_that_says_so(
    on: Callable[..., Scripted],
) -> None:
    device = on(luck=(0.97, 1.0, 1.03), waited=(0.5,))
    found = LatencyMeter(BASELINE, device).measure(CANDIDATE)
    assert found.latency_ms.value == pytest.approx(1.0)
    assert found.latency_ms.note == "the machine was disturbed: ±3.0 %"


def test_a_machine_too_disturbed_to_measure_is_refused(on: Callable[..., Scripted]) -> None:
    device = on(luck=(0.5, 1.0, 2.0), waited=(0.5,))
    message = (
        r"too disturbed to measure 'candidate\.onnx': after 2\d s its latency is known to ±\d\d % "
        r"only; it waited 50 % of the time for a processor, other processes kept 1\.5 processors"
    )
    with pytest.raises(MeasurementError, match=message):
        LatencyMeter(BASELINE, device, precision=Precision(seconds=2.0)).measure(CANDIDATE)
    assert device.now <= 2.0 * PATIENCE + 1


def test_where_nothing_is_decided_by_it_a_disturbed_machine_is_told_and_not_refused(
    on: Callable[..., Scripted],
) -> None:
    device = on(luck=(0.5, 1.0, 2.0), waited=(0.5,))
    meter = LatencyMeter(BASELINE, device, precision=Precision(seconds=2.0), decisive=False)
    found = meter.measure(CANDIDATE)
    assert device.now <= 4.0
    assert found.ratio.half_width > TOO_WIDE
    width = f"±{100 * found.ratio.half_width:.1f} %"
    assert found.latency_ms.note == f"the machine was disturbed: {width}"
    assert found.latency_ms.stderr > 0


def test_a_reading_says_at_what_clock_and_temperature_it_was_taken(
    on: Callable[..., Scripted],
) -> None:
    found = LatencyMeter(BASELINE, on(clock_mhz=(2100.0, 2000.0))).measure(CANDIDATE).latency_ms
    assert found.conditions == Conditions(2050.0, 50.0 + FEWEST)
    assert str(found.conditions) == "2,050 MHz, 56 °C"
    assert found.note == ""
    untold = LatencyMeter(BASELINE, on()).measure(CANDIDATE).latency_ms.conditions
    assert untold.to_json() == {"temperature_c": 56.0}


def test_a_clock_that_changes_meanwhile_is_noticed(on: Callable[..., Scripted]) -> None:
    device = on(clock_mhz=(2400.0, 2400.0, 1500.0))
    found = LatencyMeter(BASELINE, device).measure(CANDIDATE).latency_ms
    assert found.note == "the clock changed between 1,500 and 2,400 MHz"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"interval": 0.0}, "'interval' of a latency must be positive, got 0"),
        ({"seconds": float("inf")}, "'seconds' of a latency must be positive, got inf"),
    ],
)
def test_a_precision_that_means_nothing_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        Precision(**wrong)


def test_a_reference_that_means_nothing_is_refused() -> None:
    with pytest.raises(SpecError, match="'reference_ms' of a latency must be positive, got nan"):
        LatencyMeter(BASELINE, Device(), reference_ms=float("nan"))


def test_a_wider_net_is_measured_as_slower(
    residual_program: ResidualProgram, tmp_path: Path
) -> None:
    for width in (8, 64):
        program = residual_program(None, width=width)
        write_onnx(program, tmp_path / f"{width}.onnx", metadata={})
    device = Device()
    meter = LatencyMeter(tmp_path / "64.onnx", device, precision=Precision(0.5))
    assert meter.measure(tmp_path / "8.onnx").ratio.median < 0.6
    assert meter.measure_baseline().value > 0
    device.close()


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="gone"):
        LatencyMeter(tmp_path / "gone.onnx", Device()).measure_baseline()
