"""What may be chosen: the table ``[space]`` of a study file, with a table for each technique."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tightfit.objectives.optimization import USUAL
from tightfit.spaces.settings import Criterion, Grouping
from tightfit.studies.spec_table import Positive, PositiveInt, Share, Table

Per = Annotated[
    Grouping,
    Field(
        description="What shares a choice: each layer (or group of tied channels), each stage "
        "(layers of one resolution), or the whole network."
    ),
]


class PruningTable(Table):
    """Structured pruning of channel groups."""

    per: Per = "layer"
    ratios: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = Field(
        (0.0, 0.25, 0.5, 0.625, 0.75, 0.875), description="Shares of channels that are removed."
    )
    align: PositiveInt | None = Field(
        None,
        description="What is pruned of a layer's channels is a multiple of so many. Left out: of "
        "8, or of 4 up to 32 channels, where of heads and their widths, or groups and theirs, only "
        "one is pruned.",
    )
    criteria: tuple[Criterion, ...] = Field(
        ("l2",), min_length=1, description="Which channels go first; several are searched."
    )
    correct: bool = Field(
        True,
        description="Make up for removed channels in the layers that read them, where these are "
        "not in groups, share no weights, and read at most 4,096 channels.",
    )


class QuantizationTable(Table):
    """Bit-widths of weights, and whether activations of quantized layers have 8 bits."""

    per: Per = "layer"
    bits: tuple[Literal[8, 4, 2, "none"], ...] = Field(
        ("none", 8, 4), description="Bits of weights; 'none' is float."
    )
    activations: tuple[Literal[8, "none"], ...] = Field(
        (8,),
        description="Activations of layers whose weights have few bits: 8 bits for integer "
        "kernels, or 'none' for floats, where the file alone becomes smaller; both make it a "
        "choice of each layer.",
        exclude_if=lambda activations: activations == (8,),
    )
    integer_only: bool = Field(
        False,
        description="No floats anywhere: 'none' is taken out of bits, and every activation has 8 "
        "bits. What LiteRT and TensorFlow Lite Micro need.",
    )
    equalize: bool = Field(
        False,
        description="Bring the channels between two layers to like ranges before rounding: it can "
        "help 2 bits that are hardly fine-tuned, and showed no gain after two epochs.",
        exclude_if=lambda equalize: not equalize,
    )


class DecompositionTable(Table):
    """Low-rank factors: SVD of linear layers and 1x1 convolutions, Tucker-2 of others."""

    per: Per = "layer"
    ranks: tuple[Share | Literal["none"], ...] = Field(
        ("none", 0.75, 0.5, 0.25),
        description="Shares of the rank that the pruned layer allows; 'none' leaves it whole.",
    )


class DepthTable(Table):
    """Residual blocks that are dropped."""

    per: Literal["block", "stage"] = Field(
        "block",
        description="Each block by itself, or how many blocks of a stage stay: the first ones.",
    )


class DistillationTable(Table):
    """Knowledge distillation from the baseline."""

    weights: tuple[Share | Literal["none"], ...] = Field(
        ("none", 0.5, 0.9),
        description="Weights of the baseline's outputs in the loss; the targets have the rest.",
    )
    temperatures: tuple[Positive, ...] = Field(
        (2.0, 4.0), description="Temperatures that divide both networks' outputs."
    )


class InputSizeTable(Table):
    """The side of the pictures as shares of the baseline's."""

    shares: tuple[Share, ...] = Field(
        (1.0, 0.75, 0.5), description="Sides of the pictures as shares of the baseline's."
    )


class ScheduleTable(Table):
    """Training hparams: of every candidate, chosen by the search."""

    epochs: tuple[PositiveInt, ...] = Field(
        (4,), description="Epochs of every candidate's fine-tuning."
    )
    learning_rates: tuple[Positive, ...] = Field(
        USUAL["sgd"].fine_tuning,
        description="Learning rates of every candidate's fine-tuning; 0.0005 and 0.002 when not "
        "given and training.optimizer is 'adamw'.",
    )


class SpaceTable(Table):
    """What may be chosen. A technique is on when its table stands here."""

    pruning: PruningTable | None = None
    quantization: QuantizationTable | None = None
    decomposition: DecompositionTable | None = None
    depth: DepthTable | None = None
    distillation: DistillationTable | None = None
    input_size: InputSizeTable | None = None
    schedule: ScheduleTable = ScheduleTable()

    @model_validator(mode="after")
    def _something_to_search(self) -> SpaceTable:
        techniques = ("pruning", "quantization", "decomposition", "depth", "input_size")
        if all(getattr(self, name) is None for name in techniques):
            tables = ", ".join(f"[space.{name}]" for name in techniques)
            raise ValueError(
                f"no compression technique is on; write at least one of the tables {tables}"
            )
        return self
