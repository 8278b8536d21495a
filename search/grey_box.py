"""The grey box: what is computed is deduced, what is not is learned, and both make a proposal.

Candidates come from three sources: integer programs that allocate a budget to the least damage, as
it is drawn from what was learned; changes of the front's members; and the allowed region at large.
All keep the static limits by exact costs. The one that is worth most, and what climbing from the
best of them reaches, is proposed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tightfit import Constraint, Direction, FloatArray, IntArray, Objective, SpecError
from tightfit.search.allocation import allocate
from tightfit.search.allocator import Allocator
from tightfit.search.belief import believed_damage
from tightfit.search.budgets import Budgets, van_der_corput
from tightfit.search.completion import completed
from tightfit.search.cost_tables import changed
from tightfit.search.expectations import FEWEST, Expectations, Learner
from tightfit.search.fixed_choices import FixedChoices
from tightfit.search.hypervolume import hypervolume
from tightfit.search.local_search import LocalSearch
from tightfit.search.negligible import negligible
from tightfit.search.observations import Observations
from tightfit.search.region import Region, Row, as_row
from tightfit.search.worth import Standing, Worth, log_likelihood

_CHANGED, _RANDOM = 640, 256
_PARENTS = 8
_ALLOCATED, _SENSIBLE = 1, 3
_LIKELY = 0.8
"""Probability of keeping a measured limit that is enough, while nothing is known of qualities."""

_ALWAYS_ALLOCATED = 10
"""Observations up to which every proposal has allocations; later only a share of them has."""

_DOUBT = 0.3
"""Of what is believed before anything was read: one standard deviation of its logarithm."""


class GreyBox:
    """Proposes candidates from observations and a generator alone.

    Args:
        region: The candidates that keep the static limits.
        objectives: One to three.
        constraints: All of them; those that the region does not decide are learned.
        damage: By hparam what its choices are believed to damage, ``[choices]``, or empty; for
            nothing known, none at all.
        corner: The objective values from which on a front is of worth, where that is known.

    Raises:
        SpecError: There is nothing to choose, or the corner has not a finite value per objective.
    """

    def __init__(
        self,
        region: Region,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
        *,
        damage: Sequence[FloatArray] | None = None,
        corner: Sequence[float] | None = None,
    ) -> None:
        screen = region.screen
        if not (region.space.choice_counts > 1).any():
            raise SpecError(
                "every hparam of the space has a single choice: there is one candidate and nothing "
                "to search; give an hparam a second choice"
            )
        if corner is not None and not (
            len(corner) == len(objectives) and np.isfinite(corner).all()
        ):
            raise SpecError(
                f"the corner needs a finite value for each of the {len(objectives)} objectives, "
                f"got {list(corner)}"
            )
        self._region = region
        self._objectives = tuple(objectives)
        self._decided, self._limits = screen.split(constraints)
        static = screen.costs(region.space.batch([region.space.baseline()]))
        wanted = [each.metric for each in self._objectives]
        wanted += [each.metric for each in self._limits]
        self.learned = tuple(dict.fromkeys(name for name in wanted if name not in static))
        self.metrics = tuple(dict.fromkeys([*wanted, *screen.errors]))
        known = [each for each in self._objectives if each.metric in static]
        self._corner = None if corner is None else np.asarray(corner, dtype=np.float64)
        budgeted = [each.metric for each in known]
        self._damage = believed_damage(region, budgeted, damage)
        self._learner = Learner(region, self._damage)
        self._allocator = Allocator(region, budgeted, self._damage)
        self._budgets = Budgets(region, known)
        self._near = LocalSearch(region)

    @property
    def learned_limits(self) -> tuple[Constraint, ...]:
        """The limits on metrics that are neither known before training nor objectives."""
        objectives = {each.metric for each in self._objectives}
        return tuple(
            each
            for each in self._limits
            if each.metric in self.learned and each.metric not in objectives
        )

    def propose(self, observations: Observations, rng: np.random.Generator) -> Row | None:
        """Return an unseen candidate that keeps the static limits; ``None`` when none was found."""
        if not self._read_enough(observations):
            read = self._learnable(observations)
            limits = [each for each in self._limits if each.metric in read]
            if limits or observations.failed is not None:
                return self._likely(observations, read, limits, rng)
            return self._first(observations, rng)
        believed, standing, expected, worth = self._judged(observations)
        pool = self._pool(believed, standing, expected, rng)
        if not len(pool):
            return None
        return as_row(self._near.climb(worth.rank, pool, observations.seen, rng))

    def complete(
        self, fixed: FixedChoices, observations: Observations, rng: np.random.Generator
    ) -> Row:
        """Return a candidate that has the fixed choices, whatever limits they leave it to keep."""
        rank = self._judged(observations)[-1].rank if self._read_enough(observations) else None
        region = fixed.region(self._region.screen)
        return completed(fixed, region, observations, worth=rank, rng=rng)

    def gain(self, row: Row, observations: Observations) -> float | None:
        """Return what a candidate is expected to add to the front's hypervolume, as a share of it.

        ``None`` before enough was read, and while there is no front of any worth.
        """
        if not self._read_enough(observations):
            return None
        _, standing, _, worth = self._judged(observations)
        directions = [Direction.MINIMIZE] * len(self._objectives)
        members = standing.losses[standing.front]
        reached = hypervolume(members, standing.corner, directions=directions)
        added = float(worth(np.array([row], dtype=np.int64))[0])
        return added / reached if reached > 0 else None

    def _learnable(self, observations: Observations) -> list[str]:
        """Return the metrics of which enough was read."""
        return [name for name in self.learned if len(observations.read(name)) >= FEWEST]

    def _read_enough(self, observations: Observations) -> bool:
        everything = len(self._learnable(observations)) == len(self.learned)
        return everything and len(observations.rows) >= FEWEST and self._any_whole(observations)

    def _any_whole(self, observations: Observations) -> bool:
        """Return whether any candidate has all objectives: without one there is no corner."""
        read = [np.isfinite(observations.values[each.metric]) for each in self._objectives]
        return bool(np.all(read, axis=0).any())

    def _judged(
        self, observations: Observations
    ) -> tuple[Observations, Standing, Expectations, Worth]:
        """Return the observations as they are believed, where their front is, and what is expected
        of candidates and what these are worth."""
        standing = self._standing(observations)
        expected = self._learner.expected(self.learned, observations, standing.short)
        believed = expected.smoothed(observations, standing.short)
        standing = self._standing(believed)
        worth = Worth(
            expected,
            standing,
            pending=observations.pending,
            objectives=self._objectives,
            limits=self._limits,
            log_success=self._learner.log_success(observations),
        )
        return believed, standing, expected, worth

    def _standing(self, observations: Observations) -> Standing:
        return Standing(
            observations, self._objectives, self._limits, self._corner, decided=self._decided
        )

    def _first(self, observations: Observations, rng: np.random.Generator) -> Row | None:
        """Allocate budgets by what is believed, and doubted, before anything was read.

        The loosest budget comes first and the tightest second, so that all that follows lies in
        between; then in the order of van der Corput, so that any number of them is spread.
        """
        begun = len(observations.rows) + len(observations.pending)
        position = van_der_corput(begun - 1) if begun > 1 else float(begun)
        for _ in range(8):
            row = self._sensible(position, rng)
            if row is not None and as_row(row) not in observations.seen:
                return as_row(row)
            position = float(rng.random())
        return None

    def _sensible(self, position: float, rng: np.random.Generator) -> IntArray | None:
        """Return an allocation at a budget from the loosest, at 0, to the tightest, at 1."""
        damage = [
            each * np.exp(_DOUBT * rng.standard_normal(len(each)))
            if each.any()
            else 1e-3 * rng.random(len(each))
            for each in self._damage
        ]
        start = np.zeros(len(damage), dtype=np.int64)
        base, _ = allocate(self._region.space, self._region.screen, start, damage=damage)
        return self._allocator(base, damage, self._budgets(position))

    def _likely(
        self,
        observations: Observations,
        read: Sequence[str],
        limits: Sequence[Constraint],
        rng: np.random.Generator,
    ) -> Row | None:
        """Return what does least damage by belief of that which is likely to be read at all.

        Where a measured limit refuses candidate after candidate, or one after the other fails,
        nothing is known of their quality, and much of what the limit takes and of what fails.
        """
        expected = self._learner.expected(read, observations, np.zeros(len(observations.rows)))
        margins = {each: observations.usual_margin(each) for each in limits}
        log_success = self._learner.log_success(observations)
        most = sum(float(np.abs(each).max()) for each in self._damage)

        def promise(batch: IntArray) -> FloatArray:
            chance = log_likelihood(expected(batch), margins) if limits else np.zeros(len(batch))
            if log_success is not None:
                chance = chance + log_success(batch)
            sound = most - self._learner.believed(batch)
            return np.where(chance >= np.log(_LIKELY), sound, chance)

        found = [self._sensible(float(rng.random()), rng) for _ in range(_SENSIBLE)]
        nearest = np.argsort(-promise(observations.rows), kind="stable")[:_PARENTS]
        parents = [row for row in found if row is not None]
        parents += list(observations.rows[nearest])
        rows = np.array(parents, dtype=np.int64)
        pool = np.concatenate([rows, self._near.changes(rows, _RANDOM, rng)])
        pool = np.concatenate([pool, self._region.draws(_RANDOM, rng)])
        pool = self._near.allowed(pool, observations.seen)
        if not len(pool):
            return self._region.draw(rng, observations.seen)
        return as_row(self._near.climb(promise, pool, observations.seen, rng))

    def _pool(
        self,
        observations: Observations,
        standing: Standing,
        expected: Expectations,
        rng: np.random.Generator,
    ) -> IntArray:
        """Return different unseen candidates that keep the static limits, ``[n, hparams]``."""
        region = self._region
        nearest = np.argsort(standing.short, kind="stable")[:_PARENTS]
        parents = observations.rows[
            np.concatenate([standing.front, nearest])
            if len(standing.front) < _PARENTS
            else standing.front
        ]
        parents = np.concatenate([parents, observations.pending])
        found = [region.draws(_RANDOM, rng), self._near.changes(parents, _CHANGED, rng)]
        if rng.random() < _ALWAYS_ALLOCATED / max(len(observations.rows), 1):
            for _ in range(_ALLOCATED):
                base = parents[rng.integers(len(parents))]
                row = self._allocated(base, expected, rng)
                if row is not None:
                    found += [row[None], self._near.changes(row[None], 16, rng)]
        pool = self._near.allowed(np.concatenate(found), observations.seen)
        if not len(pool):
            drawn = region.draw(rng, observations.seen)
            return pool if drawn is None else np.array([drawn], dtype=np.int64)
        return pool

    def _allocated(
        self, base: IntArray, expected: Expectations, rng: np.random.Generator
    ) -> IntArray | None:
        """Return an allocation by damage drawn from what was learned, around ``base``."""
        space = self._region.space
        singles = space.canonical(changed(space, base))
        harm = np.zeros(len(singles))
        for objective in self._objectives:
            if objective.metric in self.learned:
                drawn = expected.draw(objective.metric, singles, rng)
                sign = 1.0 if objective.direction is Direction.MINIMIZE else -1.0
                spread = max(float(drawn.std()), float(negligible(drawn, 1e-12)))
                harm += sign * rng.random() * drawn / spread
        starts = space.choice_counts.cumsum()[:-1]
        return self._allocator(base, np.split(harm, starts), self._budgets(float(rng.random())))
