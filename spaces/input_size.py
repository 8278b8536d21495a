"""Input size: smaller pictures cost less in every layer that is spatial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from tightfit import Choice, Graph, Hparam, IntArray, SpecError
from tightfit.spaces.compiled_graph import recorded_macs
from tightfit.spaces.graph_writer import INPUT
from tightfit.spaces.resizing import resized
from tightfit.spaces.settings import InputSizeSettings
from tightfit.spaces.shapes import BATCH, Shape, activation_shapes
from tightfit.spaces.ties import Ties
from tightfit.spaces.tracing import Traced, check_agreement, trace

NAME = "input.size"


class InputSize:
    """The knob: the hparam ``input.size``, and the network and every activation at each choice.

    Args:
        settings: ``None`` where the size stays.
        traced: The network at its own size.
        retrace: Traces it for inputs of another shape; asked where the graph itself counts
            positions, as windows and shuffles do. Where the module refuses as well, its tables are
            interpolated.
        check: Raises `SpecError` where a graph does not compute what the module does.

    Raises:
        SpecError: The network cannot read inputs of another size.
    """

    def __init__(
        self,
        settings: InputSizeSettings | None,
        traced: Traced,
        retrace: Callable[[Shape], Traced],
        check: Callable[[Traced], None],
    ) -> None:
        base = activation_shapes(traced, traced.input_shape)
        self._networks: list[Traced] = [traced]
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
                min(side, max(stride, round(share * side / stride) * stride)) if share < 1 else side
                for side in traced.input_shape[1:]
            )
            sides.setdefault((height, width), share)
        self.hparams.append(Hparam(NAME, tuple(sides.values())))
        self._networks, self.shapes = [], []
        for side in sides:
            network, shapes = _at(traced, base, (traced.input_shape[0], *side), retrace, check)
            self._networks.append(network)
            self.shapes.append(shapes)

    def graph(self, choices: Mapping[str, Choice]) -> Graph:
        """Return the graph for the candidate's input size."""
        return self._networks[self._index(choices)].graph

    def tensors(self, choices: Mapping[str, Choice]) -> Mapping[str, Tensor]:
        """Return the baseline's tensors for the candidate's input size."""
        return self._networks[self._index(choices)].tensors

    @property
    def resized(self) -> dict[str, IntArray]:
        """By name of an interpolated table, how many numbers it has at each choice."""
        counts = {
            name: [network.tensors[name].numel() for network in self._networks]
            for name in self._networks[0].tensors
        }
        return {name: np.array(each) for name, each in counts.items() if len(set(each)) > 1}

    @property
    def recorded(self) -> dict[str, IntArray]:
        """By node that calls what was recorded, its MACs at each choice."""
        return recorded_macs([network.graph for network in self._networks])

    def shape(self, choices: Mapping[str, Choice]) -> dict[str, Shape]:
        """Return every activation's shape in the candidate's input size."""
        return self.shapes[self._index(choices)]

    def _index(self, choices: Mapping[str, Choice]) -> int:
        return self.hparams[0].choices.index(choices[NAME]) if self.hparams else 0


def input_size(settings: InputSizeSettings | None, traced: Traced, model: nn.Module) -> InputSize:
    """Return the knob for a traced module."""
    return InputSize(
        settings,
        traced,
        lambda shape: trace(model, torch.zeros(1, *shape)),
        lambda other: check_agreement(other, model),
    )


def check_channels(size: InputSize, ties: Ties) -> None:
    """Refuse sizes that would change how many positions of channels there are along an axis.

    Where an axis counts channels and positions of the picture together, as rows of maps do that are
    read as tokens, what is removed there depends on the size.

    Args:
        size: The knob.
        ties: Of the network at its own size.

    Raises:
        SpecError: There is such an axis.
    """
    for shapes in size.shapes:
        for name, axes in ties.values.items():
            for axis, side in zip(axes, shapes[name], strict=True):
                if ties.loose(axis) and axis.size % BATCH and axis.size != side:
                    height, width = shapes[INPUT][2:]
                    raise SpecError(
                        f"'input.size' cannot change to {height}x{width} here: an axis of {name!r} "
                        f"counts channels and positions of the picture together, {axis.size} of "
                        f"them and then {side}; take the table [space.input_size] out"
                    )


def why_fixed(traced: Traced, model: nn.Module, ties: Ties) -> str | None:
    """Return why a network reads pictures of no other usual size, ``None`` where it does."""
    try:
        check_channels(input_size(InputSizeSettings(), traced, model), ties)
    except SpecError as error:
        return str(error)
    return None


def _at(
    traced: Traced,
    base: Mapping[str, Shape],
    shape: Shape,
    retrace: Callable[[Shape], Traced],
    check: Callable[[Traced], None],
) -> tuple[Traced, dict[str, Shape]]:
    """Return the network and the shapes of its activations for inputs of another shape."""
    if shape == traced.input_shape:
        return traced, dict(base)
    try:
        same, shapes = replace(traced, input_shape=shape), activation_shapes(traced, shape)
        check(same)
    except SpecError:
        pass  # it counts positions; perhaps its module counts them anew
    else:
        return same, shapes
    try:
        other = retrace(shape)
        if _layout(other) != _layout(traced):
            raise SpecError("its operators or its tensors are others there")
        return replace(other, tensors=_shared(traced, other)), activation_shapes(other, shape)
    except SpecError as error:
        reason = error
    try:
        other = resized(traced, base, shape)
        return other, activation_shapes(other, shape)
    except SpecError as error:
        raise SpecError(
            f"'input.size' cannot change to {'x'.join(map(str, shape[1:]))} here: {error}, and the "
            f"model itself says: {reason}; where a layer reads every position of the picture, take "
            "the table [space.input_size] out"
        ) from error


def _shared(traced: Traced, other: Traced) -> dict[str, Tensor]:
    """Return the tensors of a network in another size: its own where they count its positions."""
    return {
        name: tensor if torch.equal(tensor, other.tensors[name]) else other.tensors[name]
        for name, tensor in traced.tensors.items()
    }


def _layout(traced: Traced) -> tuple[list[tuple[str, str]], dict[str, Shape]]:
    nodes = [(node.name, node.operator) for node in traced.graph.nodes]
    return nodes, {name: tuple(tensor.shape) for name, tensor in traced.tensors.items()}


def total_stride(input_shape: Shape, shapes: Mapping[str, Shape]) -> int:
    """Return how many input pixels stand behind one position of the smallest map larger than 1.

    Maps have the input's proportions, channels first or last; heads and their widths have not.
    """
    height, width = input_shape[1:]
    sides = [
        rows
        for shape in shapes.values()
        if len(shape) == 4
        for rows, columns in (shape[2:], shape[1:3])
        if rows > 1 and abs(rows * width - columns * height) < max(height, width)
    ]
    return int(2 ** np.floor(np.log2(max(1, height // min(sides, default=height)))))
