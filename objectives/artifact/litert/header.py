"""A model as a C++ header for TensorFlow Lite Micro: its bytes, its operators, its arena."""

from __future__ import annotations

from tightfit.objectives.artifact.litert.flatfile import format_classes
from tightfit.objectives.artifact.litert.kinds import KINDS

HEADER_FILE = "model.h"
_PER_LINE = 16


def operators(content: bytes) -> tuple[str, ...]:
    """Return the names of the operators that a ``.tflite`` file uses.

    Raises:
        SpecError: The extra ``litert`` is not installed.
    """
    schema = format_classes()
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if name in KINDS}
    model = schema.Model.GetRootAs(content)
    codes = (model.OperatorCodes(number) for number in range(model.OperatorCodesLength()))
    return tuple(names[code.BuiltinCode()] for code in codes)


def header(content: bytes, *, arena_bytes: int) -> str:
    """Return the text of a header that one source file of a device's program includes.

    Args:
        content: Of a ``.tflite`` file that :func:`write_litert` wrote.
        arena_bytes: Of the smallest arena in which it runs.
    """
    methods = [KINDS[name].resolver for name in operators(content)]
    calls = "\n".join(
        f"  if (resolver.{name}() != kTfLiteOk) return kTfLiteError;" for name in methods
    )
    lines = (
        ", ".join(map(str, content[start : start + _PER_LINE]))
        for start in range(0, len(content), _PER_LINE)
    )
    numbers = ",\n    ".join(lines)
    return f"""\
// A model for TensorFlow Lite Micro, written by tightfit. Include it in one source file.
#pragma once

#include <cstddef>

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

// The smallest arena that worked where pointers have 64 bits, with the reference kernels.
constexpr std::size_t kTightfitArenaBytes = {arena_bytes};

constexpr unsigned int kTightfitOperators = {len(methods)};

inline TfLiteStatus AddTightfitOperators(
    tflite::MicroMutableOpResolver<kTightfitOperators>& resolver) {{
{calls}
  return kTfLiteOk;
}}

alignas(16) constexpr unsigned char kTightfitModel[] = {{
    {numbers}}};

constexpr std::size_t kTightfitModelBytes = sizeof(kTightfitModel);
"""
