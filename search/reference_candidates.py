"""Candidates that plain ways lead to, so that everyone sees what the search is worth.

Uniform compression gives every layer the same setting; a single technique leaves all others off.
Both are taken as weak as the static limits allow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from tightfit import Candidate, Constraint, CostModel, IntArray, SearchSpace, SpecError
from tightfit.search.descent import least_violating
from tightfit.search.screening import Screen

DEPTH = ".depth"

TECHNIQUES: Mapping[str, str] = {
    "pruning": ".pruning_ratio",
    "quantization": ".bits",
    "decomposition": ".rank",
    "depth": DEPTH,
    "input size": "input.size",
}
"""By technique, how the names of its hparams end."""

_MOST_LEVELS = 12


@dataclass(frozen=True, slots=True)
class ReferenceCandidate:
    """A candidate that no sampler proposed.

    Attributes:
        origin: What it stands for, e.g. ``uniform: pruning 0.75, quantization 4``.
        candidate: In the study's space.
        excess: Sum of the positive violations of the static limits, each as a share of its bound;
            positive when the technique cannot keep them, and then the least that it can reach.
    """

    origin: str
    candidate: Candidate
    excess: float


def reference_candidates(
    space: SearchSpace,
    costs: CostModel,
    constraints: Sequence[Constraint],
    *,
    base: Candidate,
    static_errors: Mapping[str, float] | None = None,
    uniform: int = 4,
) -> tuple[ReferenceCandidate, ...]:
    """Return uniform compressions at up to ``uniform`` strengths, then each technique alone.

    Args:
        space: Of the study; hparams are told apart by ``TECHNIQUES``.
        costs: Static metrics of batches of candidates.
        constraints: Of the study; those on static metrics count.
        base: Gives the choices of all hparams that belong to no technique: how to train.
        static_errors: Relative errors of those static metrics that are predictions.
        uniform: How many different ways to keep the limits uniformly.

    Raises:
        SpecError: ``base`` is not of this space.
    """
    if len(base.indices) != len(space):
        raise SpecError(
            f"the base candidate has {len(base.indices)} indices, the space {len(space)} hparams"
        )
    screen = Screen(space, costs, constraints, errors=static_errors or {})
    columns = technique_columns(space)
    if not columns:
        return ()  # every technique has one setting only
    plain = np.array(base.indices, dtype=np.int64)
    plain[np.concatenate([*columns.values(), np.array([], dtype=np.int64)])] = 0
    grid = _Grid(space, columns, plain)
    return (
        *_uniform(grid, screen, uniform),
        *(_alone(technique, grid, screen) for technique in columns),
    )


def technique_columns(space: SearchSpace) -> dict[str, IntArray]:
    """Return by technique the columns of its hparams that have choices, absent ones left out."""
    columns: dict[str, IntArray] = {}
    for technique, suffix in TECHNIQUES.items():
        found = [
            position
            for position, hparam in enumerate(space.hparams)
            if hparam.name.endswith(suffix) and len(hparam.choices) > 1
        ]
        if found:
            columns[technique] = np.array(found, dtype=np.int64)
    return columns


class _Grid:
    """Uniform compressions: each technique at one level, the same for all its hparams.

    A technique has as many levels as its longest hparam has choices; at a level, every hparam takes
    the choice that stands as far along its own list. Blocks are there or gone: the levels of depth
    count those that are gone, spread evenly over the network (Fan, Grave and Joulin, "Reducing
    transformer depth on demand with structured dropout", 2020, section 3.2).
    """

    def __init__(
        self, space: SearchSpace, columns: Mapping[str, IntArray], plain: IntArray
    ) -> None:
        self.space = space
        self.columns = dict(columns)
        self.plain = plain
        counts = space.choice_counts
        self.levels = [
            min(_MOST_LEVELS, int((counts[each] - 1).sum()) + 1)
            if technique == "depth"
            else min(_MOST_LEVELS, int(counts[each].max()))
            for technique, each in self.columns.items()
        ]

    def rows(self, levels: IntArray) -> IntArray:
        """Return candidates at ``levels`` ``[n, techniques]``, ``[n, hparams]``."""
        batch = np.repeat(self.plain[None], len(levels), axis=0)
        counts = self.space.choice_counts
        for position, (technique, columns) in enumerate(self.columns.items()):
            along = levels[:, [position]] / (self.levels[position] - 1)
            exact = along * (counts[columns] - 1)
            if technique == "depth":
                # What rounding down leaves over is carried on to the next block.
                exact = np.diff(np.floor(exact.cumsum(axis=1) + 1e-9), axis=1, prepend=0)
            batch[:, columns] = np.rint(exact).astype(np.int64)
        return self.space.canonical(batch)

    def describe(self, row: IntArray) -> str:
        """Return the settings of a uniform row, e.g. ``pruning 0.75, quantization 4``."""
        parts: list[str] = []
        for technique, columns in self.columns.items():
            chosen = [self.space.hparams[column].choices[row[column]] for column in columns]
            if technique == "depth" and any(row[columns]):
                total = int((self.space.choice_counts[columns] - 1).sum())
                parts.append(f"depth {total - int(row[columns].sum())} of {total}")
            elif any(row[columns]):
                # Lists differ between layers: the setting of most of them stands for all.
                parts.append(f"{technique} {max(chosen, key=chosen.count)}")
        return ", ".join(parts) or "nothing"


def _uniform(grid: _Grid, screen: Screen, wanted: int) -> list[ReferenceCandidate]:
    """Return uniform rows of which no technique could be weaker, as different as possible."""
    levels = np.array(list(product(*map(range, grid.levels))), dtype=np.int64)
    kept = levels[screen.keeps(grid.rows(levels))]
    weakest = np.array(
        [
            level
            for level in kept
            if not ((kept <= level).all(axis=1) & (kept < level).any(axis=1)).any()
        ],
        dtype=np.int64,
    ).reshape(-1, len(grid.levels))
    strengths = weakest / (np.array(grid.levels) - 1)
    chosen: list[int] = []
    while len(chosen) < min(wanted, len(weakest)):
        if chosen:
            gaps = np.abs(strengths[:, None] - strengths[None, chosen]).sum(axis=2).min(axis=1)
            chosen.append(int(gaps.argmax()))
        else:
            chosen.append(int(strengths.sum(axis=1).argmin()))
    rows = grid.rows(weakest[chosen])
    return [
        ReferenceCandidate(f"uniform: {grid.describe(row)}", grid.space.candidate(row), 0.0)
        for row in rows
    ]


def _alone(technique: str, grid: _Grid, screen: Screen) -> ReferenceCandidate:
    """Return the weakest setting of one technique that keeps the limits, or comes nearest."""
    position = list(grid.columns).index(technique)
    levels = np.zeros((grid.levels[position], len(grid.levels)), dtype=np.int64)
    levels[:, position] = np.arange(grid.levels[position])
    rows = grid.rows(levels)
    excess = screen.excess(rows)
    first = int(excess.argmin())  # Of equals the first, which is the weakest.
    row, least = rows[first], float(excess[first])
    if least > 0:
        row, least = least_violating(grid.space, screen, row, columns=grid.columns[technique])
    return ReferenceCandidate(f"{technique} alone", grid.space.candidate(row), least)
