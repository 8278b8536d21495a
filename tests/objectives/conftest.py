"""Small programs whose files are written, run and measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tightfit.graph import Attribute, Graph, Node
from tightfit.program import Program

Residual = Callable[..., Program]


LARGEST_CODE = {8: 63, 4: 7, 2: 1}
"""Of weights, within 7 bits: processors without VNNI multiply no more without saturating."""


class _Sketch:
    """Collects nodes and tensors; quantizes where it is told bits."""

    def __init__(self, bits: int | None, seed: int) -> None:
        self.bits = bits
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Node] = []
        self.tensors: dict[str, npt.NDArray[Any]] = {}

    def add(self, name: str, operator: str, *inputs: str, **attributes: Attribute) -> str:
        self.nodes.append(Node(name, operator, inputs, {}, attributes))
        return name

    def grid(self, source: str, low: float, high: float) -> str:
        if self.bits is None:
            return source
        name, scale = f"{source}.grid", (high - low) / 255
        self.tensors[f"{name}.scale"] = np.array(scale, np.float32)
        self.tensors[f"{name}.zero_point"] = np.array(round(-low / scale), np.uint8)
        roles = {"scale": f"{name}.scale", "zero_point": f"{name}.zero_point"}
        self.nodes.append(Node(name, "quantize", (source,), roles, {"bits": 8}))
        return name

    def layer(
        self, name: str, operator: str, source: str, shape: tuple[int, ...], **more: Attribute
    ) -> str:
        weight = self.rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        roles = {"weight": f"{name}.weight", "bias": f"{name}.bias"}
        attributes = dict(more)
        self.tensors[roles["bias"]] = self.rng.standard_normal(shape[0]).astype(np.float32) / 10
        if self.bits is None:
            self.tensors[roles["weight"]] = weight.astype(np.float32)
        else:
            largest = LARGEST_CODE[self.bits]
            scale = np.abs(weight).reshape(shape[0], -1).max(1) / largest
            codes = np.rint(weight / scale.reshape(-1, *(1,) * (len(shape) - 1)))
            roles["weight_scale"] = f"{name}.weight_scale"
            self.tensors[roles["weight"]] = codes.astype(np.int8)
            self.tensors[roles["weight_scale"]] = scale.astype(np.float32)
            attributes["weight_bits"] = self.bits
        self.nodes.append(Node(name, operator, (source,), roles, attributes))
        return name

    def conv(self, name: str, source: str, shape: tuple[int, int, int], stride: int = 1) -> str:
        outer, inner, kernel = shape
        return self.layer(
            name,
            "conv",
            source,
            (outer, inner, kernel, kernel),
            stride=(stride, stride),
            padding=(kernel // 2, kernel // 2),
            dilation=(1, 1),
            groups=1,
        )


def _residual(bits: int | None = None, *, width: int = 32, seed: int = 0) -> Program:
    """Return a stem, a residual block, a max-pool, a convolution and a classifier of ten."""
    sketch = _Sketch(bits, seed)
    x = sketch.grid("input", -4, 4)
    x = sketch.add("stem.relu", "relu", sketch.conv("stem", x, (width, 1, 3), stride=2))
    x = sketch.grid(x, 0, 5)
    y = sketch.add("block.relu", "relu", sketch.conv("block.conv1", x, (width, width, 3)))
    y = sketch.grid(sketch.conv("block.conv2", sketch.grid(y, 0, 4), (width, width, 3)), -4, 4)
    x = sketch.grid(sketch.add("block.out", "relu", sketch.add("block.sum", "add", x, y)), 0, 7)
    x = sketch.add("pool", "max_pool", x, kernel=(2, 2), stride=(2, 2), padding=(0, 0))
    x = sketch.add("head.relu", "relu", sketch.conv("head", x, (2 * width, width, 3)))
    x = sketch.grid(x, 0, 5)
    x = sketch.grid(sketch.add("mean", "adaptive_avg_pool", x, output_size=(1, 1)), 0, 2)
    x = sketch.add("flat", "flatten", x, start=1)
    sketch.layer("fc", "linear", x, (10, 2 * width))
    return Program(Graph(("input",), tuple(sketch.nodes), ("fc",)), sketch.tensors, ((1, 28, 28),))


@pytest.fixture
def residual_program() -> Residual:
    """A factory: ``residual_program(bits, width=32, seed=0)``, input ``[N, 1, 28, 28]``."""
    return _residual
