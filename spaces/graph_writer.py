"""What rules add nodes to a graph with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from torch import fx

from tightfit import Node
from tightfit.spaces.constants import Constants
from tightfit.spaces.layout_rules import LAYOUT_RULES, Shape
from tightfit.spaces.operators import Attributes, Translation

INPUT = "input"


class Writer(Protocol):
    """What adds nodes to a graph; :class:`tightfit.spaces.translator.Translator` is it."""

    constants: Constants

    def value(self, argument: Any, base: str, node: fx.Node) -> str:
        """Return the name of what an argument holds."""
        ...

    def step(
        self, node: fx.Node, kind: str, inputs: tuple[str, ...], attributes: Attributes
    ) -> str:
        """Add a node without parameters, the latest one that stands for ``node``."""
        ...

    def append(self, node: fx.Node, ours: Node) -> None:
        """Add a node that stands for an exported one."""
        ...

    def rename(self, node: fx.Node, value: str) -> None:
        """Let a value that has a node already be what an exported node gives."""
        ...

    def name(self, path: str, kind: str, *, is_layer: bool) -> str:
        """Return a name that no other node has."""
        ...

    def translation(self, node: fx.Node) -> Translation:
        """Return what a call becomes by its rule."""
        ...


Several: TypeAlias = Callable[[Writer, fx.Node], None]


def reshaped(writer: Writer, node: fx.Node, source: str, before: Shape, after: Shape) -> str:
    """Return the name of a value in another shape, for which there is a node where it differs."""
    if before == after:
        return source
    attributes = LAYOUT_RULES["view"]((), before, after).attributes
    return writer.step(node, "reshape", (source,), attributes)


def repeated(writer: Writer, node: fx.Node, source: str, before: Shape, after: Shape) -> str:
    """Return the name of a value repeated along axes of size 1; a batch is the input's.

    Raises:
        Unruled: It does not fit, or what joined the batch would be repeated.
    """
    if before == after:
        return source
    attributes = LAYOUT_RULES["expand"]((), before, after).attributes
    shape: Any = attributes["shape"]
    return writer.step(node, "expand", (source, INPUT) if 0 in shape else (source,), attributes)
