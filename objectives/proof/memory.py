"""Peak resident memory of a file in its runtime, each time in a fresh process.

Run as ``python -m tightfit.objectives.proof.memory MODEL THREADS`` it prints one number of bytes.
"""

from __future__ import annotations

import math
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from tightfit.errors import MeasurementError
from tightfit.metric import Kind, Stage
from tightfit.objectives.runtimes.ort import OnnxRuntime
from tightfit.reading import Reading

PROCESSES = 3
SECONDS = 120.0
_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_WARM_UPS = 3
_IDENTITY = (
    b'\x08\x07:7\n\x10\n\x01x\x12\x01y"\x08Identity\x12\x01eZ\x0f\n\x01x\x12\n\n\x08\x08\x01\x12\x04'
    b"\n\x02\x08\x01b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x01B\x04\n\x00\x10\r"
)
"""An ONNX file of one Identity, opset 13: what any file costs the runtime once."""


def memory_kb(model: Path, *, threads: int) -> Reading | None:
    """Return the peak resident memory of loading and running a file, one picture at a time.

    It is what the process takes at most beyond what it took with the runtime at work on an empty
    file: weights as the runtime unpacks them, its arena and buffers. ``None`` where the system does
    not tell a process its peak.

    Raises:
        MeasurementError: The file does not run.
    """
    if not _STATUS.is_file():
        return None
    values = [_in_a_process(model, threads) / 1000 for _ in range(PROCESSES)]
    stderr = statistics.stdev(values) / math.sqrt(len(values))
    return Reading(
        statistics.fmean(values), Kind.MEASURED, Stage.RUNTIME, stderr=stderr, repeats=len(values)
    )


def _in_a_process(model: Path, threads: int) -> int:
    command = [sys.executable, "-m", f"{__package__}.memory", str(model), str(threads)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"{model} did not run once in {SECONDS:g} seconds") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise MeasurementError(f"the memory of {model} could not be measured: {last}")
    return int(done.stdout)


def _status(name: str) -> int:
    """Return bytes of a line like ``VmHWM:  1234 kB``; these are of 1,024 bytes."""
    for line in _STATUS.read_text("ascii").splitlines():
        if line.startswith(f"{name}:"):
            return 1024 * int(line.split()[1])
    raise MeasurementError(f"{_STATUS} has no {name}")


def main() -> None:
    """Print what the file that the arguments name adds to this process."""
    path, threads = Path(sys.argv[1]), int(sys.argv[2])
    runtime = OnnxRuntime(threads)
    with tempfile.TemporaryDirectory() as folder:
        nothing = Path(folder) / "empty.onnx"
        nothing.write_bytes(_IDENTITY)
        empty_session = runtime.open(nothing)
        empty_session.run([np.zeros(1, np.float32)])
    # The peak counts from here: 5 sets the high-water mark to what is resident now (man 5 proc).
    _RESET.write_text("5")
    empty = _status("VmRSS")
    session = runtime.open(path)
    inputs = [np.zeros((1, *shape), np.float32) for shape in session.input_shapes]
    for _ in range(_WARM_UPS):
        session.run(inputs)
    sys.stdout.write(f"{_status('VmHWM') - empty}\n")


if __name__ == "__main__":
    main()
