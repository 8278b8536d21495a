"""Emission rules of what transformers add: attention, tables, and moves between positions."""

from __future__ import annotations

import numpy as np

from tightfit.errors import CandidateError
from tightfit.objectives.artifact.attributes import integer, integers, number, truth
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
    if truth(scope.node, "causal", False):
        mask = [_later(scope)]
    if mask:
        scores = scope.step("Add", [scores, *mask], "b")
    weights = scope.step("Softmax", [scores], "s", axis=-1)
    return scope.result("MatMul", [weights, value])


def _later(scope: Scope) -> str:
    """Return a mask that hides from each query the keys behind it.

    It is computed where the file is loaded: one of a thousand positions has a million numbers.
    """
    sides = np.array([scope.input_shape(0)[-2], scope.input_shape(1)[-2]], dtype=np.int64)
    hidden = scope.shared(np.array(-np.inf, dtype=np.float32))
    everywhere = scope.step("Expand", [hidden, scope.shared(sides)], "h")
    above = scope.shared(np.array(1, dtype=np.int64))
    return scope.step("Trilu", [everywhere, above], "u", upper=1)


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
        CandidateError: The batch stands twice, or nothing says how large it is.
    """
    wanted = integers(scope.node, "shape")
    value, *like = scope.floats()
    if 0 not in wanted:
        return scope.result("Expand", [value, scope.shared(np.array(wanted, dtype=np.int64))])
    if wanted.count(0) > 1 or not like:
        raise CandidateError(
            f"the shape of {scope.node.name!r} (expand) must have the batch size once, and a "
            f"second input that has it, got {list(wanted)}"
        )
    at = wanted.index(0)
    front, rest = (
        [scope.shared(np.array(sides, dtype=np.int64))] if sides else []
        for sides in (wanted[:at], wanted[at + 1 :])
    )
    sizes = [*front, scope.step("Shape", like, "n", start=0, end=1), *rest]
    return scope.result("Expand", [value, scope.step("Concat", sizes, "e", axis=0)])


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
