"""From the tables of a study file to the settings of the floors below."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, cast

from tightfit import Direction, SpecError
from tightfit.objectives.augmentation import Augment
from tightfit.objectives.meter.device import Device, DeviceSettings
from tightfit.objectives.meter.taking import Precision
from tightfit.objectives.profile import PROFILES, DeviceProfile
from tightfit.objectives.quality_metrics import (
    QUALITY_METRICS,
    Attack,
    QualitySettings,
    Shifts,
    WantedQuality,
)
from tightfit.objectives.runtimes import RUNTIMES
from tightfit.objectives.task import Loss, Score, Task, classification, quality_metric
from tightfit.objectives.user_code import load_object
from tightfit.spaces.settings import (
    DecompositionSettings,
    DepthSettings,
    DistillationSettings,
    InputSizeSettings,
    PruningSettings,
    QuantizationSettings,
    RoundingSettings,
    ScheduleSettings,
    SpaceSettings,
    TargetCpu,
)
from tightfit.studies.limits import unknown
from tightfit.studies.spec import QualityTable, StudySpec
from tightfit.studies.spec_device import DeviceTable
from tightfit.studies.spec_space import SpaceTable


def device_profile(table: DeviceTable) -> DeviceProfile:
    """Return the profile that a study names, with its own numbers where it gives them.

    Raises:
        SpecError: There is no such profile.
    """
    known = {profile.name: profile for profile in PROFILES}
    if table.profile not in known:
        raise SpecError(f"'device.profile' names {unknown('profile', table.profile, known)}")
    suffix = RUNTIMES[table.runtime].suffix
    profile = replace(known[table.profile], threads=table.threads, file=suffix)
    if table.rate_hz is not None:
        profile = replace(profile, rate_hz=table.rate_hz)
    if table.idle_mw is not None:
        profile = replace(profile, idle_mw=table.idle_mw)
    if table.link_kbps is not None:
        profile = replace(profile, link_kbps=table.link_kbps)
    return profile


def measuring_device(table: DeviceTable, runtime: str | None = None) -> Device:
    """Return the device that files are measured on; nothing is started yet.

    Args:
        table: Of the study.
        runtime: Another than the table's.
    """
    settings = device_settings(table)
    return Device(settings if runtime is None else replace(settings, runtime=runtime))


def device_settings(table: DeviceTable) -> DeviceSettings:
    """Return where and with what files are measured."""
    return DeviceSettings(
        connect=table.connect,
        python=table.python,
        architecture=table.architecture,
        runtime=table.runtime,
        threads=table.threads,
        processors=table.processors,
        spinning=table.spinning,
        batch=table.batch,
    )


def measuring_precision(table: DeviceTable) -> Precision:
    """Return how sure a latency must be."""
    return Precision(table.interval, table.seconds)


def space_settings(table: SpaceTable, target_cpu: TargetCpu) -> SpaceSettings:
    """Return the techniques that a study turns on, for the processor that it names."""
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
            target_cpu,
            rounding=RoundingSettings(equalized=quantization.equalize),
            integer_only=quantization.integer_only,
            activations=tuple(map(_or_none, quantization.activations)),
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
        task = replace(task, score=score, metric=metric, right=None)
    return task


def wanted_quality(table: QualityTable, named: Collection[str]) -> WantedQuality:
    """Return the quality metrics that a study's limits, objectives or ``quality.metrics`` name.

    Args:
        table: Their settings, and names that are neither limits nor objectives.
        named: Metrics of limits and objectives.

    Raises:
        SpecError: ``quality.metrics`` names something else.
    """
    known = {each.metric.name: each for each in QUALITY_METRICS}
    for name in table.metrics:
        if name not in known:
            raise SpecError(f"'quality.metrics' names {unknown('quality metric', name, known)}")
    shifts, attack = Shifts(**table.shifts.model_dump()), Attack(**table.attack.model_dump())
    return WantedQuality(
        tuple(each for name, each in known.items() if name in (*named, *table.metrics)),
        QualitySettings(shifts, attack, table.repeats),
    )


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
