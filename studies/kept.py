"""Files that a run reads back: what is wrong with one is said in a line, with what to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from tightfit import MeasurementError, SpecError
from tightfit.studies.wording import listed

T = TypeVar("T")

_FOREIGN = (OSError, ValueError, TypeError, KeyError, AttributeError, IndexError, MeasurementError)
"""What JSON of some other program, or half of ours, makes a reader raise."""


def read_kept(
    path: Path, build: Callable[[Any], T], *, cure: str, versions: Sequence[int] = (1,)
) -> T | None:
    """Return what is built of a JSON file's values; ``None`` where there is no file.

    Args:
        path: Of the file.
        build: Takes its values.
        cure: What to do about a file that cannot be read.
        versions: Of the file that can be read; one without a version has the first.

    Raises:
        SpecError: It is cut off, some other program's, or of another version.
    """
    try:
        values = json.loads(path.read_text("utf-8"))
        version = values.get("version", versions[0]) if isinstance(values, dict) else versions[0]
        if version in versions:
            return build(values)
    except FileNotFoundError:
        return None
    except _FOREIGN as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise SpecError(f"{path} cannot be read: {reason}; {cure}") from error
    plural = "" if len(versions) == 1 else "s"
    known = listed([str(each) for each in versions])
    raise SpecError(
        f"{path} has version {version!r}, this Tightfit reads version{plural} {known}; {cure}"
    )
