"""Why a runtime does not take a ``.tflite`` file, with the layer where an operator is to blame."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tightfit.objectives.artifact.litert.flatfile import format_classes

_LACKING = re.compile(
    r"(?:for builtin opcode|unresolved custom op:|registration from op code) '?(\w+)'?"
)


def reason(said: str, path: Path) -> str:
    """Return a runtime's words in one line; of an operator that it lacks, what that gives.

    A file names what its operators give, which our writer names after the layers.
    """
    found = _LACKING.search(said)
    if found is None:
        return " ".join(said.split())
    names = ", ".join(repr(name) for name in _given_by(found[1], path))
    return f"it lacks the operator {found[1]!r}, which gives {names}"


def _given_by(operator: str, path: Path) -> list[str]:
    """Return the names of what the operators of one kind give."""
    schema = format_classes()
    known = {number: name for name, number in vars(schema.BuiltinOperator).items()}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes()))
    kinds = [_text(code.customCode) or known[code.builtinCode] for code in model.operatorCodes]
    return [
        _text(graph.tensors[number].name)
        for graph in model.subgraphs
        for entry in graph.operators
        if kinds[entry.opcodeIndex] == operator
        for number in entry.outputs
    ]


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
