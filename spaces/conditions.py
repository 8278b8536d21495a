"""What holds while a model is run and traced: a limit of time, plain arithmetic."""

from __future__ import annotations

import gc
import signal
import sysconfig
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType

import torch

from tightfit import SpecError

LIMIT_SECONDS = 180.0
"""Of a model that is run once on two pictures, and of a trace beside its runs."""
AGAIN_SECONDS = 2.0
"""Until the next attempt: a model may go on after one."""
_LOOK_SECONDS, _WAIT_SECONDS = 0.002, 5.0
"""How often it is looked whether a trace can be stopped, and after which time it is stopped anyhow.
"""
_TORCH, _PYTHON = str(Path(torch.__file__).parent), sysconfig.get_path("stdlib")


class _TimeIsUp(BaseException):
    """No `Exception`: a model that goes on after each of them is stopped all the same."""


class _Modes:
    """Torch's modes of this thread, to go back to: a trace that is stopped anywhere may leave its
    own ones on, and then no tensor can be made any more.
    """

    _KEYS = tuple(
        getattr(torch._C.DispatchKey, name)
        for name in ("Python", "PythonTLSSnapshot", "PreDispatch", "Functionalize")
    )

    def __init__(self) -> None:
        self._dispatch = torch._C._len_torch_dispatch_stack()
        self._function = torch._C._len_torch_function_stack()
        self._included = [torch._C._dispatch_tls_is_dispatch_key_included(k) for k in self._KEYS]

    def restore(self) -> None:
        """Leave every mode that was entered since."""
        while torch._C._len_torch_function_stack() > self._function:
            torch._C._pop_torch_function_stack()
        while torch._C._len_torch_dispatch_stack() > self._dispatch:
            torch._C._pop_torch_dispatch_stack(None)
        for key, included in zip(self._KEYS, self._included, strict=True):
            torch._C._dispatch_tls_set_dispatch_key_included(key, included)


def _may_stop(frame: FrameType) -> bool:
    """Return whether code is neither torch's nor what torch calls of Python's own library."""
    file = frame.f_code.co_filename
    own = file.startswith(_PYTHON) and "-packages" not in file
    return not (own or file.startswith((_TORCH, "<frozen")) or _is_cleaning_up(frame))


def _is_cleaning_up(frame: FrameType) -> bool:
    """Return whether code is called by the garbage collector, where an exception would be lost."""
    codes = {getattr(callback, "__code__", None) for callback in gc.callbacks}
    within: FrameType | None = frame
    while within is not None:
        if within.f_code in codes or within.f_code.co_name == "__del__":
            return True
        within = within.f_back
    return False


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise where the inside takes longer; only a main thread can be interrupted so.

    The inside is stopped while it runs code of the model: torch's own code, stopped anywhere, may
    leave behind what brings the whole process down later. A timer of the caller's own goes on
    afterwards, and rings at once where its time has passed meanwhile.

    Raises:
        SpecError: The time is up.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    anyhow = time.monotonic() + seconds + _WAIT_SECONDS

    def stop(_signal: int, frame: FrameType | None) -> None:
        nonlocal anyhow
        late = time.monotonic() > anyhow
        if frame is None or _may_stop(frame) or (late and not _is_cleaning_up(frame)):
            anyhow = time.monotonic() + AGAIN_SECONDS + _WAIT_SECONDS
            signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS, _LOOK_SECONDS)
            raise _TimeIsUp

    left, interval = signal.setitimer(signal.ITIMER_REAL, 0)
    due = time.monotonic() + left
    modes, before = _Modes(), signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, _LOOK_SECONDS)
    try:
        yield
    except _TimeIsUp as up:
        modes.restore()
        raise SpecError(
            f"the model took longer than {seconds:.1f} s to run and trace; a loop over the "
            "pictures of a batch, or over very many steps, has to go"
        ) from up
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            soon = max(due - time.monotonic(), _LOOK_SECONDS)
            signal.setitimer(signal.ITIMER_REAL, soon, interval)


@contextmanager
def plain_arithmetic() -> Iterator[None]:
    """Let models compute inside as their files will: in float32, one operator after another.

    A part that a model runs under `torch.autocast` is run without, a part under `torch.no_grad` is
    no part of its own, and attention takes no path that only torch knows.
    """
    entered, left = torch.autocast.__enter__, torch.autocast.__exit__
    fast = torch.backends.mha.get_fastpath_enabled()
    depth = torch._C._functorch.get_dynamic_layer_stack_depth()

    def enter(scope: torch.autocast) -> torch.autocast:
        return scope

    def leave(
        _scope: torch.autocast,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        return None

    torch.autocast.__enter__ = enter  # type: ignore[method-assign]
    torch.autocast.__exit__ = leave  # type: ignore[method-assign]
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.inference_mode(False), torch.no_grad():
            yield
    finally:
        # A `vmap` that is traced is not left again by itself.
        torch._C._functorch.pop_dynamic_layer_stack_and_undo_to_depth(depth)
        torch.backends.mha.set_fastpath_enabled(fast)
        torch.autocast.__enter__ = entered  # type: ignore[method-assign]
        torch.autocast.__exit__ = left  # type: ignore[method-assign]
