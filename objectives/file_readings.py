"""The file of a network, and what its bytes say, without running it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

from torch import nn

from tightfit import Kind, Reading, Stage
from tightfit.objectives.artifact.formats import Exportable, write_file
from tightfit.objectives.metrics import download_kb, download_s
from tightfit.objectives.profile import DeviceProfile


def write_network(
    model: nn.Module, path: Path, *, metadata: Mapping[str, str], profile: DeviceProfile
) -> dict[str, Reading]:
    """Write the file of an :class:`Exportable` network; return what its bytes say."""
    write_file(cast(Exportable, model), path, metadata=metadata)
    return file_readings(path, profile)


def file_readings(path: Path, profile: DeviceProfile) -> dict[str, Reading]:
    """Return the readings of a file's bytes, by metric."""
    content = path.read_bytes()
    sent_kb = download_kb.compressed_kb(content)
    size = _reading(len(content) / 1000, Kind.COUNTED)
    return {
        "size_kb": size,
        # What flash must hold is the file, so its bytes settle both.
        "flash_kb": size,
        download_kb.METRIC.name: _reading(sent_kb, download_kb.METRIC.kind),
        download_s.METRIC.name: _reading(
            download_s.seconds(sent_kb, profile), download_s.METRIC.kind
        ),
    }


def _reading(value: float, kind: Kind) -> Reading:
    return Reading(value, kind=kind, stage=Stage.RUNTIME)
