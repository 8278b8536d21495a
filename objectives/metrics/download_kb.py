"""Bytes that travel: the file as an app store or an update over a radio link compresses it.

Packed codes of few bits compress less than their file suggests, pruned and ternary ones more: only
the file itself can say. There is no prediction, so a limit on it is checked once the file is there,
before anything is trained.
"""

from __future__ import annotations

import zstandard

from tightfit.metric import Direction, Kind, Metric, Stage

LEVEL = 9
"""Of zstd. On networks it is within a few per cent of the highest level, 19, and a hundred times as
fast; ternary weights gain another tenth there."""

METRIC = Metric(
    name="download_kb",
    unit="kB",
    direction=Direction.MINIMIZE,
    stage=Stage.RUNTIME,
    kind=Kind.COUNTED,
    summary=f"bytes of the exported file after zstd at level {LEVEL} (1 kB = 1,000 bytes)",
)


def compressed_kb(file: bytes) -> float:
    """Return the kilobytes that a file takes when it is sent."""
    return len(zstandard.ZstdCompressor(level=LEVEL).compress(file)) / 1000
