"""The most memory that a piece of work holds."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
from pathlib import Path
from types import TracebackType

import psutil

PERIOD_S = 0.005
_RESET, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")


class PeakMemory:
    """Watches the resident memory of this process while its block runs.

    Where the kernel keeps the peak (Linux) that is read, and nothing can be missed; elsewhere the
    memory is looked at every few milliseconds. Memory that was freed before is given back to the
    system first, so that using it again counts.
    """

    def __init__(self) -> None:
        self.kilobytes = 0.0
        self._before = 0
        self._sampler: _Sampler | None = None

    def __enter__(self) -> PeakMemory:
        gc.collect()
        _give_back()
        self._before = _resident()
        if not _reset_peak():
            self._sampler = _Sampler()
            self._sampler.start()
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        peak = _kernels_peak() if self._sampler is None else self._sampler.stop()
        self.kilobytes = max(0, peak - self._before) / 1000


class _Sampler(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._done = threading.Event()
        self._peak = 0

    def run(self) -> None:
        while not self._done.wait(PERIOD_S):
            self._peak = max(self._peak, _resident())

    def stop(self) -> int:
        self._done.set()
        self.join()
        return max(self._peak, _resident())


def _resident() -> int:
    resident: int = psutil.Process().memory_info().rss
    return resident


def _reset_peak() -> bool:
    """Set the kernel's peak to what is resident now; whether it can be."""
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True


def _kernels_peak() -> int:
    lines = _STATUS.read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _give_back() -> None:
    """Let the C library return what it holds for later, where it can."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
