"""Turns the nodes of an exported program into ours, one after another."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import Tensor, fx

from tightfit import Graph, Node, SpecError
from tightfit.spaces.advice import without_rule
from tightfit.spaces.constants import Constants
from tightfit.spaces.exported_nodes import (
    arguments_of,
    base_of,
    broadcasts,
    is_plain,
    name_of,
    path_of,
    shape_of,
    where,
)
from tightfit.spaces.layout_rules import BATCH, LAYOUT_RULES, SPLITS, piece
from tightfit.spaces.operators import RULES, Attributes, Translation

INPUT = "input"

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
        self.constants = Constants(program, self._tensor_names)

    def graph(self) -> Graph:
        """Return the graph; the constants that it reads are kept."""
        for node in self._exported.nodes:
            if node.op == "call_function" and not self.constants.compute(node):
                self._call(node)
        (result,) = (node for node in self._exported.nodes if node.name == self._output)
        if shape_of(result)[:1] != (BATCH,):
            raise SpecError(
                "the model must give a row for each picture of a batch, it gives "
                f"{list(result.meta['val'].shape)}"
            )
        return Graph((INPUT,), tuple(self._nodes), (self._names[self._output],))

    def _call(self, node: fx.Node) -> None:
        base = base_of(node)
        if node.target is operator.getitem or base in SPLITS:
            self._split(node, base)
            return
        if not is_plain(node):
            raise SpecError(without_rule(base, where(node), {*RULES, *LAYOUT_RULES, *SPLITS}))
        if not isinstance(node.meta.get("val"), Tensor):
            return  # sizes, and what is only checked
        same = base in _SAME_VALUE or self._whole(node, base) or self._only_type(node, base)
        if same or broadcasts(node):
            self._rename(node, self._source(node))
            return
        special = {
            "select": self._select,
            "stack": self._stack,
            "index": self._index,
            "expand": self._expand,
            "expand_as": self._expand,
            "repeat": self._expand,
            "scaled_dot_product_attention": self._attention,
            "slice_scatter": self._scatter,
            "addcmul": self._addcmul,
        }.get(base)
        if special is not None:
            special(node)
            return
        found = self._translation(node)
        args = arguments_of(node)
        sources = args[0] if base == "cat" else [args[each] for each in found.inputs]
        self._add(node, found, tuple(self._value(each, base, node) for each in sources))
        if name_of(node).endswith("_"):
            self._rename(self._source(node), node)

    def _add(self, node: fx.Node, found: Translation, inputs: tuple[str, ...]) -> None:
        args, path = arguments_of(node), path_of(node)
        given = {
            role: args[position]
            for role, position in (found.parameters or {}).items()
            if position < len(args) and args[position] is not None
        }
        computed = [role for role, each in given.items() if each.name not in self._tensor_names]
        if computed not in ([], ["bias"]) or (computed and found.operator != "linear"):
            raise SpecError(
                f"the {computed[0]} of {where(node)} is computed from other tensors, which has no "
                "rule; compute it once, and give it as one parameter"
            )
        parameters = {
            role: self._tensor_names[each.name]
            for role, each in given.items()
            if role not in computed
        }
        name = self._name(path, found.operator, is_layer=bool(parameters))
        self._append(node, Node(name, found.operator, inputs, parameters, found.attributes))
        if computed:
            self._step(node, "add", (name, self._value(given["bias"], "linear", node)), {})

    def _append(self, node: fx.Node, ours: Node) -> None:
        self._nodes.append(ours)
        self._names[node.name] = ours.name

    def _step(
        self, node: fx.Node, kind: str, inputs: tuple[str, ...], attributes: Attributes
    ) -> str:
        """Add a node without parameters, the latest one that stands for ``node``."""
        name = self._name(path_of(node), kind, is_layer=False)
        self._append(node, Node(name, kind, inputs, {}, attributes))
        return name

    def _translation(self, node: fx.Node) -> Translation:
        args, base = arguments_of(node), base_of(node)
        try:
            if base in RULES:
                return RULES[base](args)
            if base in LAYOUT_RULES:
                return LAYOUT_RULES[base](args, shape_of(args[0]), shape_of(node))
        except SpecError as error:
            raise SpecError(f"{base!r} in {where(node)}: {error}") from error
        raise SpecError(without_rule(base, where(node), {*RULES, *LAYOUT_RULES, *SPLITS}))

    def _split(self, node: fx.Node, base: str) -> None:
        """Note a split, or take one piece of it as a slice."""
        if base in SPLITS:
            return
        source, position = node.args
        assert isinstance(source, fx.Node)
        assert isinstance(position, int)
        if base_of(source) in RULES and position == 0:
            # Of a norm's results only the first is read in evaluation.
            found = self._translation(source)
            self._add(source, found, (self._value(source.args[0], base, source),))
            self._names[node.name] = self._names[source.name]
            return
        if base_of(source) not in SPLITS:
            raise SpecError(without_rule(base_of(source), where(source), {*RULES, *LAYOUT_RULES}))
        if base_of(source) == "unbind":
            axis = arguments_of(source)[1]
            self._take(node, arguments_of(source)[0], axis, position)
            return
        axis = arguments_of(source)[2]
        pieces = [tuple(each.shape) for each in source.meta["val"]]
        axis %= len(pieces[0])
        try:
            found = piece(axis, [each[axis] for each in pieces], position)
        except SpecError as error:
            raise SpecError(f"a split in {where(node)}: {error}") from error
        self._add(node, found, (self._value(source.args[0], base, node),))

    def _select(self, node: fx.Node) -> None:
        source, axis, position = arguments_of(node)[:3]
        self._take(node, source, axis, position)

    def _take(self, node: fx.Node, source: fx.Node, axis: int, position: int) -> None:
        """Take one position along an axis, and leave the axis out."""
        before = shape_of(source)
        axis %= len(before)
        start = position % before[axis]
        try:
            found = piece(axis, [start, 1, before[axis] - start - 1], 1)
            left = LAYOUT_RULES["squeeze"](
                (), (*before[:axis], 1, *before[axis + 1 :]), shape_of(node)
            )
        except SpecError as error:
            raise SpecError(f"a position taken in {where(node)}: {error}") from error
        taken = self._step(node, "slice", (self._value(source, "select", node),), found.attributes)
        self._step(node, "reshape", (taken,), left.attributes)

    def _stack(self, node: fx.Node) -> None:
        values, axis = arguments_of(node)[:2]
        axis %= len(shape_of(node))
        parts = []
        for each in values:
            before = shape_of(each)
            wider = (*before[:axis], 1, *before[axis:])
            attributes = LAYOUT_RULES["unsqueeze"]((), before, wider).attributes
            source = self._value(each, "stack", node)
            parts.append(self._step(node, "reshape", (source,), attributes))
        self._step(node, "cat", tuple(parts), {"axis": axis})

    def _index(self, node: fx.Node) -> None:
        """Take rows of a table by numbers that do not depend on the input."""
        table, indices = arguments_of(node)[:2]
        path = path_of(node)
        given = [(axis, each) for axis, each in enumerate(indices) if each is not None]
        if len(given) != 1 or given[0][1].name not in self.constants.values:
            raise SpecError(
                f"'index' in {where(node)} has a rule only for one axis and constant numbers"
            )
        axis, numbers = given[0][0], self.constants.values[given[0][1].name]
        if numbers.dtype == torch.bool:
            raise SpecError(f"'index' in {where(node)}: a mask as an index has no rule")
        rows = numbers.flatten() % shape_of(table)[axis]
        parameters = {"index": self.constants.keep(path, rows)}
        name = self._name(path, "gather", is_layer=False)
        source = self._value(table, "index", node)
        self._append(node, Node(name, "gather", (source,), parameters, {"axis": axis}))
        if numbers.dim() != 1:
            before = shape_of(table)
            flat = (*before[:axis], len(rows), *before[axis + 1 :])
            attributes = LAYOUT_RULES["view"]((), flat, shape_of(node)).attributes
            self._step(node, "reshape", (name,), attributes)

    def _scatter(self, node: fx.Node) -> None:
        """Put a tensor in the place of a slice: between what is in front and what is behind."""
        whole, new, axis, start, end, step = arguments_of(node)[:6]
        before = shape_of(whole)
        axis %= len(before)
        side = before[axis]
        if step != 1 or side % BATCH == 0:
            raise SpecError(f"a write with a step, or across a batch, in {where(node)} has no rule")
        first, last = (start or 0), min(side, side if end is None else end)
        source = self._value(whole, "slice_scatter", node)
        parts = [
            self._step(node, "slice", (source,), {"axis": axis, "start": low, "end": high})
            for low, high in ((0, first), (last, side))
            if low < high
        ]
        parts.insert(1 if first else 0, self._value(new, "slice_scatter", node))
        self._step(node, "cat", tuple(parts), {"axis": axis})

    def _addcmul(self, node: fx.Node) -> None:
        total, first, second, factor = arguments_of(node)[:4]
        if factor != 1:
            raise SpecError(f"'addcmul' in {where(node)}: a factor has no rule, got {factor}")
        read = [self._value(each, "addcmul", node) for each in (total, first, second)]
        self._step(node, "add", (read[0], self._step(node, "mul", (read[1], read[2]), {})), {})

    def _expand(self, node: fx.Node) -> None:
        """Repeat along axes of size 1; a batch is as large as the input's."""
        found = self._translation(node)
        source = self._value(self._source(node), "expand", node)
        shape: Any = found.attributes["shape"]
        self._step(node, "expand", (source, INPUT) if 0 in shape else (source,), found.attributes)

    def _attention(self, node: fx.Node) -> None:
        query, key, value, mask, dropout, causal, scale = arguments_of(node)[:7]
        if dropout or causal:
            raise SpecError(
                f"the attention in {where(node)} must have no dropout when it is evaluated, and "
                "its mask as a tensor"
            )
        sources = [query, key, value, *([] if mask is None else [mask])]
        if mask is not None and mask.meta["val"].dtype == torch.bool:
            raise SpecError(f"the attention's mask in {where(node)} must be numbers that are added")
        inputs = tuple(self._value(each, "attention", node) for each in sources)
        width = shape_of(query)[-1]
        number = float(scale) if scale is not None else width**-0.5
        self._step(node, "attention", inputs, {"scale": number})

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
        self._names[node.name] = self._value(same, "alias", node)

    @staticmethod
    def _source(node: fx.Node) -> fx.Node:
        source = node.args[0]
        assert isinstance(source, fx.Node)
        return source

    def _value(self, argument: Any, base: str, node: fx.Node) -> str:
        """Return our name of what an argument holds; a parameter that is read becomes a value."""
        if not isinstance(argument, fx.Node):
            raise SpecError(f"{base!r} in {where(node)} reads {argument!r}, which is no tensor")
        if argument.name in self._names:
            return self._names[argument.name]
        if argument.name in self._tensor_names:
            kept = self._tensor_names[argument.name]
        elif argument.name in self.constants.values:
            constant = self.constants.values[argument.name]
            if constant.shape[:1] == (BATCH,):
                return self._same_for_all(argument, constant, node)
            kept = self.constants.keep(path_of(node), constant)
        else:
            raise SpecError(f"{base!r} in {where(node)} reads {argument.name!r}, which has no rule")
        return self._parameter(argument, kept)

    def _parameter(self, argument: fx.Node, kept: str) -> str:
        """Add a node that gives a tensor as a value."""
        name = self._name(kept, "", is_layer=True)
        self._append(argument, Node(name, "parameter", (), {"value": kept}))
        return name

    def _same_for_all(self, argument: fx.Node, constant: Tensor, node: fx.Node) -> str:
        """Read a constant that has a row for each picture: one row, repeated."""
        if not bool((constant == constant[:1]).all()):
            raise SpecError(f"a constant in {where(node)} has another row for each picture")
        name = self._parameter(argument, self.constants.keep(path_of(node), constant[:1]))
        attributes = LAYOUT_RULES["expand"]((), (1, *constant.shape[1:]), constant.shape).attributes
        return self._step(argument, "expand", (name, INPUT), attributes)

    def _name(self, path: str, kind: str, *, is_layer: bool) -> str:
        wanted = path if is_layer and path else ".".join(filter(None, (path, kind)))
        name, count = wanted, 1
        while name in self._taken:
            name = f"{wanted}_{count}"
            count += 1
        self._taken.add(name)
        return name
