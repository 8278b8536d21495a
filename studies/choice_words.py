"""A candidate in words: what it chose, in a line."""

from __future__ import annotations

from collections import Counter

from tightfit import Candidate, SearchSpace
from tightfit.studies import wording

_FEW = 4
"""Hparams of a technique that are named each, and values that are counted each."""


def choices_text(space: SearchSpace, candidate: Candidate) -> str:
    """Return what a candidate chose: ``pruning_ratio 0.5 ×9, 0.25 ×1; network.bits 4``.

    Hparams with one choice are left out, and so are those that are of no matter to it.
    """
    open_names = [each.name for each in space.hparams if len(each.choices) > 1]
    sites = Counter(name.rpartition(".")[2] for name in open_names)
    chosen: dict[str, Counter[str]] = {}
    for name, value in space.active_choices(candidate).items():
        if name in open_names:
            technique = name.rpartition(".")[2]
            # One of the whole network, or of few sites, keeps its full name.
            key = technique if sites[technique] > _FEW else name
            chosen.setdefault(key, Counter())[wording.choice(value)] += 1
    return "; ".join(f"{key} {_values(values)}" for key, values in chosen.items())


def _values(values: Counter[str]) -> str:
    if len(values) == 1:
        return next(iter(values))
    parts = [f"{value} ×{times}" for value, times in values.most_common(_FEW)]
    return ", ".join(parts) + (", …" if len(values) > _FEW else "")
