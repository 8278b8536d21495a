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


def marked(model: ModelProto) -> bytes:
    """Return the file with a mark in the name of every node and of what it gives.

    Raises:
        MeasurementError: It has 2 GB or more.
    """
    if model.ByteSize() > LARGEST:
        raise MeasurementError(
            f"a network of {model.ByteSize():,} bytes cannot be profiled, at most {LARGEST:,} can"
        )
    copy = ModelProto()
    copy.CopyFrom(model)
    ends = {each.name for each in copy.graph.output}
    marks: dict[str, str] = {}
    for number, node in enumerate(copy.graph.node):
        node.name = f"n{number}|"
        for position, name in enumerate(node.output):
            if name and name not in ends:
                marks[name] = node.output[position] = f"n{number}|{position}"
    _rename(copy.graph, marks)
    del copy.graph.value_info[:]
    content: bytes = copy.SerializeToString()
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
