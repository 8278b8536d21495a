"""From the tables of a study file to the settings of the floors below."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

from tightfit import Direction, SpecError
from tightfit.objectives.augmentation import Augment
from tightfit.objectives.profile import PROFILES, DeviceProfile
from tightfit.objectives.task import Loss, Score, Task, classification, quality_metric
from tightfit.objectives.user_code import load_object
from tightfit.spaces.settings import (
    DecompositionSettings,
    DepthSettings,
    DistillationSettings,
    InputSizeSettings,
    PruningSettings,
    QuantizationSettings,
    ScheduleSettings,
    SpaceSettings,
)
from tightfit.studies.limits import unknown
from tightfit.studies.spec import DeviceTable, SpaceTable, StudySpec


def device_profile(table: DeviceTable) -> DeviceProfile:
    """Return the profile that a study names, with its own numbers where it gives them.

    Raises:
        SpecError: There is no such profile.
    """
    known = {profile.name: profile for profile in PROFILES}
    if table.profile not in known:
        raise SpecError(f"'device.profile' names {unknown('profile', table.profile, known)}")
    profile = replace(known[table.profile], threads=table.threads)
    if table.rate_hz is not None:
        profile = replace(profile, rate_hz=table.rate_hz)
    if table.idle_mw is not None:
        profile = replace(profile, idle_mw=table.idle_mw)
    return profile


def space_settings(table: SpaceTable) -> SpaceSettings:
    """Return the techniques that a study turns on."""
    pruning, quantization = table.pruning, table.quantization
    decomposition, distillation = table.decomposition, table.distillation
    return SpaceSettings(
        pruning=None
        if pruning is None
        else PruningSettings(
            pruning.per, pruning.ratios, pruning.align, pruning.criteria, pruning.correct
        ),
        quantization=None
        if quantization is None
        else QuantizationSettings(
            quantization.per,
            tuple(map(_or_none, quantization.bits)),
            integer_only=quantization.integer_only,
        ),
        decomposition=None
        if decomposition is None
        else DecompositionSettings(decomposition.per, tuple(map(_or_none, decomposition.ranks))),
        depth=None if table.depth is None else DepthSettings(table.depth.per),
        distillation=None
        if distillation is None
        else DistillationSettings(
            tuple(map(_or_none, distillation.weights)), distillation.temperatures
        ),
        schedule=ScheduleSettings(table.schedule.epochs, table.schedule.learning_rates),
        input_size=None if table.input_size is None else InputSizeSettings(table.input_size.shares),
    )


def study_task(spec: StudySpec, folder: Path) -> Task:
    """Return the task: classification, with the parts that the study replaces.

    Raises:
        SpecError: A function that cannot be found or called.
    """
    task = classification()
    if spec.training.loss:
        task = replace(task, loss=cast(Loss, user_function(spec.training.loss, folder)))
    if spec.training.augment:
        task = replace(task, augment=cast(Augment, user_function(spec.training.augment, folder)))
    if spec.quality.score:
        metric = quality_metric(spec.quality.name, Direction(spec.quality.direction))
        score = cast(Score, user_function(spec.quality.score, folder))
        task = replace(task, score=score, metric=metric)
    return task


def user_function(name: str, folder: Path) -> Callable[..., object]:
    """Return a function of the user's, named ``module:function``.

    Raises:
        SpecError: It cannot be found, or is not callable.
    """
    found = load_object(name, folder=folder)
    if not callable(found):
        raise SpecError(f"{name!r} must be a function, it is a {type(found).__name__}")
    return found


T = TypeVar("T", int, float)


def _or_none(value: T | str) -> T | None:
    return None if isinstance(value, str) else value
