"""A network as its runtime computes it: the instructions that are left when it is optimized."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import StrEnum

_BITS = {"bool": 8, "float": 32, "double": 64}
_BEFORE_THE_NAME = re.compile(r"^(QLinear|Fused|NhwcFused|Nhwc|Dynamic|Q(?=Gemm))")
_MATRIX_PRODUCTS = ("Gemm", "MatMul", "QuantizeMatMul", "MatMulInteger", "MatMulNBits")


def family(kernel: str) -> str:
    """Return what a kernel computes: ``Conv`` for ``QLinearConv``, ``MatMul`` for ``QGemm``."""
    plain = _BEFORE_THE_NAME.sub("", kernel)
    return "MatMul" if plain.startswith(_MATRIX_PRODUCTS) else plain


class Part(StrEnum):
    """What an instruction has to do with the layer whose name it bears.

    LAYER: the layer itself. WEIGHTS: makes the layer's weights. BEHIND: it has no name of its own,
    and this layer is the nearest one before it.
    """

    LAYER = "layer"
    WEIGHTS = "weights"
    BEHIND = "behind"


@dataclass(frozen=True, slots=True)
class Tensor:
    """What lies in memory: a type as numpy calls it, and a shape, batch axis first."""

    dtype: str
    shape: tuple[int, ...]

    @property
    def bits(self) -> int:
        """Of one number."""
        digits = re.search(r"\d+", self.dtype)
        return int(digits[0]) if digits else _BITS.get(self.dtype, 0)

    @property
    def is_float(self) -> bool:
        """Whether its numbers are floats of any width."""
        return "float" in self.dtype or self.dtype == "double"

    @property
    def bytes(self) -> int:
        """Of all its numbers, packed."""
        return math.ceil(math.prod(self.shape) * self.bits / 8)


@dataclass(frozen=True, slots=True)
class Instruction:
    """One kernel that a runtime calls in every run.

    Attributes:
        kernel: As the runtime calls it: ``QLinearConv``.
        domain: Whose kernel it is; empty for ONNX's own.
        fused: Operators of the file that it does as well: ``("Add", "Relu")``.
        layer: Of the file; empty where no layer stands before it.
        part: What it has to do with that layer.
        inserted: Whether the runtime added it, and no operator of the file asks for it.
        inputs: What it reads that changes from run to run.
        constants: What it reads that does not: weights, scales.
        outputs: What it writes.
        stored_bits: Bits that one of its weights takes in the file; ``None`` without weights.
        microseconds: Median over the runs, with what the profiler costs.
    """

    kernel: str
    domain: str
    fused: tuple[str, ...]
    layer: str
    part: Part
    inserted: bool
    inputs: tuple[Tensor, ...]
    constants: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    stored_bits: int | None
    microseconds: float

    @property
    def family(self) -> str:
        """What it computes, whichever kernel does it: ``Conv`` also of ``QLinearConv``."""
        return family(self.kernel)

    @property
    def weights(self) -> Tensor | None:
        """The largest of its constants, where that has two axes or more."""
        matrices = [each for each in self.constants if len(each.shape) > 1]
        return max(matrices, key=lambda each: math.prod(each.shape), default=None)

    @property
    def activation_bits(self) -> int:
        """Bits of a number that it reads; of one that it makes, where it reads nothing."""
        return next((each.bits for each in (*self.inputs, *self.outputs)), 0)

    @property
    def weight_bits(self) -> int | None:
        """Bits of a weight as the kernel reads it, which may be more than the file stores."""
        return None if self.weights is None else self.weights.bits

    @property
    def in_float(self) -> bool:
        """Whether it computes with floats; to make codes of floats, or floats of codes, is not."""
        if self.kernel in ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"):
            return False
        return any(each.is_float for each in self.inputs)

    @property
    def bytes(self) -> int:
        """Read and written in one run."""
        return sum(each.bytes for each in (*self.inputs, *self.constants, *self.outputs))


@dataclass(frozen=True, slots=True)
class Instructions:
    """A whole network as its runtime computes it.

    Attributes:
        runtime: With its version and threads.
        runs: How many were timed.
        inputs: What one run reads.
        listing: In the order in which they are called.
    """

    runtime: str
    runs: int
    inputs: tuple[Tensor, ...]
    listing: tuple[Instruction, ...]

    @property
    def microseconds(self) -> float:
        """Of all instructions together."""
        return sum(each.microseconds for each in self.listing)

    def share(self, *some: Instruction) -> float:
        """Return how much of the time goes into some of the instructions, in 0..1."""
        total = self.microseconds
        return sum(each.microseconds for each in some) / total if total else 0.0
