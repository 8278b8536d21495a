"""How far the translation of recorded calls is from the calls themselves, seen on noise.

Some options of torch's operators are lost on the way to ONNX without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import torch
from onnx import ModelProto
from torch import Tensor

from tightfit.calls import Shape
from tightfit.objectives.runtimes.ort import OnnxRuntime

Function: TypeAlias = Callable[[Sequence[Tensor]], Tensor]

_PICTURES = 5
_CLOSE = 1e-3
"""Of the largest output: runtimes round in another order than torch."""
_MOVED = 1e-4
"""Of each number that is read. Where so little makes a great difference, as beside the threshold of
a comparison, rounding may make it as well."""


@torch.no_grad()
def translation_error(model: ModelProto, shapes: Sequence[Shape], called: Function) -> float:
    """Return the largest difference, as a share of the largest output; 0 where it is rounding.

    Args:
        model: The translation; its inputs are floats.
        shapes: Of its inputs; a side of ``-k`` is ``k`` times the batch.
        called: What it shall compute.

    Raises:
        MeasurementError: onnxruntime cannot run it.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "translation.onnx"
        path.write_bytes(model.SerializeToString())
        session = OnnxRuntime().open(path)
        errors = []
        for inputs in _noise(shapes):
            (found,) = session.run([each.numpy() for each in inputs])
            errors.append(_error(torch.from_numpy(found), inputs, called))
    return max(errors)


def _noise(shapes: Sequence[Shape]) -> Iterator[list[Tensor]]:
    """Give numbers of both signs, then positive ones: a logarithm has no others."""
    random = torch.Generator().manual_seed(0)
    sizes = [[-side * _PICTURES if side < 0 else side for side in shape] for shape in shapes]
    yield [torch.randn(size, generator=random) for size in sizes]
    yield [torch.rand(size, generator=random) for size in sizes]


def _error(found: Tensor, inputs: Sequence[Tensor], called: Function) -> float:
    expected = called(inputs)
    if found.shape != expected.shape:
        return float("inf")
    random = torch.Generator().manual_seed(1)
    steps = [_MOVED * each * torch.randn(each.shape, generator=random) for each in inputs]
    counted, rounding = expected.isfinite(), torch.zeros_like(expected)
    for sign in (1, -1):
        moved = called([each + sign * step for each, step in zip(inputs, steps, strict=True)])
        counted &= moved.isfinite()
        rounding = rounding.maximum((moved - expected).abs())
    largest = expected[counted].abs().amax() if bool(counted.any()) else torch.tensor(0.0)
    off = (found - expected).abs().nan_to_num(nan=float("inf"))[counted]
    wrong = off[off > _CLOSE * largest + rounding[counted]]
    return float(wrong.amax() / largest) if len(wrong) else 0.0
