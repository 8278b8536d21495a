"""A node's attributes by the types that the operators' table gives them."""

from __future__ import annotations

from tightfit.errors import CandidateError
from tightfit.graph import Attribute, Node


def integer(node: Node, name: str, default: int | None = None) -> int:
    """Return a whole number.

    Raises:
        CandidateError: It is missing and has no default, or is something else.
    """
    value = _attribute(node, name, default)
    if not isinstance(value, int):
        raise _wrong(node, name, "a whole number", value)
    return value


def number(node: Node, name: str, default: float | None = None) -> float:
    """Return a number.

    Raises:
        CandidateError: It is missing and has no default, or is something else.
    """
    value = _attribute(node, name, default)
    if not isinstance(value, int | float):
        raise _wrong(node, name, "a number", value)
    return float(value)


def truth(node: Node, name: str, default: bool) -> bool:
    """Return a yes or no."""
    return bool(_attribute(node, name, default))


def text(node: Node, name: str, default: str) -> str:
    """Return a word."""
    return str(_attribute(node, name, default))


def integers(node: Node, name: str) -> tuple[int, ...]:
    """Return whole numbers, also when only one is given.

    Raises:
        CandidateError: It is missing, or is something else.
    """
    value = _attribute(node, name, None)
    values = value if isinstance(value, tuple) else (value,)
    if not all(isinstance(item, int) for item in values):
        raise _wrong(node, name, "whole numbers", value)
    return tuple(int(item) for item in values)


def pair(node: Node, name: str, default: int | tuple[int, int] | None = None) -> tuple[int, int]:
    """Return (height, width); one number stands for both.

    Raises:
        CandidateError: It is missing and has no default, or is something else.
    """
    height, width = pair_of_floats(node, name, default)
    return int(height), int(width)


def pair_of_floats(
    node: Node, name: str, default: int | tuple[int, int] | None = None
) -> tuple[float, float]:
    """Return (height, width); one number stands for both.

    Raises:
        CandidateError: It is missing and has no default, or is something else.
    """
    value = _attribute(node, name, default)
    if isinstance(value, int | float):
        return float(value), float(value)
    if isinstance(value, tuple) and len(value) == 2:
        return float(value[0]), float(value[1])
    raise _wrong(node, name, "a number or a pair (height, width)", value)


def _attribute(node: Node, name: str, default: Attribute | None) -> Attribute:
    value = node.attributes.get(name, default)
    if value is None:
        raise CandidateError(f"{node.name!r} ({node.operator}) needs the attribute {name!r}")
    return value


def _wrong(node: Node, name: str, wanted: str, value: Attribute) -> CandidateError:
    return CandidateError(
        f"the attribute {name!r} of {node.name!r} ({node.operator}) must be {wanted}, got {value!r}"
    )
