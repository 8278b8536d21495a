"""Runs of layers that work at one resolution."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tightfit.spaces.axes import dims
from tightfit.spaces.shapes import BATCH
from tightfit.spaces.ties import Axes, Ties

HEAD = "head"


def stages(layers: Sequence[str], ties: Ties) -> dict[str, str]:
    """Return the stage of each layer: ``stage1``, ``stage2``, ... by resolution, then ``head``.

    A stage is a run of layers whose outputs have equally many places: pixels, tokens. Layers that
    work on a single one between them (the gates of squeeze-and-excite), on windows, or along the
    places themselves (the token mixing of MLP-Mixer) belong to the stage around them; those behind
    the last one with places are the head.
    """
    places = {name: _places(ties.values[name]) for name in layers}
    last = max((at for at, name in enumerate(layers) if places[name] > 1), default=-1)
    found: dict[str, str] = {}
    current = count = 0
    for position, name in enumerate(layers):
        if position > last:
            found[name] = HEAD
            continue
        if places[name] > 1 and places[name] != current:
            current = places[name]
            count += 1
        found[name] = f"stage{max(count, 1)}"
    return found


def _places(axes: Axes) -> int:
    """Return at how many places a layer's output has its channels, 1 where they are in windows."""
    others = [axis for axis in axes if axis.size != BATCH]
    if len(others) != len(axes) - 1:
        return 1
    return math.prod(axis.size for axis in others if not any(dims(axis)))
