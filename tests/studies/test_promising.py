"""What is promised of limits on a file's bytes, which are predicted before it is built."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from tests.studies.command_line import tiny_study
from tightfit import (
    Candidate,
    Constraint,
    FloatArray,
    IntArray,
    Kind,
    Measurement,
    Outcome,
    Reading,
    Record,
    Sense,
    Stage,
)
from tightfit.search.region import Region
from tightfit.search.screening import Screen
from tightfit.spaces.compression import CompressionSpace
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.costs import StaticCosts
from tightfit.studies.counting import counted_document, counted_out
from tightfit.studies.prediction_error import static_errors
from tightfit.studies.promising import NONE_LEFT, TOO_FEW, Prospect, prospect
from tightfit.studies.study_file import read_study

FLOOR = Constraint("accuracy", Sense.AT_LEAST, 0.3)
OFF_KB = -0.25
"""By which every file of these tests is smaller than predicted."""


@dataclass(frozen=True)
class Tiny:
    """The tiny study's space with its exact costs, and a file size for every candidate."""

    assembly: Assembly
    space: CompressionSpace
    costs: StaticCosts
    every: IntArray

    @property
    def sizes(self) -> FloatArray:
        return np.asarray(self.costs(self.every)["size_kb"]) + OFF_KB

    def records(self, rows: Sequence[int]) -> list[Record]:
        """Return what a run has of some candidates: they were trained and keep an accuracy."""
        accuracies = np.random.default_rng(0).normal(0.6, 0.02, size=len(self.every))
        return [
            record_of(
                self.space.search_space.candidate(self.every[row]),
                size=float(self.sizes[row]),
                accuracy=float(accuracies[row]),
            )
            for row in rows
        ]

    def under(self, bound: float, records: Sequence[Record]) -> Prospect:
        limits = [Constraint("size_kb", Sense.AT_MOST, bound), FLOOR]
        return prospect(self.assembly, self.space, self.costs, limits, records)


def record_of(candidate: Candidate, *, size: float, accuracy: float) -> Record:
    readings = {
        "size_kb": Reading(size, Kind.COUNTED, Stage.RUNTIME),
        "accuracy": Reading(accuracy, Kind.MEASURED, Stage.LEARNED, stderr=0.02),
    }
    return Record(candidate, Outcome.EVALUATED, Measurement(readings), {}, "tpe", "f00d")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    assembly = assemble(read_study(tiny_study(tmp_path_factory.mktemp("study"))))
    space = assembly.space(assembly.model.module)
    costs = StaticCosts(space, assembly.profile)
    screen = Screen(space.search_space, costs, (), errors={})
    every = Region.survey(space.search_space, screen).members
    assert every is not None
    return Tiny(assembly, space, costs, every)


@pytest.fixture
def some(tiny: Tiny) -> list[int]:
    """The positions of 30 candidates, drawn over the space."""
    return sorted(np.random.default_rng(1).permutation(len(tiny.every))[:30].tolist())


def test_a_size_below_that_of_every_file_is_not_promised(tiny: Tiny, some: list[int]) -> None:
    found = tiny.under(0.95 * tiny.sizes.min(), tiny.records(some))
    assert len(found.batch)  # The prediction alone, with its stated error, refuses none of these.
    promise = found.promise(20)
    assert promise is not None
    assert promise.chance < 0.01
    assert promise.within < 0.05
    assert promise.trainings is None


def test_a_size_that_files_keep_is_promised_with_what_the_file_will_have(
    tiny: Tiny, some: list[int]
) -> None:
    promise = tiny.under(float(np.median(tiny.sizes)), tiny.records(some)).promise(20)
    assert promise is not None
    assert promise.chance > 0.9
    row = [*map(tuple, tiny.every.tolist())].index(promise.candidate.indices)
    size = promise.expected["size_kb"]
    assert size.low <= tiny.sizes[row] <= size.high


def test_from_few_files_the_stated_error_of_the_prediction_is_what_is_known(tiny: Tiny) -> None:
    limits = [Constraint("size_kb", Sense.AT_MOST, float(tiny.sizes.min() - OFF_KB))]
    found = prospect(tiny.assembly, tiny.space, tiny.costs, limits, tiny.records([0, 1]))
    promise = found.promise(20)
    assert promise is not None
    assert promise.chance == pytest.approx(0.5)  # It is predicted to have just that.


def test_what_has_the_network_of_a_file_that_was_counted_over_is_not_tried(
    tiny: Tiny, some: list[int]
) -> None:
    bound = float(np.quantile(tiny.sizes, 0.2))
    records = tiny.records(some)
    networks = {
        tuple(values.tolist())
        for values, size in zip(
            network_costs(tiny, tiny.every[some]), tiny.sizes[some], strict=True
        )
        if size > bound
    }
    batch = tiny.under(bound, records).batch
    assert networks
    assert not networks & set(map(tuple, network_costs(tiny, batch).tolist()))


def network_costs(tiny: Tiny, batch: IntArray) -> FloatArray:
    return np.column_stack([np.asarray(each) for _, each in sorted(tiny.costs(batch).items())])


def test_it_is_said_whether_records_or_candidates_are_wanting(tiny: Tiny) -> None:
    everything = tiny.records(range(len(tiny.every)))
    none = tiny.under(0.95 * tiny.sizes.min(), everything)
    assert none.promise(20) is None
    assert none.unpredicted == NONE_LEFT
    few = tiny.under(1e6, everything[:2])
    assert few.promise(20) is None
    assert few.unpredicted == TOO_FEW


@pytest.fixture
def counted(tiny: Tiny) -> Callable[..., tuple[Screen, tuple[Constraint, ...]]]:
    def under(bound: float) -> tuple[Screen, tuple[Constraint, ...]]:
        limits = (Constraint("size_kb", Sense.AT_MOST, bound), FLOOR)
        space = tiny.space.search_space
        return Screen(space, tiny.costs, limits, errors=static_errors(limits)), limits

    return under


def test_limits_that_every_counted_file_breaks_are_settled_by_counting(
    tiny: Tiny, counted: Callable[..., tuple[Screen, tuple[Constraint, ...]]]
) -> None:
    space = tiny.space.search_space
    screen, limits = counted(0.95 * tiny.sizes.min())
    records = tiny.records(range(len(tiny.every)))
    found = counted_out(space, screen, limits, records)
    assert found is not None
    document = counted_document(found, space, dict(tiny.assembly.metrics))
    # Only what the static costs leave had to be built.
    assert document["files_counted"] == screen.keeps(tiny.every).sum() < len(tiny.every)
    assert document["conflict"] == [str(limits[0])]
    (enough,) = document["bounds_that_would_work"]
    assert enough["bound"] == tiny.sizes.min()


def test_one_file_that_was_not_counted_leaves_the_question_open(
    tiny: Tiny, counted: Callable[..., tuple[Screen, tuple[Constraint, ...]]]
) -> None:
    space = tiny.space.search_space
    screen, limits = counted(0.95 * tiny.sizes.min())
    records = tiny.records(range(len(tiny.every)))
    last = int(np.flatnonzero(screen.keeps(tiny.every))[-1])
    failed = Record(
        records[last].candidate, Outcome.FAILED, Measurement(), {}, "tpe", "f00d", reason="no room"
    )
    for others in ([], [failed]):
        rest = [*records[:last], *records[last + 1 :], *others]
        assert counted_out(space, screen, limits, rest) is None
    kept, limits = counted(1.01 * tiny.sizes.min())
    assert counted_out(space, kept, limits, records) is None
