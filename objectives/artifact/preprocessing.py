"""Puts the preparation of pictures into an ONNX file, which then takes them as a camera gives them.

The file reads uint8 pictures ``[N, height, width, channels]``, as image decoders and cameras hand
them out, and does inside what is done before the plain file: channels first, the mean and standard
deviation of the data, and the side that the network wants. Where pictures have other sides than
those of the data, they are first brought to these as the pictures of an image folder are: the
shorter side is fitted and the middle is kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import GraphProto, ModelProto, TensorProto, helper, numpy_helper

from tightfit.errors import SpecError
from tightfit.objectives.artifact.files import write_atomically

PICTURES = "pictures"
HEIGHT, WIDTH = "height", "width"
_APPLIED = ("mean", "std")
"""What a plain file says of the preparation that it needs."""
_CHANNELS_FIRST = (0, 3, 1, 2)
_SIDES = (1, 2)


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What is done to pictures inside the file.

    Attributes:
        pictures: Of the data, ``(channels, height, width)``.
        mean, std: Per channel, of pixels in 0..1.
        source: Usual ``(height, width)`` of what comes in. With it the file takes pictures of any
            size; without it those of the data's alone.

    Raises:
        SpecError: The inputs are no pictures, or a side that is not positive.
    """

    pictures: tuple[int, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if len(self.pictures) != 3:
            raise SpecError(
                "only pictures [channels, height, width] can be prepared inside the file, this "
                f"data has inputs {list(self.pictures)}"
            )
        if self.source is not None and min(self.source) < 1:
            raise SpecError(f"the sides of pictures must be at least 1, got {list(self.source)}")

    @property
    def side(self) -> tuple[int, int]:
        """Height and width of the data's pictures."""
        return self.pictures[1], self.pictures[2]

    def metadata(self) -> dict[str, str]:
        """Return what the file says of its input, and the usual sizes of its free axes."""
        height, width = self.side if self.source is None else (HEIGHT, WIDTH)
        said = {
            "input": f"uint8 pictures [N, {height}, {width}, {self.pictures[0]}]; "
            "mean, std and size are applied inside"
        }
        if self.source is not None:
            sizes = zip((HEIGHT, WIDTH), self.source, strict=True)
            said |= {f"axis.{name}": str(size) for name, size in sizes}
        return said


def write_preprocessed(plain: Path, path: Path, preprocessing: Preprocessing) -> int:
    """Write a plain file with its preparation inside, and return the file's bytes.

    Args:
        plain: A file of one input ``[N, channels, height, width]`` of normalized pictures.
        path: Of the new file.
        preprocessing: What is done to pictures first.

    Raises:
        SpecError: The folder cannot be written, or its disk is full.
    """
    content: bytes = preprocessed(onnx.load_model(plain), preprocessing).SerializeToString()
    write_atomically(path, content)
    return len(content)


def preprocessed(model: ModelProto, preprocessing: Preprocessing) -> ModelProto:
    """Return a plain model with the preparation of its pictures inside."""
    made = ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    (plain,) = graph.input
    batch, _channels, *side = plain.type.tensor_type.shape.dim
    inside = _Inside(_free(graph, "prepared"), preprocessing)
    inside.add((side[0].dim_value, side[1].dim_value))
    inside.graph.node[-1].output[0] = plain.name
    taken = _free(graph, PICTURES)
    inside.graph.node[0].input[0] = taken
    nodes = [*inside.graph.node, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(inside.graph.initializer)
    sides = preprocessing.side if preprocessing.source is None else (HEIGHT, WIDTH)
    shape = [batch.dim_param or batch.dim_value, *sides, preprocessing.pictures[0]]
    plain.CopyFrom(helper.make_tensor_value_info(taken, TensorProto.UINT8, shape))
    told = {entry.key: entry.value for entry in made.metadata_props if entry.key not in _APPLIED}
    del made.metadata_props[:]
    helper.set_model_props(made, told | preprocessing.metadata())
    return made


def _free(graph: GraphProto, name: str) -> str:
    """Return a name with which no value of a graph begins."""
    known = [each.name for each in (*graph.initializer, *graph.input)]
    known += [output for node in graph.node for output in node.output]
    while any(each.startswith(name) for each in known):
        name += "_"
    return name


class _Inside:
    """Nodes from the pictures to what the plain file's input was.

    Args:
        prefix: With which the names of all that is made begin.
        preprocessing: What they do.
    """

    def __init__(self, prefix: str, preprocessing: Preprocessing) -> None:
        self.graph = GraphProto()
        self._prefix = prefix
        self._preprocessing = preprocessing

    def add(self, wanted: tuple[int, int]) -> None:
        """Add them all, to pictures of the height and width that the plain file wants."""
        told = self._preprocessing
        value = self._node("Cast", [PICTURES], to=TensorProto.FLOAT)
        if told.source is not None:
            value = self._fitted(value)
        # As verification prepares pictures in numpy, so that both give the same numbers.
        mean, std = (
            np.float32(255) * np.asarray(each, np.float32) for each in (told.mean, told.std)
        )
        value = self._node("Sub", [value, self._constant("mean", mean)])
        value = self._node("Div", [value, self._constant("std", std)])
        if wanted != told.side:
            value = self._resized(value, self._constant("wanted", np.array(wanted, np.int64)))
        # Last of all: one in front of a Resize is moved behind it by onnxruntime 1.32, which then
        # takes the sizes for those of other axes.
        self._node("Transpose", [value], perm=_CHANNELS_FIRST)

    def _fitted(self, value: str) -> str:
        """Bring pictures of any size to the data's; from here on the shape is known again."""
        told = self._preprocessing
        side = self._constant("side", np.array(told.side, np.int64))
        value = self._resized(value, side, keep_aspect_ratio_policy="not_smaller")
        value = self._node("CenterCropPad", [value, side], axes=_SIDES)
        shape = np.array([-1, *told.side, told.pictures[0]], np.int64)
        return self._node("Reshape", [value, self._constant("shape", shape)])

    def _resized(self, value: str, side: str, **more: str) -> str:
        """Resize bilinearly with antialiasing, as torch does where nothing outside counts."""
        return self._node(
            "Resize",
            [value, "", "", side],
            mode="linear",
            antialias=1,
            exclude_outside=1,
            axes=_SIDES,
            coordinate_transformation_mode="half_pixel",
            **more,
        )

    def _node(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        output = f"{self._prefix}_{len(self.graph.node)}"
        self.graph.node.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def _constant(self, role: str, array: npt.NDArray[Any]) -> str:
        name = f"{self._prefix}_{role}"
        self.graph.initializer.append(numpy_helper.from_array(array, name))
        return name
