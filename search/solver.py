"""The solver of integer programs, HiGHS through scipy, kept from writing where JSON may stand.

Whatever its options say, HiGHS prints some remarks on its own failures to the process's standard
output. They say nothing that the result does not.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scipy.optimize import Bounds, LinearConstraint, OptimizeResult, milp

from tightfit import FloatArray, IntArray

_STANDARD_OUTPUT = 1


def solve(
    costs: FloatArray,
    *,
    whole: IntArray,
    bounds: Bounds,
    constraints: LinearConstraint,
    gap: float,
    nodes: int | None = None,
    seconds: float | None = None,
) -> OptimizeResult:
    """Minimize costs times numbers, some of them whole; see :func:`scipy.optimize.milp`.

    Args:
        costs: Of each number, ``[n]``.
        whole: 1 where the number is whole, ``[n]``.
        bounds: Of each number.
        constraints: On sums of them.
        gap: Relative distance to the optimum that is close enough.
        nodes: Of the search tree, after which the best so far is taken.
        seconds: After which the solver stops.
    """
    with _output_away():
        return milp(
            costs,
            integrality=whole,
            bounds=bounds,
            constraints=constraints,
            options={
                "mip_rel_gap": gap,
                **({} if nodes is None else {"node_limit": nodes}),
                **({} if seconds is None else {"time_limit": seconds}),
            },
        )


@contextmanager
def _output_away() -> Iterator[None]:
    """Let what native code prints inside vanish, on the main thread.

    The output is the whole process's: trials that run in several threads would lose what they
    print themselves, and two that solve at once could not give it back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        kept = os.dup(_STANDARD_OUTPUT)
    except OSError:  # it is closed, so that nothing is seen anyway
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STANDARD_OUTPUT)
    try:
        yield
    finally:
        # What was printed into a buffer of C's must go before the real output is back.
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, _STANDARD_OUTPUT)
        os.close(nowhere)
        os.close(kept)
