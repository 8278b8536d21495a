from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

import numpy as np
import pytest

from tightfit.errors import SpecError
from tightfit.metric import Kind, Stage
from tightfit.objectives.footprint import LOADS, PEAKS, FootprintMeter
from tightfit.objectives.meter.device import UntoldError
from tightfit.objectives.meter.facts import Fresh, Session

BASELINE, CANDIDATE = Path("baseline.onnx"), Path("candidate.onnx")
START = {CANDIDATE: (10.0, 300.0), BASELINE: (40.0, 900.0)}


@dataclass
class Slowing:
    """A device that takes longer from start to start, and whose memory is nearly the same."""

    started: list[Path] = field(default_factory=list)
    memory: Iterator[float] = field(default_factory=lambda: cycle((0.0, 4.0, 2.0)))

    def session(self, paths: Sequence[Path], seconds: float, *, runs: int = 0) -> Session:
        raise AssertionError(f"nobody wants {runs} runs of {paths} in {seconds} s")

    def fresh(self, path: Path) -> Fresh:
        self.started.append(path)
        pace = 1 + 0.05 * len(self.started)
        load_ms, peak_kb = START[path]
        return Fresh(load_ms * pace, peak_kb + next(self.memory))


class Silent(Slowing):
    """The same on a system that tells no memory."""

    def fresh(self, path: Path) -> Fresh:
        return Fresh(super().fresh(path).load_ms, None, "/proc/self/clear_refs: Permission denied")


def test_nothing_is_started_where_nothing_is_wanted() -> None:
    device = Slowing()
    meter = FootprintMeter(BASELINE, device, wanted={"latency_ms", "size_kb"})
    assert meter.measure(CANDIDATE) == {}
    assert not meter.asked
    assert device.started == []


def test_a_load_time_is_its_ratio_times_the_reference() -> None:
    device = Slowing()
    meter = FootprintMeter(BASELINE, device, wanted={"load_ms"}, references={"load_ms": 80.0})
    found = meter.measure(CANDIDATE)
    assert list(found) == ["load_ms"]
    assert found["load_ms"].value == pytest.approx(20.0, rel=0.05)
    assert (found["load_ms"].kind, found["load_ms"].stage) == (Kind.MEASURED, Stage.RUNTIME)
    assert device.started == [CANDIDATE, BASELINE] * LOADS


def test_the_peak_is_the_middle_of_a_few_processes_with_its_spread() -> None:
    device = Slowing()
    found = FootprintMeter(BASELINE, device, wanted={"peak_kb"}).measure(CANDIDATE)
    assert list(found) == ["peak_kb"]
    assert found["peak_kb"].value == 302.0
    assert 0 < found["peak_kb"].stderr < 2
    assert device.started == [CANDIDATE] * PEAKS


def test_the_interval_of_a_peak_covers_its_mean_nineteen_times_in_twenty() -> None:
    memory = np.random.default_rng(0).normal(0, 4, 500 * PEAKS)
    device = Slowing(memory=iter(memory.tolist()))
    meter = FootprintMeter(BASELINE, device, wanted={"peak_kb"})
    found = [meter.measure(CANDIDATE)["peak_kb"].interval for _ in range(500)]
    assert sum(each.holds(300.0) for each in found) / len(found) >= 0.93


def test_a_system_that_tells_no_memory_still_tells_load_times() -> None:
    found = FootprintMeter(BASELINE, Silent(), wanted={"load_ms"}).measure(CANDIDATE)
    assert found["load_ms"].value > 0
    with pytest.raises(UntoldError, match=r"clear_refs: Permission denied"):
        FootprintMeter(BASELINE, Silent(), wanted={"load_ms", "peak_kb"}).measure(CANDIDATE)


def test_the_baseline_is_measured_beside_nothing() -> None:
    device = Slowing()
    found = FootprintMeter(BASELINE, device, wanted={"peak_kb", "load_ms"}).measure(BASELINE)
    assert device.started == [BASELINE] * LOADS
    assert found["load_ms"].value == pytest.approx(40.0 * 1.2)
    assert found["peak_kb"].value == pytest.approx(902.0)


def test_a_reference_that_means_nothing_is_refused() -> None:
    with pytest.raises(SpecError, match="the reference of 'load_ms' must be positive, got 0"):
        FootprintMeter(BASELINE, Slowing(), wanted=(), references={"load_ms": 0.0})
