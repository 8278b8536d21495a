"""From any torch module to a graph.

The graph comes from :func:`torch.export.export`: it runs the module's own Python once with symbolic
tensors, so that functional calls, loops and conditions on shapes are all seen, and it fails loudly
where the flow depends on data. `torch.fx`'s symbolic tracing knows less: it stops at conditions and
sees functional calls without their shapes.
"""

from __future__ import annotations

import copy
import io
import logging
import operator
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from tightfit import WEIGHT_OPERATORS, Graph, Node, SpecError
from tightfit.spaces.layout_rules import LAYOUT_RULES, SPLITS, part
from tightfit.spaces.operators import RULES, Translation

INPUT = "input"

_SAME_VALUE = frozenset({"detach", "clone", "contiguous", "alias", "identity", "lift_fresh_copy"})
"""Operators that give what they read."""


@dataclass(frozen=True, slots=True)
class Traced:
    """A network as a graph with its tensors.

    Attributes:
        graph: One input, named ``input``, and one output.
        tensors: Parameters and buffers by the names they have in the module's state dict.
        trainable: Names of those that are parameters.
        input_shape: Of the input, without the batch axis.
    """

    graph: Graph
    tensors: dict[str, Tensor]
    trainable: frozenset[str]
    input_shape: tuple[int, ...]


def trace(module: nn.Module, example: Tensor) -> Traced:
    """Return what a module computes.

    Args:
        module: Left as it is, its mode included.
        example: One input ``[1, ...]``; its values do not matter.

    Raises:
        SpecError: Not a module, an input that does not fit, control flow that depends on data, an
            operator without a rule, several outputs, or nothing that has weights.
    """
    if not isinstance(module, nn.Module):
        raise SpecError(f"the model must be a torch.nn.Module, got {type(module).__name__}")
    module = copy.deepcopy(module).cpu().float().eval()
    program = _export(module, example)
    graph = _Translator(program).graph()
    if not any(node.operator in WEIGHT_OPERATORS for node in graph.nodes):
        raise SpecError("the model has no convolution and no linear layer; nothing to compress")
    used = {name for node in graph.nodes for name in node.parameters.values()}
    state = {**program.state_dict, **program.constants}
    parameters = set(program.graph_signature.parameters)
    return Traced(
        graph=graph,
        tensors={name: state[name].detach().clone() for name in sorted(used)},
        trainable=frozenset(used & parameters),
        input_shape=tuple(example.shape[1:]),
    )


def _export(module: nn.Module, example: Tensor) -> Any:
    pair = torch.cat([example, example]).cpu().float()
    try:
        with torch.no_grad():
            output = module(pair)
    except Exception as error:
        raise SpecError(
            f"the model cannot read an input of shape {list(example.shape)}: {_first_line(error)}"
        ) from error
    if not isinstance(output, Tensor):
        raise SpecError(f"the model must give one tensor, it gives a {type(output).__name__}")
    batch = {0: torch.export.Dim("batch", min=1)}
    try:
        with _silence():
            return torch.export.export(module, (pair,), dynamic_shapes=(batch,))
    except Exception as error:
        raise SpecError(
            "the model cannot be traced by torch.export "
            f"({_first_line(error)}); control flow that depends on data has to go"
        ) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Keep half-traced graphs off the screen: the error's first line says what is wrong.

    Torch logs some of them and prints the others.
    """
    before = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _place(path: str) -> str:
    return repr(path) if path else "the model itself"


def _broadcast(node: fx.Node, base: str) -> bool:
    """Whether a node only repeats what its readers repeat by themselves."""
    return base in ("expand", "expand_as") and all(
        str(reader.target).split(".")[1].rstrip("_") in ("add", "sub", "mul", "div")
        and any(
            each is not node and each.meta["val"].shape == node.meta["val"].shape
            for each in reader.all_input_nodes
        )
        for reader in node.users
    )


class _Translator:
    """Turns the exported nodes into ours, one after another."""

    def __init__(self, program: Any) -> None:
        signature = program.graph_signature
        self._tensor_names = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        if len(signature.user_inputs) != 1 or len(signature.user_outputs) != 1:
            raise SpecError(
                "the model must have one input and one output, it has "
                f"{len(signature.user_inputs)} and {len(signature.user_outputs)}"
            )
        self._exported: fx.Graph = program.graph
        self._input: str = signature.user_inputs[0]
        self._output: str = signature.user_outputs[0]
        self._names: dict[str, str] = {self._input: INPUT}
        """By exported name, our name of the value it holds now; in-place operators renew it."""
        self._taken = {INPUT}
        placeholder = next(node for node in self._exported.nodes if node.name == self._input)
        self._batch = str(placeholder.meta["val"].shape[0])
        self._nodes: list[Node] = []

    def graph(self) -> Graph:
        for node in self._exported.nodes:
            if node.op == "call_function":
                self._call(node)
        return Graph((INPUT,), tuple(self._nodes), (self._names[self._output],))

    def _call(self, node: fx.Node) -> None:
        target = str(node.target)
        name = target.split(".")[1] if target.startswith("aten.") else target
        base = name.rstrip("_")
        if node.target is operator.getitem or base in SPLITS:
            self._split(node, base)
            return
        if not isinstance(node.meta.get("val"), Tensor):
            return  # sizes, and what is only checked
        if base in _SAME_VALUE or self._whole_slice(node, base) or _broadcast(node, base):
            self._rename(node, self._source(node))
            return
        path = self._path(node)
        found = self._translation(node, base, path)
        args = self._arguments(node)
        sources = args[0] if base == "cat" else [args[each] for each in found.inputs]
        self._add(node, found, tuple(self._value(each, base, path) for each in sources))
        if name.endswith("_"):
            self._rename(self._source(node), node)

    def _add(self, node: fx.Node, found: Translation, inputs: tuple[str, ...]) -> None:
        args = self._arguments(node)
        parameters = {
            role: self._tensor_names[args[position].name]
            for role, position in (found.parameters or {}).items()
            if position < len(args) and args[position] is not None
        }
        name = self._name(self._path(node), found.operator, is_layer=bool(parameters))
        self._nodes.append(Node(name, found.operator, inputs, parameters, found.attributes))
        self._names[node.name] = name

    def _translation(self, node: fx.Node, base: str, path: str) -> Translation:
        args = self._arguments(node)
        try:
            if base in RULES:
                return RULES[base](args)
            if base in LAYOUT_RULES:
                return LAYOUT_RULES[base](args, self._shape(args[0]), self._shape(node))
        except SpecError as error:
            raise SpecError(f"{base!r} in {_place(path)}: {error}") from error
        known = ", ".join(sorted({*RULES, *LAYOUT_RULES, *SPLITS}))
        raise SpecError(f"the operator {base!r} in {_place(path)} has no rule; known are {known}")

    def _split(self, node: fx.Node, base: str) -> None:
        """Note a split, or take one piece of it as a slice."""
        if base in SPLITS:
            return
        source, position = node.args
        assert isinstance(source, fx.Node)
        assert isinstance(position, int)
        axis = self._arguments(source)[2]
        sizes = [int(piece.shape[axis]) for piece in source.meta["val"]]
        found = part(axis % source.meta["val"][0].dim(), sizes, position)
        self._add(node, found, (self._names[self._source(source).name],))

    def _whole_slice(self, node: fx.Node, base: str) -> bool:
        """Whether a slice takes everything, as ``x[:, :3]`` does of its first axis."""
        return base == "slice" and self._shape(node) == self._shape(node.args[0])

    def _rename(self, node: fx.Node, same: fx.Node) -> None:
        self._names[node.name] = self._names[same.name]

    def _shape(self, value: Any) -> tuple[int, ...]:
        """Return a value's shape, the batch axis as 0."""
        shape = value.meta["val"].shape
        if any(not isinstance(side, int) and str(side) != self._batch for side in shape):
            raise SpecError("a size that is computed from the batch's has no rule")
        return tuple(side if isinstance(side, int) else 0 for side in shape)

    @staticmethod
    def _source(node: fx.Node) -> fx.Node:
        source = node.args[0]
        assert isinstance(source, fx.Node)
        return source

    def _value(self, argument: Any, base: str, path: str) -> str:
        if not isinstance(argument, fx.Node) or argument.name not in self._names:
            raise SpecError(
                f"{base!r} in {_place(path)} reads a tensor that is not an "
                "activation; register it as part of a layer"
            )
        return self._names[argument.name]

    @staticmethod
    def _arguments(node: fx.Node) -> list[Any]:
        if node.target is operator.getitem:
            return list(node.args)
        schema = node.target._schema.arguments  # type: ignore[union-attr]
        args = list(node.args)
        for argument in schema[len(args) :]:
            args.append(node.kwargs.get(argument.name, argument.default_value))
        return args

    @staticmethod
    def _path(node: fx.Node) -> str:
        stack = node.meta.get("nn_module_stack") or {}
        last = next(reversed(stack.values()), ("", None))
        return str(last[0])

    def _name(self, path: str, kind: str, *, is_layer: bool) -> str:
        wanted = path if is_layer and path else ".".join(filter(None, (path, kind)))
        name, count = wanted, 1
        while name in self._taken:
            name = f"{wanted}_{count}"
            count += 1
        self._taken.add(name)
        return name
