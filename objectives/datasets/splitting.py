"""Which pictures are held out, by seed."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tightfit import SpecError
from tightfit.objectives.data import Split

VALIDATION_SHARE = 0.1
"""Of the pictures, held out where a data set comes without a validation split of its own."""


def hold_out(split: Split, *, share: float, seed: int) -> tuple[Split, Split]:
    """Return ``split`` without a random share of it, and that share.

    Every class gives its share, rounded up, as long as it keeps one picture; where targets are not
    classes, all pictures are one class. The same seed gives the same pictures on every machine.

    Raises:
        SpecError: Nothing can be held out, since no class has two pictures.
    """
    held = _drawn(split, share=share, seed=seed)
    if held.size == 0:
        raise SpecError(
            "at least one class needs two inputs, so that one can be held out for validation, "
            f"got {len(split)} inputs with one or none of each class"
        )
    kept = np.setdiff1d(np.arange(len(split)), held)
    return split.take(torch.from_numpy(kept)), split.take(torch.from_numpy(held))


def _drawn(split: Split, *, share: float, seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    rng = np.random.default_rng(seed)
    labels = _labels(split).numpy()
    drawn = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        count = min(int(np.ceil(share * len(members))), len(members) - 1)
        drawn.append(members[:count])
    return np.sort(np.concatenate(drawn))


def _labels(split: Split) -> Tensor:
    return split.targets if split.holds_classes else torch.zeros(len(split), dtype=torch.int64)
