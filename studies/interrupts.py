"""Ctrl-C that is not lost.

Python raises ``KeyboardInterrupt`` wherever the program happens to be. In a destructor, or in a
callback of the garbage collector, whose exceptions are dropped with a remark, the interrupt
vanishes and a long search goes on. So it is remembered, and raised again where work is reported.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType


class Interrupts:
    """Remembers Ctrl-C while it is entered; elsewhere than in the main thread it does nothing."""

    def __init__(self) -> None:
        self._asked = False
        self._heard = False

    def __enter__(self) -> Interrupts:
        # Where somebody ignores the signal or has a handler of his own, that stays.
        usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        self._asked = False
        self._heard = usual and threading.current_thread() is threading.main_thread()
        if self._heard:
            signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)

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
