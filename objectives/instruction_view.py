"""Two programs side by side, and what keeps one of them from being faster.

Whatever optimized the files decides which kernels run; what was meant to be one integer kernel may
be five. The view pairs what two programs do for the same layer, and names what costs time in one of
them without being what its layers are for.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

from tightfit.errors import SpecError
from tightfit.objectives.runtimes.instructions import Instruction, Instructions, Part, Tensor

ACTIVATIONS = frozenset(
    {"Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "Clip", "Sigmoid"}
    | {"HardSigmoid", "HardSwish", "Swish", "Tanh", "Gelu", "QuickGelu", "Mish", "Softplus"}
)
CONVERSIONS = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast"})
ORDERS = frozenset({"Transpose", "ReorderInput", "ReorderOutput"})
_SHORT = 16
"""Bits below which weights are stored as codes and not as floats."""


class Finding(StrEnum):
    """What costs time beside a layer's own arithmetic."""

    DEQUANTIZED = "computed from constants in every run"
    FLOAT = "in float"
    UNPACKED = "in float with weights stored as codes"
    UNFUSED = "not fused"
    CONVERTED = "converting between floats and codes"
    REORDERED = "changing the order of axes"


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in one program.

    Attributes:
        finding: What it is.
        instructions: That it is true of, slowest first.
        share: Of the program's time that goes into them, in 0..1.
    """

    finding: Finding
    instructions: tuple[Instruction, ...]
    share: float

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that they belong to, the most time first."""
        return tuple(dict.fromkeys(each.layer for each in self.instructions if each.layer))


@dataclass(frozen=True, slots=True)
class Row:
    """What two programs do for the same thing; one side is empty where only the other does it."""

    a: Instruction | None
    b: Instruction | None


@dataclass(frozen=True, slots=True)
class InstructionView:
    """Two programs side by side.

    Attributes:
        a, b: The programs.
        rows: In the order in which both run.
        found_in_a, found_in_b: What costs time, the most first.
    """

    a: Instructions
    b: Instructions
    rows: tuple[Row, ...]
    found_in_a: tuple[Found, ...]
    found_in_b: tuple[Found, ...]


def side_by_side(a: Instructions, b: Instructions) -> InstructionView:
    """Return two programs side by side.

    Raises:
        SpecError: They read different things: another number of inputs, other types, another number
            of axes or channels. The sides of pictures may differ, as a smaller input is a choice.
    """
    _require_same_inputs(a.inputs, b.inputs)
    return InstructionView(a, b, _paired(a.listing, b.listing), findings(a), findings(b))


def findings(program: Instructions) -> tuple[Found, ...]:
    """Return what costs time in a program, the most first."""
    found = []
    for finding, applies in _RULES.items():
        some = [each for each in program.listing if applies(each)]
        if some:
            some.sort(key=lambda each: -each.microseconds)
            found.append(Found(finding, tuple(some), program.share(*some)))
    return tuple(sorted(found, key=lambda each: -each.share))


def _is_made_of_constants(each: Instruction) -> bool:
    return each.part is Part.WEIGHTS or (not each.inputs and bool(each.constants))


def _unpacks(each: Instruction) -> bool:
    short = each.stored_bits is not None and each.stored_bits < _SHORT
    return short and each.in_float


_RULES: dict[Finding, Callable[[Instruction], bool]] = {
    Finding.DEQUANTIZED: _is_made_of_constants,
    Finding.FLOAT: lambda each: each.in_float and not _is_made_of_constants(each),
    Finding.UNPACKED: _unpacks,
    Finding.UNFUSED: lambda each: each.family in ACTIVATIONS or each.kernel == "BatchNormalization",
    Finding.CONVERTED: lambda each: (
        each.kernel in CONVERSIONS and bool(each.layer) and not _is_made_of_constants(each)
    ),
    Finding.REORDERED: lambda each: each.kernel in ORDERS,
}
"""An instruction may be found several times: a Relu of its own that runs in float."""


def _paired(a: Sequence[Instruction], b: Sequence[Instruction]) -> tuple[Row, ...]:
    """Pair what has the same layer and computes the same; without common layers, what computes."""
    common = {each.layer for each in a} & {each.layer for each in b} - {""}

    def key(each: Instruction) -> Hashable:
        return (each.layer if common else "", each.part, each.family)

    matcher = SequenceMatcher(None, [key(x) for x in a], [key(y) for y in b], autojunk=False)
    rows: list[Row] = []
    for kind, a0, a1, b0, b1 in matcher.get_opcodes():
        if kind == "equal":
            rows += [Row(x, y) for x, y in zip(a[a0:a1], b[b0:b1], strict=True)]
        else:
            rows += [Row(x, None) for x in a[a0:a1]] + [Row(None, y) for y in b[b0:b1]]
    return tuple(rows)


def _require_same_inputs(a: Sequence[Tensor], b: Sequence[Tensor]) -> None:
    def kept(tensors: Sequence[Tensor]) -> list[tuple[str, int, tuple[int, ...]]]:
        pictures = [len(each.shape) == 4 for each in tensors]
        return [
            (each.dtype, len(each.shape), each.shape[:2] if picture else each.shape)
            for each, picture in zip(tensors, pictures, strict=True)
        ]

    if kept(a) != kept(b):
        raise SpecError(
            f"the first file reads {_words(a)}, the second one {_words(b)}; only files that read "
            "the same inputs can stand side by side (pictures may have other sides)"
        )


def _words(tensors: Sequence[Tensor]) -> str:
    return " and ".join(f"{each.dtype} {list(each.shape)}" for each in tensors) or "nothing"
