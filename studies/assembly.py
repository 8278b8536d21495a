"""Joins the floors: from a study to its data, network, space and costs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from tightfit import Constraint, Metric, Objective, SpecError, __version__
from tightfit.objectives.calibration import calibration_order
from tightfit.objectives.data import Data
from tightfit.objectives.datasets import load_data
from tightfit.objectives.devices import choose_precision
from tightfit.objectives.metrics import METRICS, STATIC_METRICS
from tightfit.objectives.models import LoadedModel, load_baseline
from tightfit.objectives.models.weights import tensors_of
from tightfit.objectives.optimization import USUAL
from tightfit.objectives.profile import DeviceProfile
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.task import Score, Task
from tightfit.objectives.teacher import Teacher
from tightfit.objectives.training import Fit, Trainer, TrainingSettings
from tightfit.objectives.user_code import code_digest
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.evidence import Evidence
from tightfit.studies.limits import Limit, check_contradictions, parse_limit, unknown
from tightfit.studies.settings import device_profile, space_settings, study_task, user_function
from tightfit.studies.spec import StudySpec
from tightfit.studies.study_file import Study

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
    """

    study: Study
    data: Data
    model: LoadedModel
    task: Task
    profile: DeviceProfile
    metrics: dict[str, Metric]
    limits: tuple[Limit, ...]
    objectives: tuple[Objective, ...]

    @property
    def example(self) -> Tensor:
        """One input of the network's shape, ``[1, ...]``, to trace it with."""
        return torch.zeros(1, *self.data.input_shape)

    def space(self, module: nn.Module) -> CompressionSpace:
        """Return what may change about a trained network."""
        spec = self.study.spec
        settings = space_settings(spec.space, spec.device.target_cpu)
        return CompressionSpace(module, self.example, settings=settings, evidence=self.evidence)

    @property
    def evidence(self) -> Evidence:
        """Calibration pictures of the training split, for criteria and corrections."""
        order, data = calibration_order(self.data), self.data

        def take(chosen: Tensor) -> tuple[Tensor, Tensor]:
            part = data.train.take(order[chosen])
            return prepare_inputs(data, part.inputs, data.input_shape), part.targets

        return Evidence(len(order), take, self.task.penalty)

    def trainer(self, teacher: Teacher | None) -> Trainer:
        """Return what trains this study's networks."""
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
            ),
            fit=cast("Fit | None", fit),
        )

    def fingerprint(self, module: nn.Module) -> str:
        """Return the digest of all that readings depend on."""
        digest = hashlib.sha256()
        for name, tensor in sorted(tensors_of(module).items()):
            digest.update(name.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        spec = self.study.spec.model_dump(mode="json", include=_DEPENDED_ON)
        digest.update(json.dumps(spec, sort_keys=True).encode())
        digest.update(f"{self.data.fingerprint} {self.code} {__version__}".encode())
        return digest.hexdigest()[:16]

    @property
    def code(self) -> str:
        """Digest of the user's own files: an edit of them makes another study."""
        spec = self.study.spec
        own = (spec.model.name, spec.training.fit, spec.training.loss, spec.training.augment)
        return code_digest((*own, spec.quality.score), self.study.folder)


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
        task = replace(task, score=score)
    return _assembly(study, data=data, model=model, task=task)


def _assembly(study: Study, *, data: Data, model: LoadedModel, task: Task) -> Assembly:
    metrics, limits, objectives = _names(study.spec, task)
    return Assembly(
        study=study,
        data=data,
        model=model,
        task=task,
        profile=device_profile(study.spec.device),
        metrics=metrics,
        limits=limits,
        objectives=objectives,
    )


def _names(
    spec: StudySpec, task: Task
) -> tuple[dict[str, Metric], tuple[Limit, ...], tuple[Objective, ...]]:
    """Return metrics, limits and objectives; before anything is loaded, as it costs nothing."""
    metrics = {metric.name: metric for metric in (*METRICS, task.metric)}
    limits = tuple(parse_limit(text, metrics) for text in spec.constraints)
    objectives = tuple(_objective(name, metrics) for name in spec.objectives)
    if len({objective.metric for objective in objectives}) < len(objectives):
        raise SpecError(f"the objectives must differ, got {', '.join(spec.objectives)}")
    check_contradictions(
        tuple(limit.resolve(lambda _metric: 1.0) for limit in limits if not limit.relative)
    )
    return metrics, limits, objectives


def static_errors(constraints: tuple[Constraint, ...]) -> dict[str, float]:
    """Return how far static predictions may be off, as shares of the bounds they are held to."""
    errors = {static.metric.name: static for static in STATIC_METRICS}
    return {
        constraint.metric: max(
            errors[constraint.metric].relative_error,
            errors[constraint.metric].absolute_error / abs(constraint.bound),
        )
        for constraint in constraints
        if constraint.metric in errors
    }


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
