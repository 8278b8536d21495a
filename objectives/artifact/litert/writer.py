"""Programs as files of integers for LiteRT and TensorFlow Lite Micro."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.litert.emitter import INTEGER_ONLY, Emitter, Scope
from tightfit.objectives.artifact.litert.flatfile import FlatFile
from tightfit.objectives.artifact.litert.rules import RULES, Rule
from tightfit.program import Program

LITERT_FILE = "model.tflite"


def write_litert(program: Program, path: Path, *, metadata: Mapping[str, str]) -> int:
    """Write a program as one ``.tflite`` file and return the file's bytes.

    It reads one picture of signed codes, channels last, and gives signed codes; scales and zero
    points of both stand in the file.

    Args:
        program: Of a network whose every activation is rounded.
        path: Of the file; its folder exists.
        metadata: Kept in the file, in the order of the keys.

    Raises:
        CandidateError: An operator or a layer that integers cannot express.
        SpecError: The extra ``litert`` is not installed, or the folder cannot be written.
    """
    content = litert_bytes(program, metadata=metadata)
    write_atomically(path, content)
    return len(content)


def litert_bytes(program: Program, *, metadata: Mapping[str, str]) -> bytes:
    """Return the bytes of :func:`write_litert`'s file."""
    file = FlatFile()
    emitter, graph = Emitter(program, file), program.graph
    for node in graph.nodes:
        if node.name in emitter.values:
            continue
        scope = Scope(emitter, node)
        value = _rule(scope)(scope)
        emitter.values |= dict.fromkeys(scope.names(value.grid), value)
    inputs = [_input(emitter, name) for name in graph.inputs]
    outputs = [emitter.values[name].tensor for name in graph.outputs]
    return file.content(inputs, outputs, metadata=metadata)


def _rule(scope: Scope) -> Rule:
    """Return the rule of a node.

    Raises:
        CandidateError: It has none, or reads floats.
    """
    node = scope.node
    if node.operator not in RULES:
        raise scope.refusal(
            "has no integer form", "serve this network with onnxruntime, or replace the operator"
        )
    if node.operator != "quantize" and set(node.inputs) - scope.emitter.values.keys():
        raise scope.refusal("reads floats", INTEGER_ONLY)
    return RULES[node.operator]


def _input(emitter: Emitter, name: str) -> int:
    """Return the tensor of one of the network's inputs."""
    (quantize,) = emitter.program.graph.consumers()[name]
    return emitter.values[quantize.name].tensor
