"""What every session checks of its inputs where its library's own words would not help."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tightfit.errors import MeasurementError
from tightfit.objectives.runtimes.protocol import Float32Array


def check_inputs(
    path: Path, shapes: Sequence[tuple[int, ...]], inputs: Sequence[Float32Array]
) -> None:
    """Refuse inputs that a file does not take.

    Raises:
        MeasurementError: Another number of them, another shape, or no picture.
    """
    if len(inputs) != len(shapes):
        raise MeasurementError(f"{path.name!r} takes {len(shapes)} inputs, got {len(inputs)}")
    for shape, given in zip(shapes, inputs, strict=True):
        if given.shape[1:] != shape or not len(given):
            raise MeasurementError(
                f"{path.name!r} takes pictures of {list(shape)}, got {list(given.shape)}"
            )
