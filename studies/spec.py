"""What a person writes: the study file's tables as typed models.

This is the one door for what is written; behind it nothing is checked a second time.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tightfit.objectives.meter.connection import agent_command
from tightfit.objectives.optimization import USUAL, OptimizerName
from tightfit.objectives.quality_metrics import QualitySettings
from tightfit.spaces.settings import Criterion, Grouping, TargetCpu
from tightfit.studies.duration import seconds_of

_QUALITY = QualitySettings()
_SHIFTS, _ATTACK = _QUALITY.shifts, _QUALITY.attack

Share = Annotated[float, Field(gt=0, le=1)]
PositiveInt = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


def _duration(text: str) -> str:
    seconds_of(text, "'within'")
    return text


Duration = Annotated[str, AfterValidator(_duration)]


class Table(BaseModel):
    """A table of the study file: closed, and never changed after it was read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ModelTable(Table):
    """The trained network."""

    name: str = Field(description="torchvision:NAME, timm:NAME or module:function.")
    weights: str | None = Field(
        None, description="A path beside the study file, 'DEFAULT' for published ones, or nothing."
    )
    stem: Literal["auto", "imagenet", "small"] = "auto"
    stem_stride: Literal[1, 2] = 2


class DataTable(Table):
    """Pictures and their targets."""

    name: str = Field(
        "fashion_mnist_10k",
        description="fashion_mnist_10k, fashion_mnist, cifar10, cifar100, imagefolder:PATH "
        "or module:function.",
    )
    root: str | None = Field(None, description="Folder of the data set's files.")
    download: bool = False
    image_size: PositiveInt = Field(
        224, description="Side in pixels to which an image folder's pictures are brought."
    )


class TrainingTable(Table):
    """How candidates are trained."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    threads: int | None = Field(None, ge=1, description="All cores when not given.")
    batch_size: PositiveInt = 128
    optimizer: OptimizerName = Field(
        "sgd", description="SGD with Nesterov's momentum, or AdamW, which transformers need."
    )
    weight_decay: float | None = Field(
        None, ge=0, description="0.0005 with 'sgd' and 0.05 with 'adamw' when not given."
    )
    teacher_views: int = Field(4, ge=4, le=64)
    baseline_epochs: PositiveInt = Field(
        10, description="For a baseline without weights, which is trained first."
    )
    baseline_learning_rate: Positive | None = Field(
        None, description="0.1 with 'sgd' and 0.002 with 'adamw' when not given."
    )
    fit: str | None = Field(None, description="module:function that replaces the training loop.")
    loss: str | None = Field(None, description="module:function (outputs, targets) -> loss.")
    augment: str | None = Field(None, description="module:function (inputs, generator) -> inputs.")


class ShiftsTable(Table):
    """How strongly accuracy_shifted changes pictures; pixels lie in 0..1."""

    noise: Positive = Field(_SHIFTS.noise, description="Standard deviation of Gaussian noise.")
    blur: Positive = Field(_SHIFTS.blur, description="Standard deviation of a blur, in pixels.")
    brightness: Positive = Field(_SHIFTS.brightness, description="Added to each value.")
    contrast: Positive = Field(_SHIFTS.contrast, description="Factor on the distance to the mean.")
    jpeg: int = Field(_SHIFTS.jpeg, ge=1, le=100, description="Quality of a JPEG file.")


class AttackTable(Table):
    """How accuracy_adversarial attacks pictures."""

    strength: Positive = Field(
        _ATTACK.strength, le=1, description="Largest change of a value, pixels in 0..1."
    )
    steps: PositiveInt = Field(_ATTACK.steps, description="Of projected gradient ascent.")
    pictures: PositiveInt = Field(_ATTACK.pictures, description="Of the validation split.")


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
        None, description="module:function (outputs, targets) -> (value, standard error)."
    )
    name: str = "accuracy"
    direction: Literal["maximize", "minimize"] = "maximize"


class PruningTable(Table):
    """Structured pruning of channel groups."""

    per: Grouping = "layer"
    ratios: tuple[Annotated[float, Field(ge=0, lt=1)], ...] = (0.0, 0.25, 0.5, 0.625, 0.75, 0.875)
    align: PositiveInt = Field(8, description="Widths are multiples of it.")
    criteria: tuple[Criterion, ...] = Field(
        ("l2",), min_length=1, description="Which channels go first; several are searched."
    )
    correct: bool = Field(
        True, description="Make up for removed channels in the layers that read them."
    )


class QuantizationTable(Table):
    """Bit-widths of weights; activations of quantized layers have 8 bits."""

    per: Grouping = "layer"
    bits: tuple[Literal[8, 4, 2, "none"], ...] = ("none", 8, 4)
    integer_only: bool = Field(
        False,
        description="No floats anywhere: 'none' is taken out of bits, and every activation has 8 "
        "bits. What LiteRT and TensorFlow Lite Micro need.",
    )


class DecompositionTable(Table):
    """Low-rank factors: SVD of linear layers and 1x1 convolutions, Tucker-2 of others."""

    per: Grouping = "layer"
    ranks: tuple[Share | Literal["none"], ...] = ("none", 0.75, 0.5, 0.25)


class DepthTable(Table):
    """Residual blocks that are dropped."""

    per: Literal["block", "stage"] = Field(
        "block",
        description="Each block by itself, or how many blocks of a stage stay: the first ones.",
    )


class DistillationTable(Table):
    """Knowledge distillation from the baseline."""

    weights: tuple[Share | Literal["none"], ...] = ("none", 0.5, 0.9)
    temperatures: tuple[Positive, ...] = (2.0, 4.0)


class InputSizeTable(Table):
    """The side of the pictures as shares of the baseline's."""

    shares: tuple[Share, ...] = (1.0, 0.75, 0.5)


class ScheduleTable(Table):
    """Training hparams: of every candidate, chosen by the search."""

    epochs: tuple[PositiveInt, ...] = (4,)
    learning_rates: tuple[Positive, ...] = Field(
        USUAL["sgd"].fine_tuning,
        description="0.0005 and 0.002 when not given and training.optimizer is 'adamw'.",
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


RuntimeName = Literal["onnxruntime", "openvino", "executorch", "litert", "tflite-micro"]


class DeviceTable(Table):
    """Where the network will run."""

    profile: str = Field(
        "cpu", description="Constants of the static metrics: cpu, microcontroller."
    )
    rate_hz: Positive | None = Field(None, description="Pictures a second, for power_mw.")
    idle_mw: Annotated[float, Field(ge=0)] | None = None
    link_kbps: Positive | None = Field(
        None, description="Kilobits a second of the link that brings the file, for download_s."
    )
    runtime: RuntimeName = Field(
        "onnxruntime",
        description="Serves the network: its latency, load time and memory are measured in it, and "
        "its answers are scored. openvino and executorch come with an extra of their name, litert "
        "(phones) and tflite-micro (microcontrollers), which read integers alone, with litert.",
    )
    threads: PositiveInt = 1
    batch: PositiveInt = Field(
        1, description="Pictures at once: latency, load time and memory are those of all of them."
    )
    target_cpu: TargetCpu = Field(
        "portable",
        description="Quantized files compute the same everywhere with 'portable': 8-bit weights "
        "stay within 7 bits. 'vnni' and 'arm' use all 8, for processors that add in 32 bits.",
    )
    connect: str = Field(
        "local", description="Where files are measured: local, ssh:user@host or command:..."
    )
    python: str = Field("python3", description="Of a device that is reached by ssh.")
    architecture: str | None = Field(
        None, description="What the device must be, e.g. aarch64; not checked when not given."
    )
    processors: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (), description="Numbers of those that the runtime may use; all when not given."
    )
    spinning: bool = Field(
        False,
        description="Whether the threads of onnxruntime wait for each other without sleeping.",
    )
    interval: Share = Field(
        0.02, description="Half of a latency's 95 % interval, as a share, that is narrow enough."
    )
    seconds: Positive = Field(
        3.0, description="When a latency's measurement stops, its interval narrow or not."
    )

    @model_validator(mode="after")
    def _reachable(self) -> DeviceTable:
        agent_command(self.connect, self.python)
        if 0 < len(set(self.processors)) < self.threads:
            raise ValueError(
                f"{self.threads} threads need as many processors, got {list(self.processors)}"
            )
        return self


class ReferencesTable(Table):
    """What plain ways reach, evaluated beside the search."""

    uniform: Annotated[int, Field(ge=0, le=10)] = 2
    single_techniques: bool = True
    allocated: Annotated[int, Field(ge=0, le=10)] = Field(
        2, description="Least damaging candidates, where 'tightfit sensitivity' was run."
    )
    small_nets: tuple[str, ...] = ()
    small_net_epochs: PositiveInt = 8
    from_scratch: bool = True
    longer_epochs: PositiveInt | None = Field(
        None,
        description="Train each small net, and the best shape from scratch, for so long as well.",
    )


class TrialTable(Table):
    """What one trial may take."""

    minutes: Positive | None = None
    memory_mb: PositiveInt | None = None


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

    @model_validator(mode="after")
    def _ascending(self) -> FidelityTable:
        if list(self.rungs) != sorted(set(self.rungs)):
            raise ValueError(f"'rungs' must grow from one to the next, got {list(self.rungs)}")
        return self


SamplerName = Literal["auto", "greybox", "tpe", "gp", "nsga2", "qmc", "random"]


class StudySpec(Table):
    """A whole study."""

    name: str | None = Field(None, pattern=r"^[A-Za-z0-9][\w.-]*$")
    constraints: tuple[str, ...] = ()
    confident: bool = Field(
        False,
        description="Limits on what is measured must be kept by the whole 95 % interval, "
        "not by the value alone.",
    )
    objectives: tuple[str, ...] = Field(("accuracy", "size_kb"), min_length=1, max_length=3)
    trials: PositiveInt = 20
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
    sampler: SamplerName = "auto"
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
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
    def _learning_rates_of_the_optimizer(cls, values: Any) -> Any:
        """Give a study that trains with AdamW and names no learning rates AdamW's usual ones."""
        match values:
            case {"training": {"optimizer": "adamw"}, "space": dict(space)}:
                schedule = space.get("schedule", {})
                if isinstance(schedule, dict):
                    usual = {"learning_rates": USUAL["adamw"].fine_tuning}
                    return {**values, "space": {**space, "schedule": {**usual, **schedule}}}
        return values
