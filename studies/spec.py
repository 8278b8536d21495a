"""What a person writes: the study file's tables as typed models.

This is the one door for what is written; behind it nothing is checked a second time.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from tightfit.objectives.optimization import OptimizerName
from tightfit.objectives.quality_metrics import QualitySettings
from tightfit.studies.duration import seconds_of
from tightfit.studies.spec_device import DeviceTable
from tightfit.studies.spec_space import SpaceTable
from tightfit.studies.spec_table import Positive, PositiveInt, Share, Table
from tightfit.studies.usual_choices import with_usual_choices

_QUALITY = QualitySettings()
_SHIFTS, _ATTACK = _QUALITY.shifts, _QUALITY.attack


def _duration(text: str) -> str:
    seconds_of(text, "'within'")
    return text


Duration = Annotated[str, AfterValidator(_duration)]


class ModelTable(Table):
    """The trained network."""

    name: str = Field(description="torchvision:NAME, timm:NAME or module:function.")
    weights: str | None = Field(
        None, description="A path beside the study file, 'DEFAULT' for published ones, or nothing."
    )
    stem: Literal["auto", "imagenet", "small"] = Field(
        "auto",
        description="First layers of torchvision's and timm's networks: as published, a 3x3 "
        "convolution without max-pool, or that where the picture is too small for the published.",
    )
    stem_stride: Literal[1, 2] = Field(2, description="Stride of the small stem's convolution.")


class DataTable(Table):
    """Pictures and their targets."""

    name: str = Field(
        "fashion_mnist_10k",
        description="fashion_mnist_10k, fashion_mnist, cifar10, cifar100, imagefolder:PATH "
        "or module:function.",
    )
    root: str | None = Field(None, description="Folder of the data set's files.")
    download: bool = Field(
        False, description="Whether files of Fashion-MNIST or CIFAR may be fetched."
    )
    image_size: PositiveInt = Field(
        224, description="Side in pixels to which an image folder's pictures are brought."
    )


class TrainingTable(Table):
    """How candidates are trained."""

    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where torch trains; 'auto' takes cuda, then mps, then cpu."
    )
    threads: int | None = Field(
        None, ge=1, description="Threads of torch on the CPU; all cores when not given."
    )
    batch_size: PositiveInt = Field(128, description="Inputs of one step.")
    optimizer: OptimizerName = Field(
        "sgd", description="'sgd' is SGD with Nesterov's momentum, 'adamw' what transformers need."
    )
    weight_decay: float | None = Field(
        None,
        ge=0,
        description="Weight decay; 0.0005 with 'sgd' and 0.05 with 'adamw' when not given.",
    )
    teacher_views: int = Field(
        4,
        ge=4,
        le=64,
        description="Augmented views of each training input of which the baseline's outputs are "
        "kept for distillation.",
    )
    baseline_epochs: PositiveInt = Field(
        10, description="Epochs of a baseline without weights, which is trained first."
    )
    baseline_learning_rate: Positive | None = Field(
        None,
        description="Learning rate of that training; 0.1 with 'sgd' and 0.002 with 'adamw' when "
        "not given.",
    )
    inherit: bool = Field(
        False,
        description="Begin with the weights of the nearest evaluated candidate where these have "
        "the lower loss; readings then depend on what was trained before.",
        exclude_if=lambda inherit: not inherit,
    )
    fit: str | None = Field(
        None,
        description="module:function (model, data, epochs, teacher, seed, progress) -> model that "
        "replaces the training loop.",
    )
    loss: str | None = Field(
        None, description="module:function (outputs, targets) -> loss, in place of cross-entropy."
    )
    augment: str | None = Field(
        None, description="module:function (inputs, generator) -> inputs that augments pictures."
    )


class ShiftsTable(Table):
    """How strongly accuracy_shifted changes pictures; pixels lie in 0..1."""

    noise: Positive = Field(_SHIFTS.noise, description="Standard deviation of Gaussian noise.")
    blur: Positive = Field(_SHIFTS.blur, description="Standard deviation of a blur, in pixels.")
    brightness: Positive = Field(
        _SHIFTS.brightness, description="Brightness that is added to each value."
    )
    contrast: Positive = Field(
        _SHIFTS.contrast, description="Contrast: factor on the distance to the mean."
    )
    jpeg: int = Field(_SHIFTS.jpeg, ge=1, le=100, description="Quality of a JPEG file.")


class AttackTable(Table):
    """How accuracy_adversarial attacks pictures."""

    strength: Positive = Field(
        _ATTACK.strength, le=1, description="Largest change of a value, pixels in 0..1."
    )
    steps: PositiveInt = Field(_ATTACK.steps, description="Steps of projected gradient ascent.")
    pictures: PositiveInt = Field(
        _ATTACK.pictures, description="How many pictures of the validation split are attacked."
    )


class QualityTable(Table):
    """What is maximized or held: accuracy, or the user's own score."""

    metrics: tuple[str, ...] = Field(
        (), description="Quality metrics that are taken although no limit or objective names them."
    )
    repeats: int = Field(
        _QUALITY.repeats, ge=2, le=20, description="Fine-tunings of a candidate for accuracy_std."
    )
    shifts: ShiftsTable = ShiftsTable()
    attack: AttackTable = AttackTable()

    score: str | None = Field(
        None,
        description="module:function (outputs, targets) -> (value, standard error), in place of "
        "accuracy.",
    )
    name: str = Field("accuracy", description="What that score is called.")
    direction: Literal["maximize", "minimize"] = Field(
        "maximize", description="Which way that score is better."
    )


class ReferencesTable(Table):
    """What plain ways reach, evaluated beside the search."""

    uniform: Annotated[int, Field(ge=0, le=10)] = Field(
        2, description="How many strengths of uniform compression are evaluated."
    )
    single_techniques: bool = Field(True, description="Whether each technique is evaluated alone.")
    allocated: Annotated[int, Field(ge=0, le=10)] = Field(
        2,
        description="How many least damaging candidates are evaluated, where 'tightfit "
        "sensitivity' was run.",
    )
    small_nets: tuple[str, ...] = Field(
        (), description="Networks that are trained instead of compressing, with 8 bits."
    )
    small_net_epochs: PositiveInt = Field(8, description="Epochs of a small net's training.")
    from_scratch: bool = Field(
        True,
        description="Whether the best member's shape is trained with new weights, for twice its "
        "epochs.",
    )
    longer_epochs: PositiveInt | None = Field(
        None,
        description="Train each small net, and the best shape from scratch, for so long as well.",
    )


class TrialTable(Table):
    """What one trial may take; one that takes more is ended and recorded as failed."""

    minutes: Positive | None = Field(
        None, description="Wall time of one candidate; no limit when not given."
    )
    memory_mb: PositiveInt | None = Field(
        None,
        description="Resident memory of the process that trains it, 1 MB = 1,000,000 bytes; "
        "no limit when not given.",
    )


class FidelityTable(Table):
    """Trainings that end early. On when this table stands in a study."""

    rungs: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.25,),
        min_length=1,
        description="Shares of a candidate's training after which it is scored and may end.",
    )
    keep: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="Share of the candidates at a rung that go on."
    )
    data: tuple[Share, ...] = Field(
        (),
        description="Share of the training inputs that is learned from before each rung, of every "
        "class alike; all of them after the last rung. All of them from the start when not given.",
        exclude_if=lambda data: not data,
    )

    @model_validator(mode="after")
    def _growing(self) -> FidelityTable:
        if list(self.rungs) != sorted(set(self.rungs)):
            raise ValueError(f"'rungs' must grow from one to the next, got {list(self.rungs)}")
        if self.data and len(self.data) != len(self.rungs):
            raise ValueError(
                f"'data' needs one share for each of the {len(self.rungs)} rungs, "
                f"got {list(self.data)}"
            )
        if list(self.data) != sorted(self.data):
            raise ValueError(f"'data' must not shrink from one to the next, got {list(self.data)}")
        return self


SamplerName = Literal["auto", "greybox", "tpe", "gp", "nsga2", "nsga3", "qmc", "random"]


class StudySpec(Table):
    """A whole study."""

    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][\w.-]*$",
        description="Name of the run, whose folder is runs/NAME; the file's name when not given.",
    )
    constraints: tuple[str, ...] = Field(
        (),
        description="Hard limits: METRIC <= BOUND or METRIC >= BOUND, where a bound is a number or "
        "arithmetic in 'baseline', the uncompressed network's own value.",
    )
    confident: bool = Field(
        False,
        description="Limits on what is measured must be kept by the whole 95 % interval, "
        "not by the value alone.",
    )
    objectives: tuple[str, ...] = Field(
        ("accuracy", "size_kb"),
        min_length=1,
        max_length=3,
        description="What the front trades off: one to three metrics.",
    )
    trials: PositiveInt = Field(20, description="How many candidates may be trained.")
    within: Duration | None = Field(
        None,
        description="Wall time of the search, e.g. '90s', '30m' or '2h'; what was begun is "
        "finished, and the baseline's preparation is not counted.",
    )
    patience: PositiveInt | None = Field(
        None,
        description="The search ends when so many times in a row no candidate is expected to add "
        "0.1 % to the front's hypervolume.",
    )
    sampler: SamplerName = Field(
        "auto", description="Proposes candidates; 'auto' and 'greybox' are the grey box."
    )
    seed: Annotated[int, Field(ge=0, lt=2**31)] = Field(0, description="Seed of everything random.")
    model: ModelTable
    data: DataTable = DataTable()
    training: TrainingTable = TrainingTable()
    quality: QualityTable = QualityTable()
    space: SpaceTable
    device: DeviceTable = DeviceTable()
    references: ReferencesTable = ReferencesTable()
    trial: TrialTable = TrialTable()
    fidelity: FidelityTable | None = None

    @model_validator(mode="before")
    @classmethod
    def _with_usual_choices(cls, values: Any) -> Any:
        """Fill in what nobody named and follows from how the study trains."""
        return with_usual_choices(values)
