"""What is switched on, and with which choices. A technique that is ``None`` is off.

Each raises :class:`tightfit.SpecError` for choices that mean nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from tightfit import SpecError

Grouping: TypeAlias = Literal["layer", "stage", "network"]
"""What shares one hparam: a layer (or group of tied channels), a stage, or everything."""

Criterion: TypeAlias = Literal[
    "l2", "l1", "norm_scale", "taylor", "geometric_median", "cosine", "hamming"
]
"""Which channels matter least; :mod:`tightfit.spaces.importance` has one function for each."""

BlockGrouping: TypeAlias = Literal["block", "stage"]
"""What shares one depth: a residual block, or the blocks of a stage."""


TargetCpu: TypeAlias = Literal["portable", "vnni", "arm"]
"""Where integer products are taken: on any processor; on x86 with VNNI; on ARM. The latter two add
products in 32 bits and take weights of the whole 8 bits; x86 without VNNI adds them in 16."""


def _share(value: float) -> bool:
    return 0 < value <= 1


def _positive(value: float) -> bool:
    return value > 0


def _check(
    name: str, choices: Sequence[float | None], allowed: Callable[[float], bool], law: str
) -> None:
    """Refuse a list of choices that is empty, or has one that breaks a law."""
    if not choices:
        raise SpecError(f"{name!r} needs at least one choice, got none")
    for choice in choices:
        if choice is not None and not (math.isfinite(choice) and allowed(choice)):
            raise SpecError(f"each of {name!r} must {law}, got {choice!r}")


def _check_grouping(
    name: str, grouping: str, *, known: tuple[str, ...] = get_args(Grouping)
) -> None:
    if grouping not in known:
        raise SpecError(f"{name!r} must be one of {list(known)}, got {grouping!r}")


@dataclass(frozen=True, slots=True)
class PruningSettings:
    """Ratios of removed channels.

    What is pruned of a layer's inputs and outputs is a multiple of ``align`` channels, whatever is
    chosen beside. Without it, it is a multiple of 8, or of 4 up to 32 channels; heads and their
    widths, or groups and theirs, are counted so one by one, as if the others kept their size.

    Which channels go is said by one of the ``criteria``
    (:data:`tightfit.spaces.importance.CRITERIA`); ``correct`` makes up for them in the weights of
    the layers that read them.
    """

    per: Grouping = "layer"
    ratios: tuple[float, ...] = (0.0, 0.25, 0.5, 0.625, 0.75, 0.875)
    align: int | None = None
    criteria: tuple[Criterion, ...] = ("l2",)
    correct: bool = False

    def __post_init__(self) -> None:
        known = get_args(Criterion)
        if not self.criteria or len(set(self.criteria)) < len(self.criteria):
            raise SpecError(
                f"'pruning.criteria' must be one or more different criteria, got {self.criteria}"
            )
        for criterion in self.criteria:
            if criterion not in known:
                raise SpecError(f"'pruning.criteria' must be of {list(known)}, got {criterion!r}")
        _check_grouping("pruning.per", self.per)
        _check("pruning.ratios", self.ratios, lambda ratio: 0 <= ratio < 1, "lie in 0 <= r < 1")
        _check("pruning.align", (self.align,), lambda align: align >= 1, "be at least 1")


@dataclass(frozen=True, slots=True)
class RoundingSettings:
    """How rounding is prepared and learned; what a benchmark can switch off one by one.

    Attributes:
        least_error_ranges: Ranges that leave the least squared error, of activations and of weights
            of few bits; else they hold the largest value.
        learned_steps: The steps of weights of few bits are trained with the weights.
        equalized: Channels between two layers are brought to like ranges, which changes nothing
            before rounding.
        corrected_biases: The mean error of rounded weights is taken out of each channel.
    """

    least_error_ranges: bool = True
    learned_steps: bool = True
    equalized: bool = False
    corrected_biases: bool = True


USUAL_ROUNDING = RoundingSettings()


@dataclass(frozen=True, slots=True)
class QuantizationSettings:
    """Bit-widths of weights; ``None`` leaves a layer in float32.

    ``activations`` says whether a layer with weights of few bits rounds what it reads and gives to
    8 bits, for integer kernels, or leaves them floats (``None``), where the file alone becomes
    smaller. Where both are given, each layer has the choice.

    ``target_cpu`` bounds the codes of 8 bits to what the processors add up without an error.
    With ``integer_only`` no choice leaves a layer in float32, and every activation is rounded, the
    network's output among them: what processors without floats need.
    """

    per: Grouping = "layer"
    bits: tuple[int | None, ...] = (None, 8, 4)
    target_cpu: TargetCpu = "portable"
    rounding: RoundingSettings = USUAL_ROUNDING
    integer_only: bool = False
    activations: tuple[int | None, ...] = (8,)

    def __post_init__(self) -> None:
        _check_grouping("quantization.per", self.per)
        _check_grouping("quantization.target_cpu", self.target_cpu, known=get_args(TargetCpu))
        _check("quantization.bits", self.bits, lambda bits: bits in (8, 4, 2), "be None, 8, 4 or 2")
        _check("quantization.activations", self.activations, lambda bits: bits == 8, "be None or 8")
        if self.integer_only and None in self.activations:
            raise SpecError(
                "'quantization.integer_only' leaves no floats, and 'quantization.activations' has "
                "them; write 8 alone"
            )
        if not self.choices:
            raise SpecError(
                "'quantization.integer_only' takes float weights out of 'quantization.bits', and "
                f"{list(self.bits)} leaves nothing; give 8, 4 or 2"
            )

    @property
    def choices(self) -> tuple[int | None, ...]:
        """The bit-widths that may be chosen."""
        return tuple(bits for bits in self.bits if bits is not None or not self.integer_only)


@dataclass(frozen=True, slots=True)
class DecompositionSettings:
    """Ranks as shares of what the pruned layer allows; ``None`` leaves a layer whole."""

    per: Grouping = "layer"
    ranks: tuple[float | None, ...] = (None, 0.75, 0.5, 0.25)

    def __post_init__(self) -> None:
        _check_grouping("decomposition.per", self.per)
        _check("decomposition.ranks", self.ranks, _share, "be None or lie in 0 < r <= 1")


@dataclass(frozen=True, slots=True)
class DistillationSettings:
    """Weights of the teacher's loss, ``None`` for off, and temperatures."""

    weights: tuple[float | None, ...] = (None, 0.5, 0.9)
    temperatures: tuple[float, ...] = (2.0, 4.0)

    def __post_init__(self) -> None:
        _check("distillation.weights", self.weights, _share, "be None or lie in 0 < w <= 1")
        _check("distillation.temperatures", self.temperatures, _positive, "be above 0")


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """Epochs and learning rates of the fine-tuning."""

    epochs: tuple[int, ...] = (4,)
    learning_rates: tuple[float, ...] = (0.05,)

    def __post_init__(self) -> None:
        _check("schedule.epochs", self.epochs, lambda epochs: epochs >= 1, "be at least 1")
        _check("schedule.learning_rates", self.learning_rates, _positive, "be above 0")


@dataclass(frozen=True, slots=True)
class InputSizeSettings:
    """Sides of the input as shares of the baseline's."""

    shares: tuple[float, ...] = (1.0, 0.75, 0.5)

    def __post_init__(self) -> None:
        _check("input_size.shares", self.shares, _share, "lie in 0 < s <= 1")


@dataclass(frozen=True, slots=True)
class DepthSettings:
    """What shares one count of the residual blocks that stay: nothing, or the blocks of a stage."""

    per: BlockGrouping = "block"

    def __post_init__(self) -> None:
        _check_grouping("depth.per", self.per, known=get_args(BlockGrouping))


@dataclass(frozen=True, slots=True)
class SpaceSettings:
    """Everything that may be searched."""

    pruning: PruningSettings | None = None
    quantization: QuantizationSettings | None = None
    decomposition: DecompositionSettings | None = None
    depth: DepthSettings | None = None
    distillation: DistillationSettings | None = None
    schedule: ScheduleSettings = ScheduleSettings()
    input_size: InputSizeSettings | None = None


EVERYTHING = SpaceSettings(
    pruning=PruningSettings(),
    quantization=QuantizationSettings(),
    decomposition=DecompositionSettings(),
    depth=DepthSettings(),
)
"""Every technique that any network can be asked for, with its usual choices."""
