"""The uncompressed network: trained when it has to be, written, measured, and kept in the run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import torch
from safetensors.torch import load_file, save
from torch import nn

from tightfit import Measurement, Reading, Recipe
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.evaluator import Progress
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.models.weights import tensors_of
from tightfit.objectives.optimization import USUAL
from tightfit.objectives.quality import score_file
from tightfit.objectives.runtimes import Runtime
from tightfit.objectives.workshop import MODEL_FILE, static_readings, write_network
from tightfit.spaces.compression import CompressionSpace
from tightfit.studies.assembly import Assembly
from tightfit.studies.run_folder import RunFolder

READINGS_FILE = "readings.json"

Say = Callable[[str], None]
"""Told in a few words what is being done."""


def trained_module(
    assembly: Assembly, folder: RunFolder, *, say: Say, progress: Progress
) -> nn.Module:
    """Return the baseline with its weights, trained first when it has none.

    What was trained is kept beside the run's folder, keyed by all it depends on, so that other
    studies of the same network and data find it.
    """
    module = assembly.model.module
    if not assembly.model.needs_training:
        return module
    path = folder.path.parent / ".baselines" / f"{_training_key(assembly)}.safetensors"
    if path.is_file():
        module.load_state_dict({**module.state_dict(), **load_file(path)})
        return module.eval()
    spec = assembly.study.spec.training
    say(f"training the baseline for {spec.baseline_epochs} epochs, once")
    trainer = assembly.trainer(teacher=None)
    usual = USUAL[spec.optimizer].baseline
    recipe = Recipe(spec.baseline_epochs, spec.baseline_learning_rate or usual)
    module = trainer(module, recipe, seed=assembly.study.spec.seed, progress=progress)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A file of safetensors takes no two names for one tensor.
    plain = torch.contiguous_format
    copies = {name: each.clone(memory_format=plain) for name, each in tensors_of(module).items()}
    write_atomically(path, save(copies))
    return module


def _training_key(assembly: Assembly) -> str:
    spec = assembly.study.spec.model_dump(mode="json", include={"seed", "model", "training"})
    text = json.dumps(spec, sort_keys=True) + assembly.data.fingerprint + assembly.code
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def measured_baseline(
    assembly: Assembly, space: CompressionSpace, folder: RunFolder, *, runtime: Runtime
) -> Measurement:
    """Return the baseline's readings, taken once: of its file, which lies in the run."""
    path, kept = folder.baseline / MODEL_FILE, folder.baseline / READINGS_FILE
    if path.is_file() and kept.is_file():
        values = json.loads(kept.read_text("utf-8"))
        return Measurement({name: Reading.from_json(each) for name, each in values.items()})
    network = space.baseline_network()
    readings = static_readings(space.baseline_blueprint(), assembly.profile)
    readings |= write_network(
        network, path, metadata={"tightfit": "baseline"}, profile=assembly.profile
    )
    readings["latency_ms"] = LatencyMeter(path, runtime).measure_baseline()
    readings[assembly.task.metric.name] = score_file(
        path, assembly.data.validation, data=assembly.data, task=assembly.task, runtime=runtime
    )
    values = {name: reading.to_json() for name, reading in readings.items()}
    write_atomically(kept, json.dumps(values).encode())
    return Measurement(readings)
