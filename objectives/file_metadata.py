"""What a file says about itself."""

from __future__ import annotations

from collections.abc import Mapping

from tightfit.objectives.data import Data

_MOST_NAMES = 1024
"""Characters; more of them would weigh in the file of a small network."""


def file_metadata(known: Mapping[str, str], *, data: Data, origin: str) -> dict[str, str]:
    """Return what was known, what a file was made from, and how to feed it and read it.

    ``mean`` and ``std`` are of each channel; class names stand one a line where they are known and
    few.

    Args:
        known: The metadata of all files of a run.
        data: Of the study.
        origin: The key of a candidate, or what else the network was made from.
    """
    told = {
        **known,
        "candidate": origin,
        "mean": " ".join(f"{value:.6g}" for value in data.mean),
        "std": " ".join(f"{value:.6g}" for value in data.std),
    }
    names = "\n".join(data.class_names or ())
    if 0 < len(names) <= _MOST_NAMES:
        told["classes"] = names
    return told
