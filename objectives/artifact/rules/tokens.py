"""Emission rules of what transformers add: attention, tables, and moves between positions."""

from __future__ import annotations

import numpy as np

from tightfit.errors import CandidateError
from tightfit.objectives.artifact.attributes import integer, integers, number
from tightfit.objectives.artifact.emitter import Scope, Value


def attention(scope: Scope) -> Value:
    """``softmax(q k^T * scale + mask) v``, of basic operators: a runtime fuses what it can."""
    query, key, value, *mask = scope.floats()
    rank = len(scope.input_shape())
    swapped = (*range(rank - 2), rank - 1, rank - 2)
    scale = scope.shared(np.array(number(scope.node, "scale"), dtype=np.float32))
    scores = scope.step(
        "MatMul",
        [
            scope.step("Mul", [query, scale], "m"),
            scope.step("Transpose", [key], "t", perm=swapped),
        ],
        "a",
    )
    if mask:
        scores = scope.step("Add", [scores, *mask], "b")
    weights = scope.step("Softmax", [scores], "s", axis=-1)
    return scope.result("MatMul", [weights, value])


def parameter(scope: Scope) -> Value:
    """An initializer, once for equal numbers; a runtime folds what is made of it alone."""
    return Value(scope.shared(scope.tensor("value").astype(np.float32)))


def gather(scope: Scope) -> Value:
    """Gather; nodes with the same numbers share them."""
    index = scope.shared(scope.tensor("index").astype(np.int32))
    return scope.result("Gather", [*scope.floats(), index], axis=integer(scope.node, "axis"))


def expand(scope: Scope) -> Value:
    """Expand; a batch is as large as that of the second input.

    Raises:
        CandidateError: The batch is not the axis in front.
    """
    wanted = integers(scope.node, "shape")
    value, *like = scope.floats()
    if 0 not in wanted:
        return scope.result("Expand", [value, scope.shared(np.array(wanted, dtype=np.int64))])
    if wanted.index(0) or wanted.count(0) > 1 or not like:
        raise CandidateError(
            f"the shape of {scope.node.name!r} (expand) must have the batch size in front alone, "
            f"got {list(wanted)}"
        )
    batch = scope.step("Shape", like, "n", start=0, end=1)
    rest = scope.shared(np.array(wanted[1:], dtype=np.int64))
    return scope.result("Expand", [value, scope.step("Concat", [batch, rest], "e", axis=0)])


def roll(scope: Scope) -> Value:
    """For each axis, the end in front of the beginning."""
    (found,) = scope.floats()
    axes, shifts = integers(scope.node, "axes"), integers(scope.node, "shifts")
    shape = scope.input_shape()
    for position, (axis, shift) in enumerate(zip(axes, shifts, strict=True)):
        cut = -shift % shape[axis]
        parts = [
            _part(scope, found, axis, limits, f"{name}{position}")
            for name, limits in (("r", (cut, shape[axis])), ("l", (0, cut)))
        ]
        found = scope.step("Concat", parts, f"o{position}", axis=axis)
    return Value(found)


def pad(scope: Scope) -> Value:
    """Pad with one number."""
    pads = integers(scope.node, "pads")
    sides = np.array([*pads[0::2], *pads[1::2]], dtype=np.int64)
    value = scope.shared(np.array(number(scope.node, "value", 0.0), dtype=np.float32))
    return scope.result("Pad", [*scope.floats(), scope.shared(sides), value])


def _part(scope: Scope, source: str, axis: int, limits: tuple[int, int], prefix: str) -> str:
    ends = [scope.shared(np.array([limit], dtype=np.int64)) for limit in (*limits, axis)]
    return scope.step("Slice", [source, *ends], prefix)
