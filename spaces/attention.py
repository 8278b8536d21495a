"""The rule of attention: from ATen to ours."""

from __future__ import annotations

import torch
from torch import Tensor, fx

from tightfit import Node
from tightfit.spaces.exported_nodes import arguments_of, path_of, shape_of, where
from tightfit.spaces.graph_writer import INPUT, Writer, reshaped
from tightfit.spaces.layout_rules import BATCH, LAYOUT_RULES, Shape
from tightfit.spaces.operators import Attributes, Unruled


def attention(writer: Writer, node: fx.Node) -> None:
    """Attend to keys, each of which several heads of queries may share."""
    query, key, value, mask, dropout, causal, scale, grouped = arguments_of(node)[:8]
    if dropout:
        raise Unruled(f"the attention in {where(node)} draws random numbers, which has no rule")
    inputs = [writer.value(each, "attention", node) for each in (query, key, value)]
    if grouped:
        heads = shape_of(query)[-3]
        for at, each in ((1, key), (2, value)):
            inputs[at] = _repeated_heads(writer, node, inputs[at], shape_of(each), heads)
    if mask is not None and mask.meta["val"].dtype == torch.bool:
        inputs.append(_numbers_to_add(writer, node, writer.constants.values[mask.name]))
    elif mask is not None:
        inputs.append(writer.value(mask, "attention", node))
    width = shape_of(query)[-1]
    number = float(scale) if scale is not None else width**-0.5
    more: Attributes = {"causal": True} if causal else {}
    writer.step(node, "attention", tuple(inputs), {"scale": number, **more})


def _numbers_to_add(writer: Writer, node: fx.Node, seen: Tensor) -> str:
    """Keep a constant mask of truth values as one that hides what it is added to.

    Raises:
        Unruled: It is another one for each picture, or hides everything from a query.
    """
    if any(side and side % BATCH == 0 for side in seen.shape) or not bool(seen.any(-1).all()):
        raise Unruled(
            f"the attention in {where(node)} has no rule for a mask of truth values that is "
            "computed for each picture, or that hides everything from a query"
        )
    numbers = torch.zeros(seen.shape).masked_fill(~seen, -torch.inf)
    kept = writer.constants.keep(path_of(node), numbers)
    name = writer.name(kept, "", is_layer=True)
    writer.append(node, Node(name, "parameter", (), {"value": kept}))
    return name


def _repeated_heads(writer: Writer, node: fx.Node, source: str, before: Shape, heads: int) -> str:
    """Repeat each head for the queries that share it."""
    *batch, groups, length, width = before
    if heads == groups:
        return source
    alone = (*batch, groups, 1, length, width)
    repeated = (*batch, groups, heads // groups, length, width)
    value = reshaped(writer, node, source, before, alone)
    attributes = LAYOUT_RULES["expand"]((), alone, repeated).attributes
    value = writer.step(node, "expand", (value, INPUT), attributes)
    return reshaped(writer, node, value, repeated, (*batch, heads, length, width))
