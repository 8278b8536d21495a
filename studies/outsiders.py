"""Networks from outside the space, to compare with: was compressing worth it?

The best shape found, trained from new weights for twice its steps, and standard small networks,
quantized to 8 bits; each for a longer time as well where the study asks for it. All learn from the
same data and the same teacher as the candidates; none is held to the limits, so that one sees by
how much they miss them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from tightfit import Blueprint, Candidate, Outcome, Reading, Recipe, Record
from tightfit.objectives.evaluator import Progress, StagedEvaluator
from tightfit.objectives.models import load_model
from tightfit.objectives.static_readings import static_readings
from tightfit.objectives.workshop import FileWork
from tightfit.search import pareto_front
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.initialization import fresh
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings
from tightfit.studies.bench import Bench

FROM_SCRATCH = "best shape from scratch"
_STEPS_FROM_SCRATCH = 2
_BITS = 8


@dataclass(frozen=True, slots=True)
class Outsider:
    """A network that is no candidate of the space, ready to be worked on.

    Attributes:
        origin: What it is, for people.
        candidate: Whose shape it has; empty where it has none of the space.
        blueprint: Its shapes.
        model: With new weights.
        recipe: How it is trained.
    """

    origin: str
    candidate: Candidate
    blueprint: Blueprint
    model: nn.Module
    recipe: Recipe


def outsider_records(
    bench: Bench,
    records: Sequence[Record],
    known: Sequence[Record],
    *,
    say: Callable[[str], None],
    progress: Progress,
) -> Iterator[Record]:
    """Evaluate the outsiders that the study asks for and that are not known yet.

    Args:
        bench: Of the run.
        records: Of the search.
        known: Records of outsiders that were evaluated before.
        say: Told what is being trained.
        progress: Told about the training's steps.
    """
    done = {record.origin for record in known}
    for outsider in _outsiders(bench, records, done):
        say(f"for comparison: {outsider.origin}")
        yield _evaluate(bench, outsider, progress)


def _outsiders(
    bench: Bench, records: Sequence[Record], done: Collection[str]
) -> Iterator[Outsider]:
    """Yield what is not done yet, one network at a time."""
    table = bench.assembly.study.spec.references
    best = _best(bench, records)
    for longer in (None, table.longer_epochs) if table.longer_epochs else (None,):
        if table.from_scratch and best is not None and _longer(FROM_SCRATCH, longer) not in done:
            yield _from_scratch(bench, best, longer)
        for name in table.small_nets:
            if _longer(_title(name), longer) not in done:
                yield _small_net(bench, name, best, longer)


def _longer(origin: str, epochs: int | None) -> str:
    return origin if epochs is None else f"{origin}, {epochs} epochs"


def _title(small_net: str) -> str:
    return f"{small_net.removeprefix('torchvision:')}, {_BITS} bits"


def _best(bench: Bench, records: Sequence[Record]) -> Record | None:
    """Return the front's member of the best quality, or of the first objective."""
    front = pareto_front(records, bench.assembly.objectives)
    if not front.members:
        return None
    names = [objective.metric for objective in bench.assembly.objectives]
    quality = bench.assembly.task.metric.name
    return front.best(quality if quality in names else names[0])


def _from_scratch(bench: Bench, best: Record, epochs: int | None) -> Outsider:
    space, candidate = bench.space, best.candidate
    recipe = space.recipe(candidate)
    batch = np.array([candidate.indices], dtype=np.int64)
    return Outsider(
        origin=_longer(FROM_SCRATCH, epochs),
        candidate=candidate,
        blueprint=space.blueprint(batch),
        model=fresh(space.build(candidate), seed=bench.assembly.study.spec.seed),
        recipe=replace(recipe, epochs=epochs or _STEPS_FROM_SCRATCH * recipe.epochs),
    )


def _small_net(bench: Bench, name: str, best: Record | None, epochs: int | None) -> Outsider:
    assembly = bench.assembly
    spec = assembly.study.spec
    module = load_model(
        name,
        input_shape=assembly.data.input_shape,
        classes=assembly.data.classes,
        folder=assembly.study.folder,
        stem=spec.model.stem,
        stem_stride=spec.model.stem_stride,
        seed=spec.seed,
    )
    table = spec.space.quantization
    quantization = QuantizationSettings(
        "network",
        (None, _BITS),
        spec.device.target_cpu,
        integer_only=table is not None and table.integer_only,
    )
    settings = SpaceSettings(quantization=quantization)
    space = CompressionSpace(module, assembly.example, settings=settings)
    candidate = space.search_space.from_choices({"network.bits": _BITS})
    model_space = bench.space
    chosen = best.candidate if best is not None else model_space.search_space.baseline()
    recipe = model_space.recipe(chosen)
    return Outsider(
        origin=_longer(_title(name), epochs),
        candidate=Candidate(()),
        blueprint=space.blueprint(np.array([candidate.indices], dtype=np.int64)),
        model=space.build(candidate),
        recipe=replace(recipe, epochs=epochs or spec.references.small_net_epochs),
    )


def _evaluate(bench: Bench, outsider: Outsider, progress: Progress) -> Record:
    workshop = bench.workshop
    work = FileWork(
        workshop,
        outsider.model,
        recipe=outsider.recipe,
        folder=workshop.folder.parent / "outsiders" / outsider.origin.replace(" ", "_"),
        seed=workshop.seed,
        origin=outsider.origin,
    )
    evaluator = StagedEvaluator(
        workshop=_Only(work, static_readings(outsider.blueprint, workshop.profile)),
        constraints=(),
        errors={},
        fingerprint=bench.fingerprint,
        progress=progress,
    )
    record = evaluator.evaluate(outsider.candidate, outsider.origin, 0)
    if record.outcome is not Outcome.EVALUATED:
        return record
    violations = {
        str(constraint): constraint.violation(record.measurement)
        for constraint in bench.constraints
    }
    return replace(record, violations=violations)


@dataclass(frozen=True, slots=True)
class _Only:
    """A workshop with one piece of work."""

    work: FileWork
    readings: Mapping[str, Reading]

    def static(self, _candidate: Candidate) -> Mapping[str, Reading]:
        return self.readings

    def begin(self, _candidate: Candidate, _number: int) -> FileWork:
        return self.work
