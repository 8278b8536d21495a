"""The solver of integer programs minimizes, and leaves the standard output alone."""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from scipy import optimize
from scipy.optimize import Bounds, LinearConstraint, OptimizeResult

from tightfit.search import solver

CONSTRAINTS = LinearConstraint(np.ones((1, 3)), 2, 2)


def solved() -> OptimizeResult:
    return solver.solve(
        np.array([3.0, 1.0, 2.0]),
        whole=np.ones(3, dtype=np.int64),
        bounds=Bounds(0, 1),
        constraints=CONSTRAINTS,
        gap=0.0,
    )


def test_the_two_cheapest_are_taken() -> None:
    assert solved().x.tolist() == [0, 1, 1]


def test_what_native_code_prints_does_not_reach_the_standard_output(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def printing(*arguments: Any, **options: Any) -> OptimizeResult:
        ctypes.CDLL(None).puts(b"a remark in a buffer")
        os.write(1, b"a remark at once\n")
        return optimize.milp(*arguments, **options)

    monkeypatch.setattr(solver, "milp", printing)
    assert solved().success
    os.write(1, b"a document\n")
    ctypes.CDLL(None).fflush(None)
    assert capfd.readouterr().out == "a document\n"


def test_other_threads_keep_what_they_print(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def printing(*arguments: Any, **options: Any) -> OptimizeResult:
        os.write(1, b"of another trial\n")
        return optimize.milp(*arguments, **options)

    monkeypatch.setattr(solver, "milp", printing)
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(solved) for _ in range(2)]
        assert all(each.result().success for each in both)
    os.write(1, b"after them\n")
    assert capfd.readouterr().out == "of another trial\n" * 2 + "after them\n"
