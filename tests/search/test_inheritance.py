"""Who inherits from whom follows from the records, and from nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from tests.integration.synthetic_problem import (
    CONSTRAINTS,
    OBJECTIVES,
    SPACE,
    SyntheticEvaluator,
    costs,
)
from tests.search.builders import OBJECTIVES as TWO
from tests.search.builders import evaluated
from tightfit import Candidate, GoOn, Hparam, Outcome, Record, SearchSpace, Start
from tightfit.search import Inheriting, Search, SearchOutcome, open_storage, weights_kept
from tightfit.search.inheritance import KEPT

SHAPES = SearchSpace(
    (
        Hparam("a.pruning_ratio", (0.0, 0.25, 0.5, 0.75)),
        Hparam("a.bits", (None, 8, 4)),
        Hparam("training.epochs", (1, 2)),
    )
)


@dataclass
class Heirs:
    """An evaluator that writes down what it may inherit from, and does."""

    whole: SyntheticEvaluator = field(default_factory=SyntheticEvaluator)
    donors: tuple[Candidate, ...] = ()

    def starting_from(self, donors: Sequence[Candidate]) -> Heirs:
        return Heirs(self.whole, tuple(donors))

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        record = self.whole.evaluate(candidate, origin, number)
        if not self.donors or record.outcome is not Outcome.EVALUATED:
            return record
        return replace(record, start=Start(self.donors[0], 0.1 * len(self.donors), 9.0))

    def evaluate_by_rungs(
        self, candidate: Candidate, origin: str, number: int, go_on: GoOn
    ) -> Record:
        assert callable(go_on)
        return self.evaluate(candidate, origin, number)


def heir_of(*rows: tuple[int, ...]) -> Inheriting:
    return Inheriting(
        Heirs(),
        space=SHAPES,
        shaping={"a.pruning_ratio"},
        objectives=TWO,
        known=[evaluated(row, accuracy=0.5, size_kb=50.0 + i) for i, row in enumerate(rows)],
    )


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        # The same shape with all else different is nearer than the next shape with nothing else.
        ([(2, 0, 0), (1, 2, 1)], [1, 0]),
        ([(3, 0, 0), (2, 2, 1)], [1, 0]),
        # Of equal shapes, who differs least in bits and epochs: a step of three choices is a half.
        ([(1, 0, 1), (1, 1, 0), (1, 2, 0)], [1, 2, 0]),
        # Of equals the last one.
        ([(1, 1, 0), (0, 0, 0), (2, 0, 0)], [0, 2, 1]),
    ],
)
def test_the_nearest_has_the_same_shape_first(
    rows: list[tuple[int, ...]], order: list[int]
) -> None:
    found = heir_of(*rows).nearest(Candidate((1, 0, 0)))
    assert [each.indices for each in found] == [rows[place] for place in order]


def test_nobody_inherits_from_itself_or_from_nobody() -> None:
    assert heir_of((1, 0, 0)).nearest(Candidate((1, 0, 0))) == ()
    assert heir_of().nearest(Candidate((1, 0, 0))) == ()


def test_weights_are_kept_of_the_front_and_of_the_last() -> None:
    good = evaluated((0, 0, 0), accuracy=0.9, size_kb=50.0)
    bad = [evaluated((1, 0, each), accuracy=0.5, size_kb=60.0 + each) for each in range(KEPT + 5)]
    stopped = replace(bad[-1], candidate=Candidate((9, 9, 9)), outcome=Outcome.STOPPED)
    copy = replace(bad[0], origin="uniform: bits 8", trained=False)
    kept = weights_kept([good, *bad, stopped, copy], TWO)
    assert kept == (good.candidate, *(each.candidate for each in bad[-KEPT:]))


def test_one_that_lacks_a_reading_hands_nothing_down() -> None:
    whole = evaluated((0, 0, 0), accuracy=0.9, size_kb=50.0)
    lacking = evaluated((1, 0, 0), size_kb=40.0)
    assert weights_kept([whole, lacking], TWO) == (whole.candidate,)


def test_only_what_a_sampler_proposed_inherits() -> None:
    heir = Inheriting(Heirs(), space=SPACE, shaping=(), objectives=OBJECTIVES)
    first, second, third = allowed(3)
    assert heir.evaluate(first, "uniform: bits 4", 0).start is None
    assert heir.evaluate(second, "quantization alone", 1).start is None
    found = heir.evaluate_by_rungs(third, "tpe", 2, lambda _: True).start
    assert found is not None
    assert found.donor in (first, second)


def allowed(count: int) -> list[Candidate]:
    batch = SPACE.random(3_000, np.random.default_rng(0))
    found = costs(batch)
    rows = batch[(found["size"] <= 0.085) & (found["latency"] <= 0.36)]
    return [SPACE.candidate(row) for row in rows[:count]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str, SyntheticEvaluator], SearchOutcome]:
    """Return what searches with heirs, from what was recorded before."""

    def search(name: str, whole: SyntheticEvaluator) -> SearchOutcome:
        storage = open_storage(tmp_path / "study.journal")

        def made(known: tuple[Record, ...]) -> Search:
            heir = Inheriting(
                Heirs(whole),
                space=SPACE,
                shaping={each.name for each in SPACE.hparams[:2]},
                objectives=OBJECTIVES,
                known=known,
            )
            return Search(
                space=SPACE,
                costs=costs,
                constraints=CONSTRAINTS,
                objectives=OBJECTIVES,
                evaluator=heir,
                storage=storage,
                name=name,
                fingerprint="f",
                sampler="random",
            )

        references = [("uniform", each) for each in allowed(2)]
        return made(made(()).records).run(trials=24, references=references)

    return search


def test_the_same_seed_gives_the_same_donors_also_after_an_interrupt(
    run: Callable[[str, SyntheticEvaluator], SearchOutcome],
) -> None:
    whole = run("whole", SyntheticEvaluator()).records
    broken = SyntheticEvaluator(interrupt_at={8, 19})
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run("broken", broken)
    assert run("broken", broken).records == whole
    assert sum(each.start is not None for each in whole) == 22
