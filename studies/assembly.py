"""Joins the floors: from a study to its data, network, space and costs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from tightfit import Metric, Objective, SpecError, __version__
from tightfit.objectives.artifact.writer import check_translations
from tightfit.objectives.calibration import calibration_order
from tightfit.objectives.data import Data
from tightfit.objectives.datasets import load_data
from tightfit.objectives.devices import choose_precision
from tightfit.objectives.metrics import METRICS
from tightfit.objectives.models import LoadedModel, load_baseline
from tightfit.objectives.models.weights import tensors_of
from tightfit.objectives.optimization import USUAL
from tightfit.objectives.portion import Portion
from tightfit.objectives.profile import DeviceProfile
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.quality_metrics import QUALITY_METRICS, WantedQuality
from tightfit.objectives.task import Score, Task
from tightfit.objectives.teacher import Teacher
from tightfit.objectives.training import Fit, Trainer, TrainingSettings
from tightfit.objectives.user_code import code_digest, function_digest
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.evidence import Evidence
from tightfit.studies.limits import Limit, check_contradictions, parse_limit, unknown
from tightfit.studies.serving import Serving, serving
from tightfit.studies.settings import (
    device_profile,
    space_settings,
    study_task,
    user_function,
    wanted_quality,
)
from tightfit.studies.spec import StudySpec
from tightfit.studies.study_file import Study
from tightfit.studies.usual_choices import require_told

_DEPENDED_ON = {"seed", "model", "data", "training", "quality", "space", "device"}
"""Tables that change readings."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything a study names, loaded.

    Attributes:
        study: As it was read.
        data: In memory.
        model: The baseline as loaded; not necessarily trained.
        task: Loss, quality and augmentation.
        profile: Of the device that will serve the network.
        metrics: By name, all that may be limited or traded off.
        limits: The study's constraints, bounds not yet numbers.
        objectives: One to three.
        quality: What is taken of each trained network beside its score.
        serving: The runtimes.
        score_digest: Of a score that was given as an object; empty where there is none.
    """

    study: Study
    data: Data
    model: LoadedModel
    task: Task
    profile: DeviceProfile
    metrics: dict[str, Metric]
    limits: tuple[Limit, ...]
    objectives: tuple[Objective, ...]
    quality: WantedQuality
    serving: Serving
    score_digest: str = ""

    @property
    def file(self) -> str:
        """Name of a network's file, which the study's runtime reads."""
        return self.serving.chosen.model_file

    @property
    def example(self) -> Tensor:
        """One input of the network's shape, ``[1, ...]``, to trace it with."""
        return torch.zeros(1, *self.data.input_shape)

    @property
    def wanted(self) -> frozenset[str]:
        """Names of the metrics that a limit or an objective names."""
        limited = {limit.metric for limit in self.limits}
        return frozenset(limited | {objective.metric for objective in self.objectives})

    def space(self, module: nn.Module) -> CompressionSpace:
        """Return what may change about a trained network.

        Raises:
            SpecError: Nothing can, or it can have no file.
        """
        spec = self.study.spec
        settings = space_settings(spec.space, spec.device.target_cpu)
        space = CompressionSpace(module, self.example, settings=settings, evidence=self.evidence)
        check_translations(space.baseline_network().program())
        return space

    @property
    def evidence(self) -> Evidence:
        """Calibration pictures of the training split, for criteria and corrections."""
        order, data = calibration_order(self.data), self.data

        def take(chosen: Tensor) -> tuple[Tensor, Tensor]:
            part = data.train.take(order[chosen])
            return prepare_inputs(data, part.inputs, data.input_shape), part.targets

        return Evidence(len(order), take, self.task.penalty)

    def trainer(self, teacher: Teacher | None, *, by_portions: bool = False) -> Trainer:
        """Return what trains this study's networks.

        Args:
            teacher: Where recipes distil.
            by_portions: Whether it begins with a part of the inputs where the study says so.
        """
        table = self.study.spec.training
        decay = table.weight_decay
        fit = user_function(table.fit, self.study.folder) if table.fit else None
        return Trainer(
            data=self.data,
            task=self.task,
            precision=choose_precision(table.device),
            teacher=teacher,
            settings=TrainingSettings(
                batch_size=table.batch_size,
                optimizer=table.optimizer,
                weight_decay=USUAL[table.optimizer].weight_decay if decay is None else decay,
                portions=self.portions if by_portions else (),
            ),
            fit=cast("Fit | None", fit),
        )

    @property
    def portions(self) -> tuple[Portion, ...]:
        """What a candidate's training learns from before its rungs."""
        table = self.study.spec.fidelity
        if table is None or not table.data:
            return ()
        return tuple(map(Portion, table.rungs, table.data))

    def fingerprint(self, module: nn.Module, *, version: str = __version__) -> str:
        """Return the digest of all that readings depend on.

        Args:
            module: The trained baseline.
            version: Of the Tightfit that reads.
        """
        digest = hashlib.sha256()
        for name, tensor in sorted(tensors_of(module).items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        digest.update(self._basis(version).encode())
        return digest.hexdigest()[:16]

    def basis(self, *, version: str = __version__) -> str:
        """Return the digest of all that readings depend on beside the baseline's weights.

        Where a run trains its baseline, the weights follow from it.
        """
        return hashlib.sha256(self._basis(version).encode()).hexdigest()[:16]

    def _basis(self, version: str) -> str:
        spec = self.study.spec.model_dump(mode="json", include=_DEPENDED_ON)
        if self.portions:
            spec["portions"] = [[each.until, each.inputs] for each in self.portions]
        text = json.dumps(spec, sort_keys=True)
        return f"{text}{self.data.fingerprint} {self.code} {version}"

    @property
    def code(self) -> str:
        """Digest of the user's own files and score: an edit of them makes another study.

        Weights that training begins with are among them; those of a trained baseline are read.
        """
        spec = self.study.spec
        own = (spec.model.name, spec.training.fit, spec.training.loss, spec.training.augment)
        code = code_digest((*own, spec.quality.score), self.study.folder) + self.score_digest
        weights = self.study.folder / Path(spec.model.weights or "").expanduser()
        if self.model.needs_training and weights.is_file():
            code += hashlib.sha256(weights.read_bytes()).hexdigest()
        return code


def assemble(study: Study) -> Assembly:
    """Load what a study names, and check that it hangs together.

    Raises:
        SpecError: Something that does not exist, does not fit, or contradicts another part.
    """
    spec = study.spec
    task = study_task(spec, study.folder)
    _names(spec, task)
    data = load_data(
        spec.data.name,
        root=Path(spec.data.root) if spec.data.root else None,
        seed=spec.seed,
        study_folder=study.folder,
        download=spec.data.download,
        image_size=spec.data.image_size,
    )
    return _assembly(study, data=data, model=_load_model(spec, study.folder, data), task=task)


def assemble_objects(
    study: Study, *, data: Data, model: LoadedModel, score: Score | None
) -> Assembly:
    """Join live objects with the rest of a study.

    Raises:
        SpecError: A limit or objective that names no metric.
    """
    task = study_task(study.spec, study.folder)
    if score is not None:
        task = replace(task, score=score, right=None)
    assembly = _assembly(study, data=data, model=model, task=task)
    return assembly if score is None else replace(assembly, score_digest=function_digest(score))


def _assembly(study: Study, *, data: Data, model: LoadedModel, task: Task) -> Assembly:
    metrics, limits, objectives, quality = _names(study.spec, task)
    quality.check(data)
    named = {limit.metric for limit in limits} | {each.metric for each in objectives}
    return Assembly(
        study=study,
        data=data,
        model=model,
        task=task,
        profile=device_profile(study.spec.device),
        metrics=metrics,
        limits=limits,
        objectives=objectives,
        quality=quality,
        serving=serving(study.spec, named),
    )


def _names(
    spec: StudySpec, task: Task
) -> tuple[dict[str, Metric], tuple[Limit, ...], tuple[Objective, ...], WantedQuality]:
    """Return all that a study names; before anything is loaded, as it costs nothing."""
    always = {metric.name: metric for metric in (*METRICS, task.metric)}
    extra = {each.metric.name: each.metric for each in QUALITY_METRICS}
    if task.metric.name in extra:
        raise SpecError(f"'quality.name' is {task.metric.name!r}, a metric of ours; choose another")
    known = always | extra
    limits = tuple(parse_limit(text, known) for text in spec.constraints)
    objectives = tuple(_objective(name, known) for name in spec.objectives)
    quality = wanted_quality(
        spec.quality, {each.metric for each in limits} | {each.metric for each in objectives}
    )
    _require_bounds(quality, limits, objectives)
    _require_rungs(spec, extra, objectives)
    if spec.training.fit is not None:
        require_told(spec.space)
    if len({objective.metric for objective in objectives}) < len(objectives):
        raise SpecError(f"the objectives must differ, got {', '.join(spec.objectives)}")
    check_contradictions(
        tuple(limit.resolve(lambda _metric: 1.0) for limit in limits if not limit.relative)
    )
    # Those of trained networks stand behind the score, which is the quality of a run.
    metrics = always | {name: extra[name] for name in quality.names()}
    return metrics, limits, objectives, quality


def _require_rungs(
    spec: StudySpec, of_files: Iterable[str], objectives: Sequence[Objective]
) -> None:
    """Refuse to end trainings early where nothing can be read on their way."""
    if spec.fidelity is None:
        return
    if spec.training.fit is not None:
        raise SpecError(
            "[fidelity] ends trainings on their way, and 'training.fit' replaces the training: "
            "leave one of them out"
        )
    late = [each.metric for each in objectives if each.metric in set(of_files)]
    if late:
        raise SpecError(
            f"[fidelity] cannot rank by the objective {late[0]!r}, which is read when a training "
            "is over: leave out the table or the objective"
        )


def _require_bounds(
    quality: WantedQuality, limits: Sequence[Limit], objectives: Sequence[Objective]
) -> None:
    """Refuse to compare with a baseline that has no reading of a metric."""
    tuned = set(quality.names()) - set(quality.names(of_baseline=True))
    for limit in limits:
        if limit.metric in tuned and limit.relative:
            raise SpecError(
                f"the limit {str(limit)!r} needs a number: the baseline is not fine-tuned, and has "
                f"no {limit.metric!r}"
            )
    bounded = {limit.metric for limit in limits}
    for objective in objectives:
        if objective.metric in tuned - bounded:
            raise SpecError(
                f"the objective {objective.metric!r} needs a limit as well, which says what is too "
                "much: the baseline is not fine-tuned, and cannot tell"
            )


def _load_model(spec: StudySpec, folder: Path, data: Data) -> LoadedModel:
    return load_baseline(
        spec.model.name,
        input_shape=data.input_shape,
        classes=data.classes,
        folder=folder,
        weights=spec.model.weights,
        stem=spec.model.stem,
        stem_stride=spec.model.stem_stride,
        seed=spec.seed,
    )


def _objective(name: str, metrics: Mapping[str, Metric]) -> Objective:
    if name not in metrics:
        raise SpecError(f"'objectives' names {unknown('metric', name, metrics)}")
    return Objective(name, metrics[name].direction)
