"""What of a graph is gone in each candidate of a batch that drops residual blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tightfit import BoolArray


@dataclass(frozen=True, slots=True)
class Bypass:
    """Where readers of a dropped block read its skip. Every array is ``[n]``.

    Attributes:
        present: By node that may be gone, where it is there.
        lives: By activation that may be gone, where it is there; the output of a dropped block is,
            as another name of its skip.
        skips: By output of a block, the value that stands for it, and where.
        ends: By node, an activation that a runtime fuses with it, and where: there, nothing stands
            between them.
        alone: By activation that is fused with the sum of a block, where it is fused with nothing.
    """

    present: Mapping[str, BoolArray] = field(default_factory=dict)
    lives: Mapping[str, BoolArray] = field(default_factory=dict)
    skips: Mapping[str, tuple[str, BoolArray]] = field(default_factory=dict)
    ends: Mapping[str, tuple[str, BoolArray]] = field(default_factory=dict)
    alone: Mapping[str, BoolArray] = field(default_factory=dict)


WHOLE = Bypass()
"""Nothing is gone."""
