"""Programs as ONNX files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto

from tightfit.errors import CandidateError
from tightfit.objectives.artifact.emitter import (
    LOWEST_OPSET,
    Emitter,
    Scope,
    Value,
    output_name,
)
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.packing import Initializer
from tightfit.objectives.artifact.rules import RULES, Rule
from tightfit.objectives.artifact.shapes import BATCH, Shape
from tightfit.objectives.artifact.wire import field_head
from tightfit.program import Program

BATCH_AXIS = "N"
PRODUCER = "tightfit"
LARGEST_FILE = 2**31 - 2**20

IR_VERSIONS = ((25, 13), (21, 10), (20, 9), (18, 8))
"""By the lowest opset that needs it, the version of the file's format; newest first."""


def write_onnx(program: Program, path: Path, *, metadata: Mapping[str, str]) -> int:
    """Write a program as one ONNX file with a free batch axis and return the file's bytes.

    The file is whole or not there: ``path`` holds its old content until the new one is on the disk.
    It is written again with new numbers in the same way.

    Args:
        program: The network.
        path: Of the file; its folder exists.
        metadata: Kept in the file, in the order of the keys.

    Raises:
        CandidateError: The program has no file: an unknown operator, numbers of a wrong type, or
            more than the 2 GB that the format allows.
        SpecError: The folder cannot be written, or its disk is full.
    """
    numbers = sum(tensor.nbytes for tensor in program.tensors.values())
    if numbers > LARGEST_FILE:
        raise CandidateError(
            f"an ONNX file must stay below 2 GB, the numbers of this one take {numbers:,} bytes"
        )
    parts = _parts(program, metadata)
    write_atomically(path, *parts)
    return sum(map(len, parts))


def onnx_model(program: Program, *, metadata: Mapping[str, str]) -> ModelProto:
    """Return a program as an ONNX model.

    Raises:
        CandidateError: An unknown operator, or numbers of a wrong type.
    """
    model = ModelProto()
    model.ParseFromString(b"".join(_parts(program, metadata)))
    return model


def check_translations(program: Program) -> None:
    """Let torch translate what was recorded now, so that nothing is trained that can have no file.

    Raises:
        SpecError: It has no translation that computes the same, or the package that makes it is
            not installed.
    """
    if any(node.operator == "aten" for node in program.graph.nodes):
        _parts(program, {})


def _parts(program: Program, metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    """Return a file's bytes in parts, in the order of protobuf's fields.

    A message that holds the numbers would copy them several times, whole when it is turned into
    bytes; here they go from the network's own memory to the disk.
    """
    opset, ends = LOWEST_OPSET, GraphProto()
    if any(node.operator == "aten" for node in program.graph.nodes):
        # What torch writes has another form in newer files; the other nodes say how new this is.
        opset = _emitted(program, opset, {**RULES, "aten": _nothing}).opset
    emitter = _emitted(program, opset, RULES)
    _state_ends(ends, program, emitter)
    ir_version = next(ir for opset, ir in IR_VERSIONS if emitter.opset >= opset)
    front, back = ModelProto(ir_version=ir_version, producer_name=PRODUCER), ModelProto()
    back.opset_import.add().version = emitter.opset
    for key in sorted(metadata):
        entry = back.metadata_props.add()
        entry.key, entry.value = key, metadata[key]
    graph: list[bytes | memoryview] = [emitter.graph.SerializeToString()]
    for initializer in emitter.initializers:
        graph += [_head(initializer), initializer.content]
    graph.append(ends.SerializeToString())
    graph_head = field_head(ModelProto.GRAPH_FIELD_NUMBER, sum(map(len, graph)))
    return [front.SerializeToString(), graph_head, *graph, back.SerializeToString()]


def _emitted(program: Program, opset: int, rules: Mapping[str, Rule]) -> Emitter:
    """Return what wrote a program's nodes for a file of at least an opset."""
    emitter = Emitter(program, GraphProto(name=PRODUCER), opset=opset)
    for number, node in enumerate(program.graph.nodes):
        rule = rules.get(node.operator)
        if rule is None:
            raise CandidateError(f"{node.name!r} has the unknown operator {node.operator!r}")
        emitter.values[node.name] = rule(Scope(emitter, node, number))
    return emitter


def _nothing(scope: Scope) -> Value:
    return Value(scope.local("x"))


def _head(initializer: Initializer) -> bytes:
    """Return what stands in front of an initializer's numbers."""
    size = len(initializer.content)
    own: bytes = initializer.header.SerializeToString()
    own += field_head(TensorProto.RAW_DATA_FIELD_NUMBER, size)
    return field_head(GraphProto.INITIALIZER_FIELD_NUMBER, len(own) + size) + own


def _state_ends(graph: GraphProto, program: Program, emitter: Emitter) -> None:
    """State the inputs and outputs with their shapes."""
    outputs = program.graph.outputs
    for name in dict.fromkeys(outputs):
        _name_output(emitter, emitter.values[name], output_name(outputs, name))
    graph.input.extend(_float_value(name, emitter.shapes[name]) for name in program.graph.inputs)
    graph.output.extend(
        _float_value(output_name(outputs, name), emitter.shapes[name])
        for name in dict.fromkeys(outputs)
    )


def _name_output(emitter: Emitter, value: Value, wanted: str) -> None:
    """Give the graph's output its name where the value behind it has another one."""
    source = emitter.dequantized(value)
    if source != wanted:
        emitter.node("Identity", [source], wanted)


def _float_value(name: str, shape: Shape) -> ValueInfoProto:
    info = ValueInfoProto(name=name)
    info.type.tensor_type.elem_type = TensorProto.FLOAT
    axes = info.type.tensor_type.shape
    if any(size < 0 and size != BATCH for size in shape):
        raise CandidateError(
            f"{name!r} must have the batch as an axis of its own, it has batches of "
            f"{[-size if size < 0 else 0 for size in shape]}"
        )
    for size in shape:
        if size == BATCH:
            axes.dim.add().dim_param = BATCH_AXIS
        else:
            axes.dim.add().dim_value = size
    return info
