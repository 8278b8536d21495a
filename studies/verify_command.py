"""Verifies an export with what a person names on the command line."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from tightfit import SpecError
from tightfit.objectives.datasets import load_data
from tightfit.objectives.meter.device import DeviceSettings
from tightfit.objectives.proof.pictures import Pictures, write_pictures
from tightfit.objectives.task import Score
from tightfit.studies.examining import Evidence, examine
from tightfit.studies.export_folder import PICTURES_FILE, ExportFolder, baseline_file
from tightfit.studies.settings import user_function
from tightfit.studies.verification import Verification
from tightfit.studies.verifying import compare

_PICTURES_SUFFIX = ".npz"


def verify_export(
    export: ExportFolder,
    *,
    data: str | None = None,
    baseline: Path | None = None,
    score: str | None = None,
    device: DeviceSettings,
) -> Verification:
    """Read an export's file anew in a fresh process and return which of its claims hold.

    Args:
        export: That was found whole.
        data: An ``.npz`` with ``inputs`` and ``targets``, or a data set as a study names it, whose
            test split is taken (the validation split where it has none); the test split in the
            export when not given.
        baseline: The uncompressed network's file; the one in the export when not given.
        score: The user's own score ``module:function``, looked up in this folder.
        device: Where latency and memory are read.

    Raises:
        SpecError: Something that was named does not exist or does not fit.
        MeasurementError: A file does not run.
    """
    if baseline is not None and not baseline.is_file():
        raise SpecError(f"there is no file {baseline} for --baseline")
    own = None if score is None else cast(Score, user_function(score, Path.cwd()))
    with _pictures(export, data) as pictures:
        evidence = Evidence(
            model=export.path / export.model,
            baseline=baseline or export.file(baseline_file(export.model)),
            pictures=pictures,
            score=own,
            device=device,
        )
        found, quality = examine(evidence, export.report)
    title = f"{export.report['study']}, trial {export.report['trial']}"
    return compare(export.report, found, quality, title=title)


@contextmanager
def _pictures(export: ExportFolder, data: str | None) -> Iterator[Path | None]:
    """Give the file of the pictures; what only our loaders can read is written for the process."""
    if data is None:
        yield export.file(PICTURES_FILE)
    elif data.endswith(_PICTURES_SUFFIX):
        yield Path(data)
    else:
        with tempfile.TemporaryDirectory(prefix="tightfit-") as folder:
            file = Path(folder) / "pictures.npz"
            write_pictures(file, _load(export, data), compressed=False)
            yield file


def _load(export: ExportFolder, data: str) -> Pictures:
    report = export.report
    loaded = load_data(
        data,
        root=None,
        seed=report["seed"],
        study_folder=Path.cwd(),
        image_size=report["data"]["image_size"],
    )
    split = loaded.test or loaded.validation
    return Pictures(split.inputs.numpy(), split.targets.numpy())
