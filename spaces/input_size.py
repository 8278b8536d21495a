"""Input size: smaller pictures cost less in every layer that is spatial."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tightfit import Choice, Hparam, SpecError
from tightfit.spaces.settings import InputSizeSettings
from tightfit.spaces.shapes import Shape, activation_shapes
from tightfit.spaces.tracing import Traced

NAME = "input.size"


class InputSize:
    """The knob: the hparam ``input.size``, and every activation's shape at each of its choices.

    Raises:
        SpecError: The network cannot read inputs of another size.
    """

    def __init__(self, settings: InputSizeSettings | None, traced: Traced) -> None:
        base = activation_shapes(traced, traced.input_shape)
        self.shapes: list[dict[str, Shape]] = [base]
        self.hparams: list[Hparam] = []
        if settings is None:
            return
        if len(traced.input_shape) != 3:
            raise SpecError(
                f"'input.size' needs pictures [C, H, W], the input is {list(traced.input_shape)}"
            )
        stride = total_stride(traced.input_shape, base)
        sides: dict[tuple[int, int], float] = {}
        for share in sorted({1.0, *settings.shares}, reverse=True):
            height, width = (
                max(stride, round(share * side / stride) * stride) if share < 1 else side
                for side in traced.input_shape[1:]
            )
            sides.setdefault((height, width), share)
        self.hparams.append(Hparam(NAME, tuple(sides.values())))
        channels = traced.input_shape[0]
        try:
            self.shapes = [activation_shapes(traced, (channels, *side)) for side in sides]
        except SpecError as error:
            raise SpecError(
                f"'input.size' cannot change here: {error}; where a linear layer reads every "
                "position of the picture, take the table [space.input_size] out"
            ) from error

    def shape(self, choices: Mapping[str, Choice]) -> dict[str, Shape]:
        """Return every activation's shape in the candidate's input size."""
        if not self.hparams:
            return self.shapes[0]
        return self.shapes[self.hparams[0].choices.index(choices[NAME])]


def total_stride(input_shape: Shape, shapes: Mapping[str, Shape]) -> int:
    """Return how many input pixels stand behind one position of the smallest map larger than 1."""
    sides = [shape[2] for shape in shapes.values() if len(shape) == 4 and shape[2] > 1]
    return int(2 ** np.floor(np.log2(max(1, input_shape[1] // min(sides, default=input_shape[1])))))
