"""An export whose file takes pictures as they are: what it does first, and what it then claims."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tightfit import Measurement, Reading, SpecError
from tightfit.objectives.artifact.preprocessing import Preprocessing
from tightfit.objectives.file_readings import file_readings
from tightfit.objectives.metrics import peak_kb
from tightfit.objectives.proof import Found
from tightfit.studies.assembly import Assembly
from tightfit.studies.examining import time_ratios
from tightfit.studies.export_report import Member
from tightfit.studies.verifying import TIMES

ONNXRUNTIME = "onnxruntime"


@dataclass(frozen=True, slots=True)
class Preprocess:
    """That the file prepares pictures itself.

    Attributes:
        source: Usual ``(height, width)`` of the pictures; those of the data alone when not given.
    """

    source: tuple[int, int] | None = None

    @classmethod
    def asked(cls, *, preprocess: bool, source: str | None) -> Preprocess | None:
        """Return what two options ask for; nothing where neither is given.

        Raises:
            SpecError: A size that is none, or one of pictures that the file does not prepare.
        """
        if source is None:
            return cls() if preprocess else None
        if not preprocess:
            raise SpecError(
                "--source-size is the size of pictures that the file prepares itself; give "
                "--preprocess as well"
            )
        sides = source.lower().split("x")
        if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
            raise SpecError(f"--source-size takes HEIGHTxWIDTH, e.g. 480x640, got {source!r}")
        height, width = map(int, sides)
        return cls((height, width))

    def of(self, assembly: Assembly) -> Preprocessing:
        """Return what is done to the pictures of a study.

        Raises:
            SpecError: The data has no uint8 pictures, or the study serves with a runtime whose
                files do not prepare any.
        """
        data, runtime = assembly.data, assembly.serving.chosen.name
        if runtime != ONNXRUNTIME:
            raise SpecError(
                f"pictures are prepared inside files for {ONNXRUNTIME}, and device.runtime is "
                f"{runtime!r}; export without --preprocess"
            )
        if data.train.inputs.dtype != torch.uint8:
            kind = str(data.train.inputs.dtype).removeprefix("torch.")
            raise SpecError(
                f"only uint8 pictures can be prepared inside the file, the data {data.name!r} has "
                f"inputs of {kind}; export without --preprocess"
            )
        return Preprocessing(data.input_shape, data.mean, data.std, self.source)


def handed_over(member: Member, file: Path, found: Found) -> Member:
    """Return a member with the readings of the file that is handed over in place of its own.

    Bytes are counted anew, and all that is measured is what was found of this file; a reading that
    could not be taken of it is gone.
    """
    record, baseline = member.standing.record, member.results.baseline
    readings: dict[str, Reading] = file_readings(file, member.assembly.profile)
    searched = record.measurement.readings
    taken = {name: each for name, each in searched.items() if name not in TIMES}
    for name, ratio in time_ratios(found).items():
        unit = baseline.value(name)
        readings[name] = replace(ratio, value=ratio.value * unit, stderr=ratio.stderr * unit)
    if peak_kb.METRIC.name in taken and found.memory_kb is not None:
        readings[peak_kb.METRIC.name] = found.memory_kb
    measured = replace(record, measurement=Measurement({**taken, **readings}))
    return replace(member, standing=replace(member.standing, record=measured))
