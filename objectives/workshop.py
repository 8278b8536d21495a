"""Takes readings of candidates: builds them, writes and measures files, trains and scores."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
from safetensors.torch import save
from torch import Tensor, nn

from tightfit import Candidate, Reading, Recipe, Start
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.formats import write_file
from tightfit.objectives.calibration import calibration_batches, settle
from tightfit.objectives.data import Data
from tightfit.objectives.evaluator import Progress, Rungs
from tightfit.objectives.file_metadata import file_metadata
from tightfit.objectives.file_readings import write_network
from tightfit.objectives.fine_tuning import Effort, FineTuning
from tightfit.objectives.footprint import FootprintMeter
from tightfit.objectives.inheritance import WEIGHTS_FILE, better_start
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.metrics import latency_ms, ram_kb
from tightfit.objectives.pauses import Pauses
from tightfit.objectives.profile import DeviceProfile
from tightfit.objectives.quality import score_file, score_network
from tightfit.objectives.quality_metrics import Subject, Tuning, WantedQuality
from tightfit.objectives.runtimes import Runtime
from tightfit.objectives.runtimes.litert_micro import arena_kb
from tightfit.objectives.space import Compressed, Space
from tightfit.objectives.static_readings import static_readings
from tightfit.objectives.task import Task
from tightfit.objectives.training import Trainer

MODEL_FILE = "model.onnx"
"""The network's file for every runtime that reads ONNX."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """Works on files in a folder, one sub-folder a candidate.

    Attributes:
        space: Makes networks from candidates.
        data: Gives calibration pictures and the validation split.
        task: Gives the score.
        profile: Of the device, for static metrics.
        meter: Measures latency beside the baseline's file, whose name candidates' files have too.
        beside: By name of a metric, what measures latency in another runtime, beside the baseline's
            file for it.
        footprint: Measures load time and memory, where they are wanted.
        runtime: Runs files here, to score them; the one that the meter measures.
        trainer: Fine-tunes.
        folder: Of all candidates; it exists.
        metadata: Kept in every file: versions, and the baseline's key.
        seed: Of the study; a trial's number is added.
        quality: What is taken of each trained network beside its score.
        timed: Whether the runtime's times tell of the device; where not, its arena is measured.
    """

    space: Space
    data: Data
    task: Task
    profile: DeviceProfile
    meter: LatencyMeter
    footprint: FootprintMeter
    runtime: Runtime
    trainer: Trainer
    folder: Path
    metadata: Mapping[str, str]
    seed: int
    quality: WantedQuality = field(default_factory=WantedQuality)
    beside: Mapping[str, LatencyMeter] = field(default_factory=dict)
    timed: bool = True

    @property
    def file(self) -> str:
        """Name of a network's file."""
        return self.meter.baseline.name

    def static(self, candidate: Candidate) -> Mapping[str, Reading]:
        """Return the static readings."""
        batch = np.array([candidate.indices], dtype=np.int64)
        return static_readings(self.space.blueprint(batch), self.profile)

    def begin(self, candidate: Candidate, number: int) -> FileWork:
        """Return the work on one candidate of the space."""
        return FileWork(
            self,
            self.space.build(candidate),
            recipe=self.space.recipe(candidate),
            folder=self.folder / candidate.key,
            seed=self.seed + number,
            origin=candidate.key,
        )


class FileWork:
    """One network on its way: built, measured, trained, scored.

    Args:
        workshop: Gives the tools.
        model: Also :class:`Compressed`.
        recipe: How to train it.
        folder: Gets its file and its trained tensors; made when it is not there.
        seed: Of everything random.
        origin: The key of its candidate, or what else it was made from.
    """

    def __init__(
        self,
        workshop: Workshop,
        model: nn.Module,
        *,
        recipe: Recipe,
        folder: Path,
        seed: int,
        origin: str,
    ) -> None:
        self._workshop = workshop
        self._model = model
        self._recipe = recipe
        self._folder = folder
        self._seed = seed
        self._origin = origin
        self._tuning: Tuning | None = None

    @property
    def model(self) -> nn.Module:
        """The network as it is now."""
        return self._model

    def build(self) -> Mapping[str, Reading]:
        """Set statistics and ranges, write the file; return its bytes."""
        settle(cast(Compressed, self._model), self._workshop.data)
        return self._write()

    def measure(self) -> Mapping[str, Reading]:
        """Return the file's latency beside the baseline's, and what it takes before it answers.

        Where a runtime's times tell nothing, its arena is read instead.
        """
        readings = {}
        if self._workshop.timed:
            taken = self._workshop.meter.measure(self._path)
            readings[latency_ms.METRIC.name] = taken.latency_ms
        else:
            readings[ram_kb.METRIC.name] = arena_kb(self._path)
        readings |= self._workshop.footprint.measure(self._path)
        for name, meter in self._workshop.beside.items():
            with self._file_for(meter) as path:
                readings[name] = meter.measure(path).latency_ms
        return readings

    def inherit(self, candidate: Candidate, donors: Sequence[Candidate]) -> Start | None:
        """Take over the weights of the nearest donor where they answer better, before training.

        Args:
            candidate: Whose network this is.
            donors: Nearest first; the first one counts whose weights are in the workshop's folder.

        Returns:
            What was compared; ``None`` where there are no weights.
        """
        workshop = self._workshop

        def fitted(donor: Candidate, given: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
            own = self._model.state_dict()
            return workshop.space.inherited(candidate, donor, own=own, given=given)

        return better_start(
            self._model,
            ((donor, workshop.folder / donor.key) for donor in donors),
            fitted=fitted,
            data=workshop.data,
            task=workshop.task,
        )

    def train(self, progress: Progress, rungs: Rungs | None = None) -> None:
        """Fine-tune the network, with several seeds where a metric asks for them.

        Raises:
            EndedEarly: A rung has ended it.
        """
        workshop, recipe = self._workshop, self._recipe

        def look(share: float, twin: nn.Module) -> None:
            assert rungs is not None
            rungs.reached(share, self._on_the_way(twin))

        def train(model: nn.Module, seed: int, effort: Effort) -> nn.Module:
            pauses = None
            if rungs and seed == self._seed:
                # What is delivered is looked at; the others only tell how much it is luck.
                pauses = Pauses(rungs.shares, look, effort.suspended)
            return workshop.trainer(model, recipe, seed=seed, progress=progress, pauses=pauses)

        quality = workshop.quality
        tune = FineTuning(train, self._accuracy_of_other_seed, quality.repeats, quality.memory)
        self._model, self._tuning = tune(self._model, self._seed)

    def _on_the_way(self, twin: nn.Module) -> Mapping[str, Reading]:
        """Return the quality of a copy of the network that is being trained, as it computes then.

        Before it has begun to round that is its quality in floats. A file of few bits tells nothing
        by then: over 40 candidates of the tabular benchmark the rank correlation of the file's
        accuracy after a quarter of the steps with the final one is 0.20, that of the network 0.88.
        """
        workshop = self._workshop
        network, device = cast(Compressed, twin), workshop.trainer.precision.device
        twin.eval()
        network.recalibrate_norms(calibration_batches(network, workshop.data, device=device))
        reading = score_network(
            twin,
            workshop.data.validation,
            input_shape=network.input_shape,
            data=workshop.data,
            task=workshop.task,
            device=device,
        )
        return {workshop.task.metric.name: reading}

    def score(self) -> Mapping[str, Reading]:
        """Write the file with its trained weights; return its quality."""
        readings = dict(self._write())
        state = {name: tensor.contiguous() for name, tensor in self._model.state_dict().items()}
        write_atomically(self._folder / WEIGHTS_FILE, save(state))
        task = self._workshop.task
        readings[task.metric.name] = score_file(
            self._path,
            self._workshop.data.validation,
            data=self._workshop.data,
            task=task,
            runtime=self._workshop.runtime,
        )
        return readings | self._workshop.quality.readings(self._subject(self._path))

    def discard(self) -> None:
        """Remove the candidate's folder."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _path(self) -> Path:
        return self._folder / self._workshop.file

    @contextmanager
    def _file_for(self, meter: LatencyMeter) -> Iterator[Path]:
        """Give the network's file for another runtime; one that only this reads is removed."""
        path = self._folder / meter.baseline.name
        if path == self._path:
            yield path
            return
        write_file(cast(Compressed, self._model), path, metadata={})
        try:
            yield path
        finally:
            path.unlink()

    def _subject(self, file: Path) -> Subject:
        workshop = self._workshop
        return Subject(
            file=file,
            model=self._model,
            baseline=workshop.meter.baseline,
            data=workshop.data,
            split=workshop.data.validation,
            runtime=workshop.runtime,
            settings=workshop.quality.settings,
            tuning=self._tuning,
        )

    def _accuracy_of_other_seed(self, model: nn.Module) -> float:
        """Return the accuracy of a file that is written for this alone."""
        path = self._path.with_stem("other_seed")
        write_network(model, path, metadata={}, profile=self._workshop.profile)
        try:
            return float(self._subject(path).right.double().mean())
        finally:
            path.unlink()

    def _write(self) -> Mapping[str, Reading]:
        self._folder.mkdir(parents=True, exist_ok=True)
        workshop = self._workshop
        metadata = file_metadata(workshop.metadata, data=workshop.data, origin=self._origin)
        return write_network(self._model, self._path, metadata=metadata, profile=workshop.profile)
