"""Turns the nodes of an exported program into ours, one after another."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from torch import Tensor, fx

from tightfit import WEIGHT_OPERATORS, Graph, Node, SpecError
from tightfit.spaces.advice import without_rule
from tightfit.spaces.computed_weights import computed_weights
from tightfit.spaces.constants import Constants
from tightfit.spaces.exported_nodes import (
    arguments_of,
    base_of,
    broadcasts,
    is_plain,
    is_written,
    name_of,
    path_of,
    shape_of,
    where,
)
from tightfit.spaces.graph_writer import INPUT, repeated
from tightfit.spaces.layout_rules import BATCH, LAYOUT_RULES, SPLITS, piece
from tightfit.spaces.operators import RULES, Attributes, Translation, Unruled
from tightfit.spaces.recording import Recorder
from tightfit.spaces.several_nodes import SEVERAL_NODES, take

_SAME_VALUE = frozenset({"detach", "clone", "contiguous", "alias", "identity", "lift_fresh_copy"})
"""Operators that give what they read."""


class Translator:
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
        self.computed = computed_weights(program, self._tensor_names)
        self.constants = Constants(program, self._tensor_names)
        self._tensor_names |= self.computed.names
        self._recorder = Recorder(
            self._tensor_names,
            self.constants,
            self._names,
            lambda each, reader: self.value(each, base_of(reader), reader),
        )

    def graph(self) -> Graph:
        """Return the graph; the constants that it reads are kept."""
        for node in self._exported.nodes:
            if node.op != "call_function" or node.name in self.computed.gone:
                continue
            if not self.constants.compute(node):
                self._call(node)
        (result,) = (node for node in self._exported.nodes if node.name == self._output)
        if result.name not in self._names:
            raise SpecError(without_rule(base_of(result), where(result), "it gives no floats"))
        if shape_of(result)[:1] != (BATCH,):
            raise SpecError(
                "the model must give a row for each picture of a batch, it gives "
                f"{list(result.meta['val'].shape)}"
            )
        output = self._names[self._output]
        return Graph((INPUT,), _needed(self._nodes, output), (output,))

    def _call(self, node: fx.Node) -> None:
        """Translate a call by its rule, or record it where a graph has no place for it."""
        results = node.meta.get("val")
        if is_plain(node) and not isinstance(results, Tensor | tuple | list):
            return  # sizes, and what is only checked
        strange = isinstance(results, Tensor) and not results.is_floating_point()
        if strange or self._recorder.reads(node):
            self._record(node, None)
            return
        try:
            self._ruled(node)
        except Unruled as reason:
            self._record(node, str(reason) or None)

    def _record(self, node: fx.Node, reason: str | None) -> None:
        """Keep a call as it is; what gives floats is a node."""
        if not node.users and not is_written(node):
            return  # one of several results that nothing reads
        try:
            self._recorder.keep(node)
            results = node.meta["val"]
            if isinstance(results, Tensor) and results.is_floating_point():
                called = self._source(node) if node.target is operator.getitem else node
                name = self.name(path_of(node), base_of(called), is_layer=False)
                self.append(node, self._recorder.node(node, name, reason))
                del self._recorder.calls[node.name]
        except SpecError as error:
            if reason is None:
                raise
            raise SpecError(reason) from error
        if is_written(node):
            self._rename(self._source(node), node)

    def _ruled(self, node: fx.Node) -> None:
        base = base_of(node)
        if node.target is operator.getitem or base in SPLITS:
            self._split(node, base)
            return
        if not is_plain(node):
            raise SpecError(without_rule(base, where(node)))
        if not isinstance(node.meta["val"], Tensor):
            if base not in RULES:
                raise Unruled
            return  # the first of its results is taken by its reader
        same = base in _SAME_VALUE or self._whole(node, base) or self._only_type(node, base)
        if same or broadcasts(node):
            self._rename(node, self._source(node))
            return
        special = SEVERAL_NODES.get(base)
        if special is not None:
            special(self, node)
            if is_written(node):
                self._rename(self._source(node), node)
            return
        found = self.translation(node)
        args = arguments_of(node)
        sources = args[0] if base == "cat" else [args[each] for each in found.inputs]
        self._add(node, found, tuple(self.value(each, base, node) for each in sources))
        if name_of(node).endswith("_"):
            self._rename(self._source(node), node)

    def _add(self, node: fx.Node, found: Translation, inputs: tuple[str, ...]) -> None:
        args, path = arguments_of(node), path_of(node)
        given = {
            role: args[position]
            for role, position in (found.parameters or {}).items()
            if position < len(args) and args[position] is not None
        }
        for role, each in given.items():
            constant = self.constants.values.get(each.name)
            if role == "weight" and constant is not None and each.name not in self._tensor_names:
                self._tensor_names[each.name] = self.constants.keep(path, constant)
        computed = [role for role, each in given.items() if each.name not in self._tensor_names]
        if computed not in ([], ["bias"]) or (computed and found.operator != "linear"):
            # A layer that is recorded could not be compressed, and that is what is wanted.
            error = SpecError if found.operator in WEIGHT_OPERATORS else Unruled
            raise error(
                f"the {computed[0]} of {where(node)} is computed from activations, or from "
                "parameters that something else reads, which has no rule; give it as one parameter"
            )
        parameters = {
            role: self._tensor_names[each.name]
            for role, each in given.items()
            if role not in computed
        }
        name = self.name(path, found.operator, is_layer=bool(parameters))
        self.append(node, Node(name, found.operator, inputs, parameters, found.attributes))
        if computed:
            self.step(node, "add", (name, self.value(given["bias"], "linear", node)), {})

    def append(self, node: fx.Node, ours: Node) -> None:
        """Add a node that stands for an exported one."""
        self._nodes.append(ours)
        self._names[node.name] = ours.name

    def rename(self, node: fx.Node, value: str) -> None:
        """Let a value that has a node already be what an exported node gives."""
        self._names[node.name] = value

    def step(
        self, node: fx.Node, kind: str, inputs: tuple[str, ...], attributes: Attributes
    ) -> str:
        """Add a node without parameters, the latest one that stands for ``node``."""
        name = self.name(path_of(node), kind, is_layer=False)
        self.append(node, Node(name, kind, inputs, {}, attributes))
        return name

    def translation(self, node: fx.Node) -> Translation:
        """Return what a call becomes by its rule."""
        args, base = arguments_of(node), base_of(node)
        try:
            if base in RULES:
                return RULES[base](args)
            if base in LAYOUT_RULES:
                return LAYOUT_RULES[base](args, shape_of(args[0]), shape_of(node))
        except SpecError as error:
            raise SpecError(f"{base!r} in {where(node)}: {error}") from error
        except Unruled as reason:
            raise Unruled(f"{base!r} in {where(node)}: {reason}") from reason
        raise Unruled

    def _split(self, node: fx.Node, base: str) -> None:
        """Note a split, or take one piece of it as a slice."""
        if base in SPLITS:
            return
        source, position = node.args
        assert isinstance(source, fx.Node)
        assert isinstance(position, int)
        if base_of(source) in RULES and position == 0:
            # Of a norm's results only the first is read in evaluation.
            found = self.translation(source)
            self._add(source, found, (self.value(source.args[0], base, source),))
            self._names[node.name] = self._names[source.name]
            return
        if base_of(source) not in SPLITS:
            raise SpecError(without_rule(base_of(source), where(source)))
        if base_of(source) == "unbind":
            axis = arguments_of(source)[1]
            take(self, node, arguments_of(source)[0], axis, position)
            return
        axis = arguments_of(source)[2]
        pieces = [tuple(each.shape) for each in source.meta["val"]]
        axis %= len(pieces[0])
        try:
            found = piece(axis, [each[axis] for each in pieces], position)
        except SpecError as error:
            raise SpecError(f"a split in {where(node)}: {error}") from error
        self._add(node, found, (self.value(source.args[0], base, node),))

    def _whole(self, node: fx.Node, base: str) -> bool:
        """Whether a node takes or gives everything as it is, as ``x[:, :3]`` of its first axis."""
        layout = ("slice", "expand", "view", "reshape", "flatten", "squeeze", "unsqueeze")
        return base in layout and shape_of(node) == shape_of(node.args[0])

    @staticmethod
    def _only_type(node: fx.Node, base: str) -> bool:
        """Whether a node only changes the type of floats: here, all of them have one."""
        types = [each.meta["val"].dtype for each in (node, *node.all_input_nodes[:1])]
        return base in ("to", "type_as", "float") and all(each.is_floating_point for each in types)

    def _rename(self, node: fx.Node, same: fx.Node) -> None:
        self._names[node.name] = self.value(same, "alias", node)

    @staticmethod
    def _source(node: fx.Node) -> fx.Node:
        source = node.args[0]
        assert isinstance(source, fx.Node)
        return source

    def value(self, argument: Any, base: str, node: fx.Node) -> str:
        """Return our name of what an argument holds; a parameter that is read becomes a value."""
        if not isinstance(argument, fx.Node):
            raise Unruled(f"{base!r} in {where(node)} reads {argument!r}, which has no rule")
        if argument.name in self._names:
            return self._names[argument.name]
        if argument.name in self._tensor_names:
            kept = self._tensor_names[argument.name]
        elif argument.name in self.constants.values:
            constant = self.constants.values[argument.name]
            if constant.shape and constant.shape[0] and constant.shape[0] % BATCH == 0:
                return self._same_for_all(argument, constant, node)
            kept = self.constants.keep(path_of(node), constant)
        else:
            raise SpecError(f"{base!r} in {where(node)} reads {argument.name!r}, which has no rule")
        return self._parameter(argument, kept)

    def _parameter(self, argument: fx.Node, kept: str) -> str:
        """Add a node that gives a tensor as a value."""
        name = self.name(kept, "", is_layer=True)
        self.append(argument, Node(name, "parameter", (), {"value": kept}))
        return name

    def _same_for_all(self, argument: fx.Node, constant: Tensor, node: fx.Node) -> str:
        """Read a constant that has a row, or several, for each picture: those of one, repeated."""
        wanted = tuple(constant.shape)
        if wanted[0] != BATCH:
            constant = constant.reshape(BATCH, -1, *wanted[1:])
        single, whole = constant[:1], tuple(constant.shape)
        if not bool((constant == single).all()):
            raise SpecError(f"a constant in {where(node)} has another row for each picture")
        name = self._parameter(argument, self.constants.keep(path_of(node), single))
        name = repeated(self, argument, name, tuple(single.shape), whole)
        if whole == wanted:
            return name
        joined = LAYOUT_RULES["view"]((), whole, wanted).attributes
        return self.step(argument, "reshape", (name,), joined)

    def name(self, path: str, kind: str, *, is_layer: bool) -> str:
        """Return a name that no other node has."""
        wanted = path if is_layer and path else ".".join(filter(None, (path, kind)))
        name, count = wanted, 1
        while name in self._taken:
            name = f"{wanted}_{count}"
            count += 1
        self._taken.add(name)
        return name


def _needed(nodes: Sequence[Node], output: str) -> tuple[Node, ...]:
    """Return the nodes that the output follows from: what was written over is read by nothing."""
    wanted, kept = {output}, []
    for node in reversed(nodes):
        if node.name in wanted:
            kept.append(node)
            wanted.update(node.inputs)
    return tuple(reversed(kept))
