"""The uncompressed network: trained when it has to be, written, measured, and kept in the run."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import nn

from tightfit import Measurement, Reading, Recipe, SpecError, __version__
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.formats import write_file
from tightfit.objectives.calibration import settle
from tightfit.objectives.evaluator import Progress
from tightfit.objectives.file_metadata import file_metadata
from tightfit.objectives.file_readings import write_network
from tightfit.objectives.footprint import FootprintMeter
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.meter.device import Device
from tightfit.objectives.meter.facts import Facts
from tightfit.objectives.metrics import latency_ms, ram_kb
from tightfit.objectives.models.weights import tensors_of
from tightfit.objectives.optimization import USUAL
from tightfit.objectives.quality import score_file
from tightfit.objectives.quality_metrics import Subject
from tightfit.objectives.runtimes import KnownRuntime
from tightfit.objectives.runtimes.litert_micro import arena_kb
from tightfit.objectives.static_readings import static_readings
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.studies.assembly import Assembly
from tightfit.studies.kept import read_kept
from tightfit.studies.plan import Plan
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.settings import measuring_precision

READINGS_FILE = "readings.json"
DEVICE_FILE = "device.json"

Say = Callable[[str], None]
"""Told in a few words what is being done."""


def trained_module(
    assembly: Assembly, folder: RunFolder, *, say: Say, progress: Progress
) -> nn.Module:
    """Return the baseline with its weights, trained first when it has none.

    What was trained is kept beside the run's folder, keyed by all it depends on, so that other
    studies of the same network and data find it; in the run's own where that cannot be written.

    Raises:
        SpecError: The weights could not be written.
    """
    kept = kept_module(assembly, folder)
    if kept is not None:
        return kept
    shared = _shared(folder)
    # Before anything is trained: what has no place is lost.
    place = shared if _writable(shared) else folder.baseline
    place.mkdir(parents=True, exist_ok=True)
    module, spec = assembly.model.module, assembly.study.spec.training
    say(f"training the baseline for {spec.baseline_epochs} epochs, once")
    trainer = assembly.trainer(teacher=None)
    usual = USUAL[spec.optimizer].baseline
    recipe = Recipe(spec.baseline_epochs, spec.baseline_learning_rate or usual)
    module = trainer(module, recipe, seed=assembly.study.spec.seed, progress=progress)
    # A file of safetensors takes no two names for one tensor.
    plain = torch.contiguous_format
    copies = {name: each.clone(memory_format=plain) for name, each in tensors_of(module).items()}
    write_atomically(place / _weights_file(assembly), save(copies))
    return module


def kept_module(assembly: Assembly, folder: RunFolder) -> nn.Module | None:
    """Return the baseline with its weights; ``None`` where it has to be trained first."""
    module = assembly.model.module
    if not assembly.model.needs_training:
        return module
    for place in (_shared(folder), folder.baseline):
        path = place / _weights_file(assembly)
        if path.is_file():
            state = module.state_dict()  # with the versions of its modules, which some ask for
            state.update(load_file(path))
            module.load_state_dict(state)
            return module.eval()
    return None


def _shared(folder: RunFolder) -> Path:
    """Return where the runs of a folder keep the baselines they trained."""
    return folder.path.parent / ".baselines"


def _writable(place: Path) -> bool:
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return True
    except OSError:
        return False


def _weights_file(assembly: Assembly) -> str:
    return f"{_training_key(assembly)}.safetensors"


def _training_key(assembly: Assembly) -> str:
    spec = assembly.study.spec.model_dump(mode="json", include={"seed", "model", "training"})
    text = json.dumps(spec, sort_keys=True) + assembly.data.fingerprint + assembly.code
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def measured_baseline(
    assembly: Assembly,
    space: CompressionSpace,
    folder: RunFolder,
    *,
    device: Device,
    beside: Mapping[str, Device],
) -> Measurement:
    """Return the baseline's readings, taken once: of its file, which lies in the run.

    From then on, the device must have the architecture that it had. A run that was begun and has
    lost them keeps those of its plan: bounds that depend on them stay what they are.

    Args:
        assembly: The study's parts.
        space: Of the trained baseline.
        folder: Of the run.
        device: Where files are measured.
        beside: By name of a metric, the same with another runtime.

    Raises:
        SpecError: The device does not answer, or is not what the study needs.
        MeasurementError: The file does not run there, or the machine is too disturbed.
    """
    path, kept = folder.baseline / assembly.file, folder.baseline / READINGS_FILE
    known = path.is_file() and kept.is_file()
    begun = {} if known else _begun_with(folder)
    readings = _kept(kept) if known else begun
    if known or (begun and (folder.baseline / DEVICE_FILE).is_file()):
        for each in (device, *beside.values()):
            each.require(measured_on(folder).architecture)
    footprint = FootprintMeter(
        path,
        device,
        wanted=assembly.wanted - readings.keys(),
        precision=measuring_precision(assembly.study.spec.device),
    )
    missing = set(assembly.quality.names(of_baseline=True)) - readings.keys()
    elsewhere = beside.keys() - readings.keys()
    if known and not missing and not footprint.asked and not elsewhere:
        return Measurement(readings)
    if begun:
        _write_files(assembly, space, folder)
    elif not known:
        readings = _readings(assembly, space, path, device)
    if missing:
        readings |= _named_quality(assembly, space, path)
    if not known or footprint.asked:
        readings |= footprint.measure(path)
        facts = json.dumps(device.facts().to_json())
        write_atomically(folder.baseline / DEVICE_FILE, facts.encode())
        device.close()
    for name in sorted(elsewhere):
        readings[name] = _latency_beside(assembly, space, folder, name, beside[name])
    values = {name: reading.to_json() for name, reading in readings.items()}
    write_atomically(kept, json.dumps(values).encode())
    return Measurement(readings)


def served_baseline(assembly: Assembly, space: CompressionSpace, runtime: KnownRuntime) -> Network:
    """Return the uncompressed network as a runtime has it.

    Where that reads no floats, weights and activations have 8 bits, and ranges are those of
    calibration: what a person would deploy without compressing.
    """
    if not runtime.integers:
        return space.baseline_network()
    network = space.rounded_baseline()
    settle(network, assembly.data, norms=False)
    return network


def measured_on(folder: RunFolder) -> Facts:
    """Return the device that a run's baseline was measured on.

    Raises:
        SpecError: The file that says so is damaged or gone.
    """
    path = folder.baseline / DEVICE_FILE
    facts = read_kept(path, Facts.from_json, cure=_cure(path))
    if facts is None:
        raise SpecError(f"the run has lost the file {path}; {_cure(path)}")
    return facts


def _kept(path: Path) -> dict[str, Reading]:
    def readings(values: Any) -> dict[str, Reading]:
        return {name: Reading.from_json(each) for name, each in values.items()}

    return read_kept(path, readings, cure=_cure(path)) or {}


def _begun_with(folder: RunFolder) -> dict[str, Reading]:
    """Return the readings that a run was begun with; nothing where none was."""
    if not folder.started():
        return {}
    baseline = Plan.read(folder.plan).baseline
    return {name: baseline[name] for name in baseline}


def _cure(path: Path) -> str:
    return f"remove the folder {path.parent}, and 'tightfit run' measures what plan.json has not"


def _readings(
    assembly: Assembly, space: CompressionSpace, path: Path, device: Device
) -> dict[str, Reading]:
    """Write the baseline's file and return what every study asks of it."""
    precision = measuring_precision(assembly.study.spec.device)
    runtime, profile = assembly.serving.chosen, assembly.profile
    shapes = space.baseline_blueprint(rounded=runtime.integers)
    readings = static_readings(shapes, profile)
    network = served_baseline(assembly, space, runtime)
    readings |= write_network(network, path, metadata=_metadata(assembly), profile=profile)
    if runtime.timed:
        name = latency_ms.METRIC.name
        meter = LatencyMeter(path, device, precision=precision, decisive=name in assembly.wanted)
        readings[name] = meter.measure_baseline()
    else:
        readings[ram_kb.METRIC.name] = arena_kb(path)
    readings[assembly.task.metric.name] = score_file(
        path,
        assembly.data.validation,
        data=assembly.data,
        task=assembly.task,
        runtime=assembly.serving.runtime,
    )
    return readings


def _write_files(assembly: Assembly, space: CompressionSpace, folder: RunFolder) -> None:
    """Write the baseline's file for each runtime that it is measured in."""
    for runtime in (assembly.serving.chosen, *assembly.serving.beside.values()):
        _write_file(assembly, space, folder.baseline / runtime.model_file, runtime)


def _write_file(
    assembly: Assembly, space: CompressionSpace, path: Path, runtime: KnownRuntime
) -> None:
    network = served_baseline(assembly, space, runtime)
    write_file(network, path, metadata=_metadata(assembly))


def _metadata(assembly: Assembly) -> dict[str, str]:
    """Return what the baseline's file says of itself: what a candidate's file says."""
    return file_metadata({"tightfit": __version__}, data=assembly.data, origin="baseline")


def _latency_beside(
    assembly: Assembly, space: CompressionSpace, folder: RunFolder, metric: str, device: Device
) -> Reading:
    """Return the baseline's latency in another runtime, for which its file is written."""
    runtime = assembly.serving.beside[metric]
    path = folder.baseline / runtime.model_file
    if not path.is_file():
        _write_file(assembly, space, path, runtime)
    precision = measuring_precision(assembly.study.spec.device)
    try:
        return LatencyMeter(path, device, precision=precision).measure_baseline()
    finally:
        device.close()


def _named_quality(assembly: Assembly, space: CompressionSpace, path: Path) -> dict[str, Reading]:
    """Return the quality metrics that the study names and the baseline has."""
    subject = Subject(
        file=path,
        model=served_baseline(assembly, space, assembly.serving.chosen).eval(),
        baseline=path,
        data=assembly.data,
        split=assembly.data.validation,
        runtime=assembly.serving.runtime,
        settings=assembly.quality.settings,
    )
    return assembly.quality.readings(subject)
