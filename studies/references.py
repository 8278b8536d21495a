"""The candidates that a run begins with: what plain ways reach, and the search has to beat."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tightfit import Candidate, FloatArray
from tightfit.search import (
    ReferenceCandidate,
    allocated_candidates,
    reference_candidates,
    technique_columns,
)
from tightfit.studies.bench import Bench
from tightfit.studies.prediction_error import static_errors
from tightfit.studies.sensitivity import Sensitivity


def references(bench: Bench) -> list[tuple[str, Candidate]]:
    """Return what stands beside the search, with its origin: plain ways to keep the limits."""
    table = bench.assembly.study.spec.references
    space = bench.space.search_space
    found = reference_candidates(
        space,
        bench.costs,
        bench.constraints,
        base=best_training(bench),
        static_errors=static_errors(bench.constraints),
        uniform=table.uniform,
    )
    plain = [
        reference
        for reference in found
        if reference.origin.startswith("uniform") or table.single_techniques
    ]
    return each_once([*plain, *_allocated(bench)])


def each_once(found: Iterable[ReferenceCandidate]) -> list[tuple[str, Candidate]]:
    """Return candidates with their origins; one that several ways lead to has all their names."""
    origins: dict[Candidate, list[str]] = {}
    for reference in found:
        origins.setdefault(reference.candidate, []).append(reference.origin)
    return [(" = ".join(names), candidate) for candidate, names in origins.items()]


def believed_damage(bench: Bench) -> list[FloatArray] | None:
    """Return by hparam what each choice damages, where the run has sensitivities."""
    known = Sensitivity.read(bench.folder.sensitivity, bench.fingerprint)
    return None if known is None else known.damage(bench.space.search_space)


def _allocated(bench: Bench) -> tuple[ReferenceCandidate, ...]:
    """Return the least damaging candidates, where what single choices damage was measured."""
    damage = believed_damage(bench)
    if damage is None:
        return ()
    space = bench.space.search_space
    return allocated_candidates(
        space,
        bench.costs,
        bench.constraints,
        base=best_training(bench),
        damage=damage,
        static_errors=static_errors(bench.constraints),
        count=bench.assembly.study.spec.references.allocated,
    )


def compressed_as(bench: Bench, candidate: Candidate) -> Candidate:
    """Return a candidate with its compression, trained as long as the study allows."""
    space = bench.space.search_space
    row = np.array(best_training(bench).indices, dtype=np.int64)
    for columns in technique_columns(space).values():
        row[columns] = np.array(candidate.indices)[columns]
    return space.candidate(row)


def best_training(bench: Bench) -> Candidate:
    """Return the candidate that compresses nothing and trains as long as the study allows."""
    space = bench.space.search_space
    choices = {
        hparam.name: hparam.choices[-1]
        for hparam in space.hparams
        if hparam.name in ("training.epochs", "distillation.weight")
    }
    return space.from_choices(choices)
