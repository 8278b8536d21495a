"""What is switched on, and with which choices. A technique that is ``None`` is off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Grouping: TypeAlias = Literal["layer", "stage", "network"]
"""What shares one hparam: a layer (or group of tied channels), a stage, or everything."""


@dataclass(frozen=True, slots=True)
class PruningSettings:
    """Ratios of removed channels; widths are multiples of ``align`` (4 up to 32 channels)."""

    per: Grouping = "layer"
    ratios: tuple[float, ...] = (0.0, 0.25, 0.5, 0.625, 0.75, 0.875)
    align: int = 8


@dataclass(frozen=True, slots=True)
class QuantizationSettings:
    """Bit-widths of weights; ``None`` leaves a layer in float32."""

    per: Grouping = "layer"
    bits: tuple[int | None, ...] = (None, 8, 4)


@dataclass(frozen=True, slots=True)
class DecompositionSettings:
    """Ranks as shares of what the pruned layer allows; ``None`` leaves a layer whole."""

    per: Grouping = "layer"
    ranks: tuple[float | None, ...] = (None, 0.75, 0.5, 0.25)


@dataclass(frozen=True, slots=True)
class DistillationSettings:
    """Weights of the teacher's loss, ``None`` for off, and temperatures."""

    weights: tuple[float | None, ...] = (None, 0.5, 0.9)
    temperatures: tuple[float, ...] = (2.0, 4.0)


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """Epochs and learning rates of the fine-tuning."""

    epochs: tuple[int, ...] = (4,)
    learning_rates: tuple[float, ...] = (0.05,)


@dataclass(frozen=True, slots=True)
class InputSizeSettings:
    """Sides of the input as shares of the baseline's."""

    shares: tuple[float, ...] = (1.0, 0.75, 0.5)


@dataclass(frozen=True, slots=True)
class SpaceSettings:
    """Everything that may be searched."""

    pruning: PruningSettings | None = None
    quantization: QuantizationSettings | None = None
    decomposition: DecompositionSettings | None = None
    distillation: DistillationSettings | None = None
    schedule: ScheduleSettings = ScheduleSettings()
    input_size: InputSizeSettings | None = None
