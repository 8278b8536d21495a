"""Records operators that have no rule, so that a graph can call them as the model did.

What such an operator reads and gives stays whole. Values that a graph does not have (truth values,
whole numbers, complex numbers, several results at once) stay inside of one node: it holds every
call from the floats that they are made of to the floats that are made of them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils.flop_counter import FlopCounterMode

from tightfit import Node, SpecError
from tightfit.calls import ITEM, Calls, Shape, Step
from tightfit.spaces.advice import without_rule
from tightfit.spaces.constants import Constants
from tightfit.spaces.execution import named
from tightfit.spaces.exported_nodes import (
    base_of,
    functional,
    is_plain,
    path_of,
    shape_of,
    where,
)
from tightfit.spaces.layout_rules import BATCH, LAYOUT_RULES
from tightfit.spaces.operators import RULES

OPERATOR = "aten"
"""Of the graph's nodes that call what was recorded."""

_RULED = frozenset({*RULES, *LAYOUT_RULES, ITEM, "select", "detach", "clone", "to"})
"""Operators that stand in a record because of others."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call that no node of the graph has yet.

    Attributes:
        step: Its arguments name what they read: ``{"value": name}`` of the graph,
            ``{"tensor": name}`` of the state dict, ``{"call": name}`` of the exported program.
        node: Exported.
        reads: The same names, by those keys.
    """

    step: Step
    node: fx.Node
    reads: Mapping[str, tuple[str, ...]]


@dataclass(slots=True)
class Recorder:
    """The calls of one exported program that have no rule.

    Attributes:
        names: By exported name, the names of parameters and buffers in the state dict.
        constants: Of the program.
        known: By exported name, the graph's name of the value that it holds now.
        value: Returns the graph's name of a value that was not read before.
        calls: By exported name, those that no node has yet.
        sizes: By name of a value or a tensor, a tensor of its shape and type without numbers.
    """

    names: Mapping[str, str]
    constants: Constants
    known: Mapping[str, str]
    value: Callable[[fx.Node, fx.Node], str]
    calls: dict[str, _Call] = field(default_factory=dict)
    sizes: dict[str, Tensor] = field(default_factory=dict)

    def reads(self, node: fx.Node) -> bool:
        """Whether a node reads what a graph does not have."""
        read = {each.name for each in node.all_input_nodes}
        return any(name in self.calls for name in read - self.constants.values.keys())

    def keep(self, node: fx.Node) -> None:
        """Record a call.

        Raises:
            SpecError: It cannot be called again, or what it gives has no fixed shape.
        """
        target = ITEM if node.target is operator.getitem else functional(node)
        if not is_plain(node) or target is None:
            raise SpecError(without_rule(base_of(node), where(node)))
        results = node.meta["val"]
        for each in results if isinstance(results, tuple | list) else [results]:
            if isinstance(each, Tensor) and not all(type(side) is int for side in each.shape):
                why = "how much it gives depends on numbers"
                raise SpecError(without_rule(base_of(node), where(node), why))
        reads: dict[str, dict[str, None]] = {"value": {}, "tensor": {}, "call": {}}
        step = Step(
            target,
            tuple(self._plain(each, node, reads) for each in node.args),
            {name: self._plain(each, node, reads) for name, each in node.kwargs.items()},
        )
        self.calls[node.name] = _Call(step, node, {key: tuple(reads[key]) for key in reads})

    def node(self, node: fx.Node, name: str, reason: str | None) -> Node:
        """Return the graph's node that gives what a recorded call gives.

        Args:
            node: Recorded; it gives floats.
            name: Of the graph's node.
            reason: Why it has no rule, where that is more than that its operator has none.

        Raises:
            SpecError: It does not give a row for each picture.
        """
        order = self._before(node.name)
        calls = [self.calls[each] for each in order]
        inputs, tensors = (
            tuple(dict.fromkeys(each for call in calls for each in call.reads[kind]))
            for kind in ("value", "tensor")
        )
        roles = {tensor: f"tensor{number}" for number, tensor in enumerate(tensors)}
        places = {
            **{("value", each): {"input": number} for number, each in enumerate(inputs)},
            **{("tensor", each): {"parameter": role} for each, role in roles.items()},
            **{("call", each): {"step": number} for number, each in enumerate(order)},
        }
        record = Calls(
            tuple(_free(self.sizes[each].shape) for each in inputs),
            _free(shape_of(node)),
            tuple(_placed(call.step, places) for call in calls),
        )
        if not _has_rows(record):
            why = "it gives no row for each picture of a batch"
            raise SpecError(without_rule(base_of(node), where(node), why))
        return Node(
            name,
            OPERATOR,
            inputs,
            {role: tensor for tensor, role in roles.items()},
            {
                "calls": record.text(),
                "macs": _macs(record, {role: self.sizes[each] for each, role in roles.items()}),
                "reason": reason or self._reason([call.node for call in calls]),
            },
        )

    def _reason(self, nodes: list[fx.Node]) -> str:
        """Return why calls are what they are: which operators of which module have no rule."""
        called = [node for node in nodes if node.name not in self.constants.values]
        found = [node for node in called if base_of(node) not in _RULED] or called
        here = [node for node in found if where(node) == where(found[0])]
        operators = list(dict.fromkeys(base_of(node) for node in here))
        if len(operators) == 1:
            return without_rule(operators[0], where(found[0]))
        listed = ", ".join(map(repr, operators[:-1])) + f" and {operators[-1]!r}"
        return f"the operators {listed} in {where(found[0])} have no rule"

    def _before(self, last: str) -> list[str]:
        """Return the exported names of a call and of all those whose results it needs, in order."""
        found: dict[str, None] = {}

        def visit(name: str) -> None:
            for each in self.calls[name].reads["call"]:
                if each not in found:
                    visit(each)
            found[name] = None

        visit(last)
        return list(found)

    def _plain(self, argument: Any, node: fx.Node, reads: dict[str, dict[str, None]]) -> Any:
        """Return an argument as JSON has it, and note what it reads."""
        match argument:
            case fx.Node():
                kind, name = self._read(argument, node)
                reads[kind][name] = None
                return {kind: name}
            case list() | tuple():
                return [self._plain(each, node, reads) for each in argument]
            case bool() | float() | str() | None:
                return argument
            case int():
                counted = argument and argument % BATCH == 0
                return {"batch": argument // BATCH} if counted else argument
            case torch.device():
                return {"like": "device"}
            case torch.dtype() if argument.is_floating_point:
                return {"like": "dtype"}  # all floats of a network have one type
            case torch.dtype() | torch.layout() | torch.memory_format():
                return {"torch": str(argument).removeprefix("torch.")}
        why = f"it is called with {argument!r}"
        raise SpecError(without_rule(base_of(node), where(node), why))

    def _read(self, argument: fx.Node, node: fx.Node) -> tuple[str, str]:
        """Return of which kind it is what a call reads, and its name."""
        if argument.name in self.calls:
            return "call", argument.name
        if argument.name in self.known:
            name = self.value(argument, node)
            self.sizes[name] = argument.meta["val"]
            return "value", name
        if argument.name in self.names:
            name = self.names[argument.name]
            self.sizes[name] = argument.meta["val"]
            return "tensor", name
        constant = self.constants.values.get(argument.name)
        if constant is None:
            why = f"it reads {argument.name!r}"
            raise SpecError(without_rule(base_of(node), where(node), why))
        axes = [axis for axis, side in enumerate(constant.shape) if side and side % BATCH == 0]
        if axes:
            return "call", self._repeated(argument, constant, axes, node)
        return "tensor", self._constant(constant, node)

    def _constant(self, constant: Tensor, node: fx.Node) -> str:
        name = self.constants.keep(path_of(node), constant)
        self.sizes[name] = self.constants.kept[name]
        return name

    def _repeated(self, argument: fx.Node, constant: Tensor, axes: list[int], node: fx.Node) -> str:
        """Record a constant that is the same for each picture: one of them, repeated."""
        single = constant.narrow(axes[0], 0, 1)
        if len(axes) > 1 or not bool((constant == single).all()):
            why = "it reads a constant that has other numbers for each picture"
            raise SpecError(without_rule(base_of(node), where(node), why))
        name = self._constant(single, node)
        sides = [
            {"batch": side // BATCH} if axis in axes else side
            for axis, side in enumerate(constant.shape)
        ]
        step = Step("aten.expand.default", ({"tensor": name}, sides), {})
        self.calls[argument.name] = _Call(
            step, argument, {"value": (), "tensor": (name,), "call": ()}
        )
        return argument.name


def _free(shape: tuple[int, ...]) -> Shape:
    """Return a shape for any number of pictures."""
    return tuple(-(side // BATCH) if side and side % BATCH == 0 else side for side in shape)


def _has_rows(record: Calls) -> bool:
    """Whether the batch lies along one axis of what is given, if any is read."""
    *read, given = (sum(side < 0 for side in shape) for shape in (*record.reads, record.gives))
    return given == max(read, default=0) <= 1


def _placed(step: Step, places: Mapping[tuple[str, str], Any]) -> Step:
    """Return a call with the numbers of what it reads in place of their names."""

    def placed(argument: Any) -> Any:
        if isinstance(argument, dict):
            ((kind, name),) = argument.items()
            return places.get((kind, name), argument)
        return [placed(each) for each in argument] if isinstance(argument, list) else argument

    keywords = {name: placed(each) for name, each in step.keywords.items()}
    return Step(step.operator, tuple(placed(each) for each in step.arguments), keywords)


def _macs(record: Calls, tensors: Mapping[str, Tensor]) -> int:
    """Return the products of one more picture that torch counts: of matrices and convolutions.

    What works on each number by itself has none, as everywhere in a graph.
    """

    def flops(pictures: int) -> int:
        inputs = [
            torch.empty([-side * pictures if side < 0 else side for side in shape], device="meta")
            for shape in record.reads
        ]
        parameters = {role: torch.empty_like(each, device="meta") for role, each in tensors.items()}
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            record.run(inputs, parameters, named=named)
        return int(counter.get_total_flops())

    return (flops(2) - flops(1)) // 2
