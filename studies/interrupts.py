"""Ctrl-C that is not lost.

Python raises ``KeyboardInterrupt`` wherever the program happens to be. In a destructor, or in a
callback of the garbage collector, whose exceptions are dropped with a remark, the interrupt
vanishes and a long search goes on. So it is remembered, and raised again where work is reported.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupts:
    """Ctrl-C as it was asked for, whatever became of its exception."""

    def __init__(self) -> None:
        self._asked = False

    @contextmanager
    def remembered(self) -> Iterator[None]:
        """Remember Ctrl-C inside.

        Only the main thread hears it, and where somebody ignores the signal or has a handler of his
        own, that stays.
        """
        self._asked = False
        usual = signal.getsignal(signal.SIGINT)
        if usual is not signal.default_int_handler or not _in_main_thread():
            yield
            return
        signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, usual)

    def check(self) -> None:
        """Raise the interrupt that was asked for.

        Raises:
            KeyboardInterrupt: There was one, and the program came here all the same.
        """
        if self._asked:
            raise KeyboardInterrupt

    def _interrupt(self, _signal: int, _frame: FrameType | None) -> None:
        self._asked = True
        raise KeyboardInterrupt


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
