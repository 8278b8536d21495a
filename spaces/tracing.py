"""From any torch module to a graph.

The graph comes from :func:`torch.export.export`: it runs the module's own Python once with symbolic
tensors, so that functional calls, loops and conditions on shapes are all seen, and it fails loudly
where the flow depends on data. `torch.fx`'s symbolic tracing knows less: it stops at conditions and
sees functional calls without their shapes.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from tightfit import WEIGHT_OPERATORS, Graph, Node, SpecError
from tightfit.spaces.operators import RULES

INPUT = "input"


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
    pair = torch.cat([example, example]).float()
    try:
        with torch.no_grad():
            module(pair)
    except Exception as error:
        raise SpecError(
            f"the model cannot read an input of shape {list(example.shape)}: {_first_line(error)}"
        ) from error
    batch = {0: torch.export.Dim("batch", min=1)}
    try:
        return torch.export.export(module, (pair,), dynamic_shapes=(batch,))
    except Exception as error:
        raise SpecError(
            "the model cannot be traced by torch.export "
            f"({_first_line(error)}); control flow that depends on data has to go"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


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
        self._nodes: list[Node] = []

    def graph(self) -> Graph:
        for node in self._exported.nodes:
            if node.op == "call_function":
                self._call(node)
        return Graph((INPUT,), tuple(self._nodes), (self._names[self._output],))

    def _call(self, node: fx.Node) -> None:
        name = str(node.target).split(".")[1] if "aten" in str(node.target) else str(node.target)
        in_place = name.endswith("_")
        base = name.rstrip("_")
        if base in ("sym_size", "_assert_async", "_guards_fn"):
            return
        if base in ("detach", "clone", "contiguous", "alias", "identity"):
            source = node.args[0]
            assert isinstance(source, fx.Node)
            self._names[node.name] = self._names[source.name]
            return
        path = self._path(node)
        rule = RULES.get(base)
        if rule is None:
            raise SpecError(
                f"the operator {base!r} in {path or 'the model itself'!r} has no rule yet; "
                f"known are {', '.join(sorted(RULES))}"
            )
        args = self._arguments(node)
        found = rule(args)
        tensors = args[0] if base == "cat" else [args[each] for each in found.inputs]
        parameters = {
            role: self._tensor_names[args[position].name]
            for role, position in (found.parameters or {}).items()
            if position < len(args) and args[position] is not None
        }
        ours = self._name(path, found.operator, is_layer=bool(parameters))
        self._nodes.append(
            Node(
                ours,
                found.operator,
                tuple(self._value(each, base, path) for each in tensors),
                parameters,
                found.attributes,
            )
        )
        self._names[node.name] = ours
        if in_place:
            changed = node.args[0]
            assert isinstance(changed, fx.Node)
            self._names[changed.name] = ours

    def _value(self, argument: Any, operator: str, path: str) -> str:
        if not isinstance(argument, fx.Node) or argument.name not in self._names:
            raise SpecError(
                f"{operator!r} in {path or 'the model itself'!r} reads a tensor that is not an "
                "activation; register it as part of a layer"
            )
        return self._names[argument.name]

    @staticmethod
    def _arguments(node: fx.Node) -> list[Any]:
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

    def _name(self, path: str, operator: str, *, is_layer: bool) -> str:
        wanted = path if is_layer and path else ".".join(filter(None, (path, operator)))
        name, count = wanted, 1
        while name in self._taken:
            name = f"{wanted}_{count}"
            count += 1
        self._taken.add(name)
        return name
