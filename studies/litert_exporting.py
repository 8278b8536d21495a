"""What an export holds for phones and microcontrollers beside the file of its runtime."""

from __future__ import annotations

import shutil
import tempfile
from enum import Enum
from pathlib import Path
from typing import Any

from tightfit import Reading, Record, SpecError, __version__
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.litert import (
    HEADER_FILE,
    LITERT_FILE,
    header,
    operators,
    write_litert,
)
from tightfit.objectives.file_metadata import file_metadata
from tightfit.objectives.quality import score_file
from tightfit.objectives.runtimes.litert import LiteRt
from tightfit.objectives.runtimes.litert_micro import LiteRtMicro, arena_kb
from tightfit.studies.assembly import Assembly
from tightfit.studies.export_folder import read_report, seal
from tightfit.studies.loading import load


class Format(Enum):
    """What an export is for."""

    ONNX = "onnx"
    LITERT = "litert"


def check_litert(assembly: Assembly) -> None:
    """Refuse a study whose members have no file of integers, before anything is written.

    Raises:
        SpecError: It leaves floats in its networks, or the extra ``litert`` is not installed.
    """
    table = assembly.study.spec.space.quantization
    if table is None or not table.integer_only:
        raise SpecError(
            "a LiteRT file holds no floats, and members of this study do; run it with "
            "'integer_only = true' in [space.quantization]"
        )
    LiteRt(), LiteRtMicro()


def export_litert(folder: Path, assembly: Assembly, record: Record) -> dict[str, Any]:
    """Add ``model.tflite`` and ``model.h`` to an export, and what was measured to its report.

    Args:
        folder: Of an export of a member of this study.
        assembly: The study's parts.
        record: Of the member.

    Returns:
        What stands in ``report.json`` under ``litert``.

    Raises:
        CandidateError: The network has an operator without an integer form.
        SpecError: The study leaves floats in its networks, or the folder cannot be written.
        MeasurementError: A runtime does not take the file.
    """
    check_litert(assembly)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".litert.") as made:
        path = Path(made) / LITERT_FILE
        if assembly.file == LITERT_FILE:
            shutil.copyfile(folder / LITERT_FILE, path)
        else:
            program = load(folder, model=lambda: assembly.model.module).program()
            known = {"tightfit": __version__, "baseline": record.fingerprint}
            origin = record.candidate.key
            metadata = file_metadata(known, data=assembly.data, origin=origin)
            write_litert(program, path, metadata=metadata)
        content, arena = path.read_bytes(), arena_kb(path)
        write_header(path, arena)
        runtime = LiteRt(assembly.profile.threads)
        quality = _quality(path, assembly, runtime)
        # All of it went well: until here the export is as it was.
        for name in (HEADER_FILE, LITERT_FILE):
            path.with_name(name).replace(folder / name)
    found = {
        "runtimes": [runtime.name, LiteRtMicro().name],
        "size_kb": len(content) / 1000,
        "ram_kb": {"value": arena.value, "kind": arena.kind.value},
        "operators": list(operators(content)),
        **quality,
    }
    seal(folder, {**read_report(folder), "litert": found})
    return found


def write_header(path: Path, arena: Reading) -> None:
    """Write ``model.h`` beside a ``.tflite`` file, with the arena that was measured."""
    text = header(path.read_bytes(), arena_bytes=round(arena.value * 1000))
    write_atomically(path.with_name(HEADER_FILE), text.encode())


def _quality(path: Path, assembly: Assembly, runtime: LiteRt) -> dict[str, Any]:
    """Return what the file reaches on the test split, or on the validation split without one."""
    data, name = assembly.data, assembly.task.metric.name
    split, prefix = (data.validation, "validation") if data.test is None else (data.test, "test")
    reading: Reading = score_file(path, split, data=data, task=assembly.task, runtime=runtime)
    return {
        f"{prefix}_{name}": {
            "value": reading.value,
            "stderr": reading.stderr,
            "n": reading.repeats,
        }
    }
