"""The most memory that a piece of work holds."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import threading
from collections.abc import Iterator
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
        self._before = self._peak = 0
        self._sampler: _Sampler | None = None

    @property
    def kilobytes(self) -> float:
        """The most that was resident while it watched, above what was before."""
        return max(0, self._peak - self._before) / 1000

    def __enter__(self) -> PeakMemory:
        self._watch()
        self._before = _resident()
        return self

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """Look away from what is done inside."""
        self._see()
        try:
            yield
        finally:
            self._watch()

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._see()

    def _watch(self) -> None:
        gc.collect()
        _give_back()
        if not _reset_peak():
            self._sampler = _Sampler()
            self._sampler.start()

    def _see(self) -> None:
        peak = _kernels_peak() if self._sampler is None else self._sampler.stop()
        self._peak = max(self._peak, peak)


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
