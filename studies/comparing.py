"""Samplers side by side on a study: the same baseline, as many trainings, the same measure.

Every search begins with nothing: what plain ways reach stands beside them and is not given to them.
A candidate that several searches propose is trained once and takes each of them its full time.
The files have a folder of their own, so that those of a run in the same folder stay as they are.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from tightfit import Evaluator, FloatArray, Metric, Objective, Record, SpecError
from tightfit.search import (
    Band,
    Curve,
    Memo,
    Progress,
    Search,
    Trace,
    bands,
    best_known,
    check_sampler,
    curve,
    hypervolume_history,
    open_storage,
    share,
    snapshot,
)
from tightfit.search.storage import open_to_read
from tightfit.studies.assembly import assemble
from tightfit.studies.bench import Bench, prepare
from tightfit.studies.outsiders import outsider_records
from tightfit.studies.prediction_error import static_errors
from tightfit.studies.references import believed_damage, references
from tightfit.studies.same_comparison import check_same_comparison, keep_compared
from tightfit.studies.same_run import check_same_fingerprint, check_unchanged
from tightfit.studies.session import (
    RunRequest,
    Watcher,
    check_same_study,
    reference_point,
    working,
)

PLAIN = "plain"
"""Name of the search that holds what plain ways reach."""


@dataclass(frozen=True, slots=True)
class Contest:
    """What is compared.

    Attributes:
        samplers: By name, each once.
        seeds: How many searches each of them makes.

    Raises:
        SpecError: A name is no sampler's, stands there twice, or there is no seed.
    """

    samplers: tuple[str, ...]
    seeds: int

    def __post_init__(self) -> None:
        for name in self.samplers:
            check_sampler(name)
        if not self.samplers or len(set(self.samplers)) < len(self.samplers):
            raise SpecError(f"name one or more samplers, each once; got {list(self.samplers)}")
        if self.seeds < 1:
            raise SpecError(f"a comparison needs at least one seed, got {self.seeds}")

    def searches(self) -> Iterator[tuple[str, int]]:
        """Yield sampler and seed; all samplers with one seed before the next seed."""
        for seed in range(self.seeds):
            for sampler in self.samplers:
                yield sampler, seed


@dataclass(frozen=True, slots=True)
class Way:
    """What a way reached that searches nothing: uniform compression, a small net.

    Attributes:
        name: For people.
        records: Of its networks.
        share: Its hypervolume, of the best known.
    """

    name: str
    records: tuple[Record, ...]
    share: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """How samplers compare on a study.

    Attributes:
        study: Its name.
        trials: Trainings of each search.
        metrics: By name.
        objectives: What the hypervolume is made of.
        corner: Its reference point, one value an objective.
        curves: One a search.
        records: Of every sampler, over its seeds.
        ways: What plain ways reach.
    """

    study: str
    trials: int
    metrics: Mapping[str, Metric]
    objectives: tuple[Objective, ...]
    corner: tuple[float, ...]
    curves: tuple[Curve, ...]
    records: Mapping[str, tuple[Record, ...]]
    ways: tuple[Way, ...]

    @property
    def bands(self) -> tuple[Band, ...]:
        """The curves of each sampler over its seeds."""
        return bands(self.curves)

    @property
    def empty(self) -> bool:
        """Whether no search found anything feasible that is better than the reference point."""
        return not any(each.shares.any() for each in self.curves)

    @property
    def seconds(self) -> float:
        """Wall time that every search had: that of the fastest of those that trained something."""
        return min(
            (float(each.seconds[-1]) for each in self.curves if len(each.seconds)), default=0.0
        )

    def to_json(self) -> dict[str, Any]:
        """Return the curves and what plain ways reach, as JSON values."""
        return {
            "study": self.study,
            "trials": self.trials,
            "objectives": [each.metric for each in self.objectives],
            "reference_point": list(self.corner),
            "nothing_found": self.empty,
            "searches": [
                {
                    "sampler": each.sampler,
                    "seed": each.seed,
                    "shares": each.shares.round(6).tolist(),
                    "seconds": each.seconds.round(3).tolist(),
                    "arrival": each.arrival(),
                }
                for each in self.curves
            ],
            "plain": [
                {"way": way.name, "networks": len(way.records), "share": round(way.share, 6)}
                for way in self.ways
            ],
        }


def compare_samplers(request: RunRequest, contest: Contest, watcher: Watcher) -> Comparison:
    """Run the searches of a comparison; run again, it goes on where it was interrupted.

    Raises:
        SpecError: The study cannot be run as written, or the folder holds another study's run.
        StorageError: The disk is full; what was finished is kept.
    """
    folder = request.folder
    check_same_study(request)
    check_same_comparison(request.study.spec, folder)
    folder.make()
    folder.compared.mkdir(parents=True, exist_ok=True)
    with folder.locked():
        assembly = assemble(request.study)
        if folder.started():  # before anything is written that is not the run's
            check_unchanged(assembly, folder)
        watcher.begin(assembly.metrics)
        bench = prepare(assembly, folder, say=watcher.say, progress=watcher.step)
        check_same_fingerprint(bench.fingerprint, folder)
        bench = replace(bench, files=folder.compared)
        with working(request, bench, watcher) as worker:
            return _compared(bench, worker, contest, watcher)


def _compared(bench: Bench, worker: Evaluator, contest: Contest, watcher: Watcher) -> Comparison:
    spec, folder = bench.assembly.study.spec, bench.folder
    memo = Memo(worker, _known(folder.comparison))

    def keep(record: Record, progress: Progress) -> None:
        watcher.record(record, progress)
        # Nothing of a comparison is exported: readings are all that is wanted of a file.
        shutil.rmtree(folder.compared / record.candidate.key, ignore_errors=True)

    plain = _search(bench, memo, PLAIN, sampler="random", seed=spec.seed)
    keep_compared(spec, folder)
    watcher.say("what plain ways reach")
    plain.evaluate(references(bench), on_record=keep)
    traces = []
    for sampler, seed in contest.searches():
        watcher.say(f"{sampler}, seed {seed}")
        search = _search(bench, memo, f"{sampler}-{seed}", sampler=sampler, seed=spec.seed + seed)
        search.run(trials=spec.trials, on_record=keep)
        traces.append(Trace(sampler, seed, search.records, search.seconds))
    found = tuple(chain.from_iterable(each.records for each in traces))
    for record in outsider_records(
        bench, found, plain.references, say=watcher.say, progress=watcher.step
    ):
        plain.add_reference(record)
    return compared(bench, traces, (*plain.records, *plain.references))


def compared(bench: Bench, traces: Sequence[Trace], plain: Sequence[Record]) -> Comparison:
    """Return how searches compare that are done.

    Where none of them found anything feasible within the reference point, all have the share 0 of
    the best that plain ways reach.
    """
    objectives = bench.assembly.objectives
    corner = np.array(reference_point(bench))
    found = chain.from_iterable(each.records for each in traces)
    best = best_known(found, objectives, corner) or best_known(plain, objectives, corner)
    records: dict[str, tuple[Record, ...]] = {}
    for trace in traces:
        records[trace.sampler] = (*records.get(trace.sampler, ()), *trace.records)
    return Comparison(
        study=bench.assembly.study.name,
        trials=bench.assembly.study.spec.trials,
        metrics=bench.assembly.metrics,
        objectives=objectives,
        corner=tuple(corner.tolist()),
        curves=tuple(curve(each, objectives, corner, best=best) for each in traces),
        records=records,
        ways=ways(plain, objectives, corner, best=best),
    )


def ways(
    records: Sequence[Record], objectives: Sequence[Objective], corner: FloatArray, *, best: float
) -> tuple[Way, ...]:
    """Return what each plain way reached, all strengths of one way together."""
    by_name: dict[str, list[Record]] = {}
    for record in records:
        for name in dict.fromkeys(part.split(": ")[0] for part in record.origin.split(" = ")):
            by_name.setdefault(name, []).append(record)
    return tuple(
        Way(
            name,
            tuple(own),
            float(share(hypervolume_history(own, objectives, corner), best=best)[-1]),
        )
        for name, own in by_name.items()
    )


def _search(bench: Bench, evaluator: Evaluator, name: str, *, sampler: str, seed: int) -> Search:
    return Search(
        space=bench.space.search_space,
        costs=bench.costs,
        constraints=bench.constraints,
        objectives=bench.assembly.objectives,
        evaluator=evaluator,
        storage=open_storage(bench.folder.comparison / f"{name}.log"),
        name=name,
        fingerprint=bench.fingerprint,
        static_errors=static_errors(bench.constraints),
        sampler=sampler,
        damage=believed_damage(bench),
        corner=reference_point(bench),
        seed=seed,
    )


def _known(folder: Path) -> Iterator[Record]:
    """Yield the records of all searches that were begun in a folder."""
    for path in sorted(folder.glob("*.log")):
        yield from snapshot(open_to_read(path), path.stem).records
