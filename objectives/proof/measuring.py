"""Size, memory, latency and right answers of a file, read with the runtime alone.

A time that a disturbed machine tells is handed on however wide it is: all else was read as well,
and whoever judges a claim by it sees how well it is known.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx

from tightfit.errors import SpecError
from tightfit.metric import Kind, Stage
from tightfit.objectives.footprint import FootprintMeter
from tightfit.objectives.instruction_set import (
    InstructionSet,
    instruction_set,
    unchecked_here,
)
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.meter.connection import LOCAL
from tightfit.objectives.meter.device import Device, NoRuntimeError, UntoldError
from tightfit.objectives.metrics import peak_kb
from tightfit.objectives.proof.job import Found, Job
from tightfit.objectives.proof.machine import instructions, machine
from tightfit.objectives.proof.pictures import Pictures, as_they_are, prepared, read_pictures
from tightfit.objectives.runtimes import RUNTIMES, Float32Array, Runtime, predict
from tightfit.objectives.runtimes.litert_micro import arena_kb
from tightfit.reading import Reading

BATCH, SENT_BYTES = 250, 4_000_000
"""Pictures at once; fewer where they are sent to a device."""

Pairs = tuple[int, int, int, int]


def measure(job: Job) -> Found:
    """Read everything that a job has the files for.

    Raises:
        SpecError: The pictures do not fit the file, or a device cannot be used.
        MeasurementError: A file does not run.
    """
    known = RUNTIMES[job.device.runtime]
    runtime = known.make(job.device.threads)
    pictures = None if job.pictures is None else read_pictures(job.pictures)
    right, pairs = None, None
    size = job.model.stat().st_size / 1000
    here, device = job.device.connect == LOCAL, Device(job.device)
    answered_here = here or not device.gives_answers
    try:
        if pictures is not None:
            right, pairs = _answers(job, pictures, runtime, None if answered_here else device)
        ratio, milliseconds = _latency(job, device) if known.timed else (None, None)
        memory = _memory(job, device) if known.timed else None
        footprint = _footprint(job, device)
        facts = device.facts()
    finally:
        device.close()
    having = instruction_set() if answered_here else instructions(facts)
    return Found(
        size_kb=Reading(size, Kind.COUNTED, Stage.RUNTIME),
        memory_kb=memory,
        arena_kb=None if known.timed else arena_kb(job.model),
        latency_ratio=ratio,
        latency_ms=milliseconds,
        right=right,
        pairs=pairs,
        pictures=0 if pictures is None else len(pictures),
        pictures_digest="" if pictures is None else pictures.digest,
        runtime=facts.runtime_name,
        machine=machine(facts),
        unchecked=_unchecked(job.model, having),
        apart=answered_here and not here,
        modules=_foreign_modules(),
        beside=dict(_latencies_beside(job)),
        footprint=footprint,
    )


def _unchecked(model: Path, having: InstructionSet) -> str:
    """Return what cannot be seen here of other processors; only ONNX files may differ there."""
    if model.suffix != ".onnx":
        return ""
    return unchecked_here(onnx.load(model), having) or ""


def _foreign_modules() -> tuple[str, ...]:
    """Return the top-level modules of this process that are not Python's own."""
    own = sys.stdlib_module_names
    names = {name for name, module in sys.modules.items() if getattr(module, "__file__", None)}
    top = {name.partition(".")[0] for name in names}
    return tuple(sorted(name for name in top - own if not name.startswith("_")))


def _latency(job: Job, device: Device) -> tuple[Reading | None, Reading | None]:
    """Return the ratio to the baseline and the milliseconds, as the device has them."""
    if job.baseline is None:
        return None, None
    read = LatencyMeter(job.baseline, device, decisive=False).measure(job.model)
    ratio = Reading(
        read.ratio.median,
        Kind.MEASURED,
        Stage.RUNTIME,
        stderr=read.ratio.stderr(read.latency_ms.repeats),
        repeats=read.latency_ms.repeats,
        note=read.latency_ms.note,
        conditions=read.latency_ms.conditions,
    )
    return ratio, read.latency_ms


def _latencies_beside(job: Job) -> Iterator[tuple[str, Reading]]:
    """Yield the runtimes that are there with the ratio to the baseline in each."""
    for name in job.beside:
        device = Device(replace(job.device, runtime=name))
        try:
            ratio, _ = _latency(job, device)
        except NoRuntimeError:
            continue  # its claim stays unchecked
        finally:
            device.close()
        if ratio is not None:
            yield name, ratio


def _footprint(job: Job, device: Device) -> dict[str, Reading]:
    """Return what the job wants to know, as ratios to the baseline."""
    if job.baseline is None or not job.footprint:
        return {}
    units = dict.fromkeys(job.footprint, 1.0)
    meter = FootprintMeter(job.baseline, device, job.footprint, units, decisive=False)
    return meter.measure(job.model)


def _memory(job: Job, device: Device) -> Reading | None:
    name = peak_kb.METRIC.name
    try:
        return FootprintMeter(job.model, device, wanted=(name,)).measure(job.model)[name]
    except UntoldError:
        return None


def _answers(
    job: Job, pictures: Pictures, runtime: Runtime, device: Device | None
) -> tuple[int | None, Pairs | None]:
    """Return the right answers of the model, and paired with the baseline's.

    Where the job wants outputs, they are written instead, and nothing is counted. They are those of
    the device, or of this process where none is given.
    """
    outputs = _outputs(job.model, job, pictures, runtime, device)
    theirs = None
    if job.baseline is not None:
        theirs = _outputs(job.baseline, job, pictures, runtime, device)
    if job.outputs is not None:
        np.save(job.outputs / "model.npy", outputs)
        if theirs is not None:
            np.save(job.outputs / "baseline.npy", theirs)
        return None, None
    ours = _right(outputs, pictures)
    if theirs is None:
        return int(ours.sum()), None
    other = _right(theirs, pictures)
    counts = [int(((other == a) & (ours == b)).sum()) for a in (True, False) for b in (True, False)]
    both, lost, gained, neither = counts
    return int(ours.sum()), (both, lost, gained, neither)


def _right(outputs: Float32Array, pictures: Pictures) -> npt.NDArray[np.bool_]:
    targets = pictures.targets
    if targets.ndim != 1 or targets.dtype.kind not in "iu" or outputs.ndim != 2:
        raise SpecError(
            "right answers need outputs [N, classes] and numbers of classes [N] as targets, "
            f"got {list(outputs.shape)} and {targets.dtype} {list(targets.shape)}"
        )
    if targets.min() < 0 or targets.max() >= outputs.shape[1]:
        raise SpecError(
            f"the file tells {outputs.shape[1]} classes apart, the targets are "
            f"{targets.min()}..{targets.max()}"
        )
    right: npt.NDArray[np.bool_] = outputs.argmax(1) == targets
    return right


def _outputs(
    path: Path, job: Job, pictures: Pictures, runtime: Runtime, device: Device | None
) -> Float32Array:
    session = runtime.open(path)
    shape = session.input_shapes[0]

    def fed(inputs: npt.NDArray[np.generic]) -> Float32Array:
        if job.preprocessed and path == job.model:
            return as_they_are(inputs)
        return prepared(inputs, shape, mean=job.mean, std=job.std)

    def answers(inputs: Float32Array) -> Float32Array:
        return predict(session, inputs) if device is None else device.answers(path, inputs)

    batch = BATCH
    if device is not None:
        batch = min(BATCH, max(1, SENT_BYTES // fed(pictures.inputs[:1]).nbytes))
    parts = [
        answers(fed(pictures.inputs[start : start + batch]))
        for start in range(0, len(pictures), batch)
    ]
    return np.concatenate(parts)
