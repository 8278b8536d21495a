"""Does the meter find what an independent timer finds?

A float network is the baseline, half pruned with 8 bits the candidate, at 224 pixels. The timer
(`independent_timer.py`: onnxruntime and numpy alone, the clock on the wall) and the meter take
turns; then the meter measures once more with another process at work beside it. The ratios to the
baseline must agree within 5 %, beside the other process within 10 %, or the meter says that it
could not measure. The machine must be idle, for the clock on the wall measures the scheduler else:
where the timer's rounds differ by more than the meter may be off, or it waited for a processor for
more than a twentieth of its time, the comparison says nothing, and that is what is printed.

    python -m benchmarks.meter [NAME ...] [--rounds 3] [--connect local]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.bit_files import space_of, write_file
from tightfit.errors import MeasurementError
from tightfit.objectives.latency import LatencyMeter, LatencyResult
from tightfit.objectives.meter.device import Device, DeviceSettings

NAMES = ("resnet18", "mobilenet_v3_large")
QUIET, BESIDE = 0.05, 0.10
WAITED = 0.05
TIMER = Path(__file__).parent / "independent_timer.py"
OTHER_WORK = "import numpy as n; a = n.ones((500, 500), 'f')\nwhile True: a @ a"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connect", default="local")
    arguments = parser.parse_args()
    device = Device(DeviceSettings(arguments.connect))
    print(device.facts(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names:
            _compare(name, Path(folder), device, arguments.rounds)
    device.close()


def _compare(name: str, folder: Path, device: Device, rounds: int) -> None:
    space = space_of(name)
    baseline = write_file(space, folder / f"{name}.onnx", bits=None)
    candidate = write_file(space, folder / f"{name}_8.onnx", bits=8, ratio=0.5)
    meter = LatencyMeter(baseline, device)
    timed, waits, metered, beside = [], [], [], []
    for _ in range(rounds):
        found = _timer(candidate, baseline)
        timed.append(found["ratio"])
        waits.append(found["waited"])
        metered.append(_metered(meter, candidate))
        with _other_work():
            beside.append(_metered(meter, candidate))
    truth = statistics.median(timed)
    spread = (max(timed) - min(timed)) / truth
    print(
        f"{name}: the timer's ratio is {truth:.4f}, its rounds differ by {100 * spread:.1f} %, "
        f"it waited {100 * max(waits):.0f} % of the time; {_shown(found['ms'])} in its last round"
    )
    for what, ratios, limit in (("alone", metered, QUIET), ("beside", beside, BESIDE)):
        known = spread <= limit and max(waits) <= WAITED
        print(f"  {what}: {_verdict(ratios, truth, limit, known=known)}", flush=True)


def _verdict(found: list[LatencyResult | str], truth: float, limit: float, *, known: bool) -> str:
    """Say how far the meter is from the timer, and whether that is within the limit."""
    taken = [each for each in found if isinstance(each, LatencyResult)]
    refusals = [each for each in found if isinstance(each, str)]
    told = f"; {len(refusals)} times it said: {refusals[0]}" if refusals else ""
    if not taken:
        return f"no reading{told}"
    off = [each.ratio.median / truth - 1 for each in taken]
    worst = max(off, key=abs)
    result = "within" if abs(worst) <= limit else "NOT within"
    if not known:
        result = "the machine is too disturbed to say whether it is within"
    shown = ", ".join(f"{100 * each:+.1f} %" for each in off)
    last = _shown([taken[-1].ratio.median * taken[-1].baseline_ms, taken[-1].baseline_ms])
    return f"{shown} off; {result} {100 * limit:.0f} %{told}; {last} in its last round"


def _shown(ms: list[float]) -> str:
    return f"{ms[0]:.3f} of {ms[1]:.3f} ms"


def _timer(candidate: Path, baseline: Path) -> dict[str, Any]:
    """Return what the timer says of the two files."""
    command = [sys.executable, str(TIMER), str(candidate), str(baseline)]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    figures: dict[str, Any] = json.loads(output)
    return figures


def _metered(meter: LatencyMeter, candidate: Path) -> LatencyResult | str:
    try:
        return meter.measure(candidate)
    except MeasurementError as error:
        return str(error)


@contextmanager
def _other_work() -> Iterator[None]:
    other = subprocess.Popen([sys.executable, "-c", OTHER_WORK])
    try:
        yield
    finally:
        other.kill()
        other.wait()


if __name__ == "__main__":
    main()
