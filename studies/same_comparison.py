"""Whether samplers are compared on the study that a folder's comparison was begun with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tightfit import SpecError
from tightfit.objectives.artifact.files import write_atomically
from tightfit.studies.kept import read_kept
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.spec import StudySpec

_SEARCHED = {
    "constraints", "confident", "objectives", "seed", "model", "data", "training", "quality",
    "space", "device",
}  # fmt: skip
"""Keys of a study that make its searches other ones."""


def check_same_comparison(spec: StudySpec, folder: RunFolder) -> None:
    """Refuse a folder in which samplers were compared on another study.

    Raises:
        SpecError: They were; the differences are listed.
    """
    kept: dict[str, Any] | None = read_kept(_path(folder), dict, cure="choose another with --to")
    if kept is None:
        return
    now = _searched(spec)
    differing = [key for key in now if kept.get(key) != now[key]]
    if differing:
        shown = "; ".join(
            f"{key}: {json.dumps(kept.get(key))} there, {json.dumps(now[key])} here"
            for key in differing
        )
        raise SpecError(
            f"the samplers of {folder.comparison} were compared on another study ({shown}); choose "
            "another folder with --to, or undo the change"
        )


def keep_compared(spec: StudySpec, folder: RunFolder) -> None:
    """Keep what samplers are compared on."""
    text = json.dumps(_searched(spec), indent=1)
    write_atomically(_path(folder), text.encode())


def _path(folder: RunFolder) -> Path:
    return folder.comparison / "study.json"


def _searched(spec: StudySpec) -> dict[str, Any]:
    return spec.model_dump(mode="json", include=_SEARCHED)
