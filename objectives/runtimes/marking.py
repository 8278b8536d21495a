"""A copy of an ONNX file whose names say which node of the file everything was.

An optimizer gives what it makes the names of what it was made from, with something behind them: so
a mark survives where a position does not.
"""

from __future__ import annotations

import re

from onnx import GraphProto, ModelProto

from tightfit.errors import MeasurementError

LARGEST = 2**31 - 2**20
"""Bytes that a session takes from memory."""

_MARK = re.compile(r"n(\d+)\|")


def outline(graph: GraphProto) -> GraphProto:
    """Return a graph without its numbers: nodes, and what constants there are."""
    bare = GraphProto()
    bare.node.extend(graph.node)
    bare.output.extend(graph.output)
    for each in graph.initializer:
        bare.initializer.add(name=each.name, data_type=each.data_type, dims=each.dims)
    return bare


def mark(model: ModelProto) -> bytes:
    """Give every node and what it gives a marked name, and return the file; in place.

    Raises:
        MeasurementError: It has 2 GB or more.
    """
    ends = {each.name for each in model.graph.output}
    names: dict[str, str] = {}
    for number, node in enumerate(model.graph.node):
        node.name = f"n{number}|"
        for position, name in enumerate(node.output):
            if name and name not in ends:
                names[name] = node.output[position] = f"n{number}|{position}"
    _rename(model.graph, names)
    del model.graph.value_info[:]
    if model.ByteSize() > LARGEST:
        raise MeasurementError(
            f"a network of {model.ByteSize():,} bytes cannot be profiled, at most {LARGEST:,} can"
        )
    content: bytes = model.SerializeToString()
    return content


def marks(text: str) -> list[int]:
    """Return the positions in the file of the nodes whose marks stand in a name."""
    return [int(each) for each in _MARK.findall(text)]


def _rename(graph: GraphProto, names: dict[str, str]) -> None:
    """Replace names that are read, in the bodies of loops and branches as well."""
    for node in graph.node:
        for position, name in enumerate(node.input):
            node.input[position] = names.get(name, name)
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                _rename(body, names)
