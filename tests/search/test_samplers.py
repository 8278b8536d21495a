"""Samplers where the limits leave next to nothing, and where they leave a handful."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.search.builders import OBJECTIVES, measurement
from tightfit import (
    Candidate,
    Constraint,
    FloatArray,
    Hparam,
    IntArray,
    Outcome,
    Record,
    SearchSpace,
    Sense,
)
from tightfit.search import SAMPLER_NAMES, Search, SearchOutcome, Stopped, open_storage

KEPT = np.array([1.0, 0.75, 0.5, 0.25, 0.1])


@dataclass
class Pruned:
    """A network of equal layers: the size falls with every index, and so does the accuracy."""

    layers: int
    limit: float
    calls: list[Candidate] = field(default_factory=list)

    @property
    def space(self) -> SearchSpace:
        layers = (
            Hparam(f"layer{i}.pruning_ratio", (0.0, 0.25, 0.5, 0.75, 0.9))
            for i in range(self.layers)
        )
        bias = Hparam("layer0.bias", (None,))
        return SearchSpace((bias, *layers, Hparam("training.epochs", (2, 4))))

    def costs(self, batch: IntArray) -> dict[str, FloatArray]:
        return {"size_kb": 100.0 * KEPT[batch[:, 1:-1]].mean(axis=1)}

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        del number
        self.calls.append(candidate)
        size = float(self.costs(self.space.batch([candidate]))["size_kb"][0])
        indices = np.array(candidate.indices)
        weights = np.linspace(0.5, 1.5, self.layers)
        accuracy = 1.0 - float(weights @ indices[1:-1] ** 1.5) / 40 + 0.01 * indices[-1]
        return Record(
            candidate=candidate,
            outcome=Outcome.EVALUATED,
            measurement=measurement({"size_kb": size, "accuracy": accuracy}),
            violations={},
            origin=origin,
            fingerprint="f",
            seconds={"train": 100.0},
            trained=True,
        )

    def search(self, path: Path, sampler: str, trials: int) -> SearchOutcome:
        """Begin a search, or go on with the one that is there."""
        return Search(
            space=self.space,
            costs=self.costs,
            constraints=(Constraint("size_kb", Sense.AT_MOST, self.limit),),
            objectives=OBJECTIVES,
            evaluator=self,
            storage=open_storage(path / "study.journal"),
            name="pruned",
            fingerprint="f",
            sampler=sampler,
        ).run(trials=trials)


@pytest.mark.parametrize("sampler", [name for name in SAMPLER_NAMES if name != "auto"])
def test_in_a_narrow_region_every_sampler_finds_its_own_candidates(
    tmp_path: Path, sampler: str
) -> None:
    network = Pruned(layers=24, limit=25.0)
    outcome = network.search(tmp_path, sampler, trials=26)
    assert outcome.stopped is Stopped.FINISHED
    assert (network.costs(network.space.batch(network.calls))["size_kb"] <= 25.0).all()
    assert len(set(network.calls)) == 26
    own = Counter(record.origin for record in outcome.records)
    assert own[sampler] >= 6


@pytest.mark.parametrize("sampler", SAMPLER_NAMES)
def test_every_sampler_goes_through_a_handful_of_candidates_and_stops(
    tmp_path: Path, sampler: str
) -> None:
    network = Pruned(layers=4, limit=20.0)
    every = np.stack(np.meshgrid(*[np.arange(5)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    allowed = 2 * int((KEPT[every].mean(axis=1) <= 0.2).sum())
    outcome = network.search(tmp_path, sampler, trials=1_000)
    assert outcome.stopped is Stopped.EXHAUSTED
    assert (
        outcome.message == f"each of the {allowed} candidates that keep the static limits is done"
    )
    assert len(network.calls) == len(set(network.calls)) == allowed


@dataclass
class Scattered(Pruned):
    """Where few candidates keep the limit, and the others do not tell which."""

    def costs(self, batch: IntArray) -> dict[str, FloatArray]:
        kept = np.random.default_rng(0).random((5,) * self.layers) < 0.008
        return {"size_kb": np.where(kept[tuple(batch[:, 1:-1].T)], 20.0, 40.0)}


def test_a_sampler_that_finds_nothing_goes_on_as_if_it_was_not_interrupted(
    tmp_path: Path,
) -> None:
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = Scattered(layers=5, limit=30.0).search(tmp_path / "whole", "tpe", trials=24)
    assert "random" in [record.origin for record in whole.records[10:-1]]
    for trials in range(1, 25):
        resumed = Scattered(layers=5, limit=30.0).search(tmp_path / "parts", "tpe", trials=trials)
    assert resumed.records == whole.records


@pytest.mark.parametrize("sampler", SAMPLER_NAMES)
def test_a_space_too_large_to_list_is_gone_through_too(tmp_path: Path, sampler: str) -> None:
    network = Pruned(layers=12, limit=11.0)  # every layer at 0.9
    outcome = network.search(tmp_path, sampler, trials=1_000)
    assert outcome.stopped is Stopped.EXHAUSTED
    assert {candidate.indices[1:-1] for candidate in network.calls} == {(4,) * 12}
    assert len(network.calls) == 2
    assert "'size_kb <= 11' refuses most" in outcome.message
