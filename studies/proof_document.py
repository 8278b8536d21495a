"""The proof that static limits cannot be kept, as the file that a run keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tightfit import Kind, Metric, SearchSpace, Sense
from tightfit.objectives.metrics import STATIC_METRICS
from tightfit.search.minimization import Minimum
from tightfit.search.proof import Proof, Reach
from tightfit.studies.untrained import UntrainedLog

ABOUT = (
    "Of all candidates of the space none keeps these limits: their costs follow from their shapes "
    "before anything is built. It says nothing about quality, and nothing about other spaces."
)
METHOD = (
    "Exact minimization over the whole space by mixed-integer linear programming (HiGHS, relative "
    "gap 0). 'value' is the exact cost of the candidate beside it; no candidate passes 'bound', "
    "which is the solver's own bound less its tolerance."
)
PREDICTED = (
    "The bytes of the file are predicted before it is built, and a limit on them is refused only "
    "beyond the stated error of the prediction ('refused_beyond')."
)


def proof_document(
    proof: Proof, space: SearchSpace, metrics: Mapping[str, Metric], log: UntrainedLog
) -> dict[str, Any]:
    """Return a proof as JSON values.

    Args:
        proof: Of the static limits.
        space: That it is about.
        metrics: By name.
        log: Builds the candidate that reaches a least prediction, so that its file is counted.
    """
    kinds = {static.metric.name: static.kind for static in STATIC_METRICS}
    document: dict[str, Any] = {
        "about": ABOUT,
        "method": METHOD,
        "space": {"hparams": len(space), "combinations": space.size},
        "limits": [_reach(each, space, metrics, kinds[each.limit.metric]) for each in proof.reach],
        "conflict": [str(each) for each in proof.conflict],
        "bounds_that_would_work": [
            _bound(each, log)
            for each in proof.reach
            if each.limit in proof.conflict and each.others.candidate is not None
        ],
        "all_relaxed_together": {
            "share": proof.together.value,
            "at_least": proof.together.bound,
            "candidate": _choices(proof.together, space),
        },
    }
    if any(kinds[each.metric] is Kind.ESTIMATED for each in proof.limits):
        document["method"] += " " + PREDICTED
    return document


def _reach(
    reach: Reach, space: SearchSpace, metrics: Mapping[str, Metric], kind: Kind
) -> dict[str, Any]:
    limit = reach.limit
    return {
        "limit": str(limit),
        "metric": limit.metric,
        "unit": metrics[limit.metric].unit,
        "kind": kind.value,
        "bound": limit.bound,
        "refused_beyond": reach.allowed,
        "searched_for": "least" if limit.sense is Sense.AT_MOST else "greatest",
        "alone": _minimum(reach.alone, space),
        "under_the_other_limits": _minimum(reach.others, space),
    }


def _minimum(found: Minimum, space: SearchSpace) -> dict[str, Any] | None:
    """Return a minimum; ``None`` where no candidate keeps the limits."""
    if found.candidate is None:
        return None
    return {
        "value": found.value,
        "bound": found.bound,
        "candidate": _choices(found, space),
        "indices": list(found.candidate.indices),
    }


def _bound(reach: Reach, log: UntrainedLog) -> dict[str, Any]:
    """Return the smallest change of one limit that is enough, all others as they are."""
    limit = reach.limit
    found: dict[str, Any] = {
        "metric": limit.metric,
        "sense": limit.sense.value,
        "bound": reach.others.value,
        "counted": None,
    }
    assert reach.others.candidate is not None
    if reach.allowed != limit.bound:
        measured = log.measure(reach.others.candidate)
        if measured is not None and limit.metric in measured.readings:
            found["counted"] = measured.readings[limit.metric].value
    return found


def _choices(found: Minimum, space: SearchSpace) -> dict[str, Any]:
    assert found.candidate is not None
    return dict(space.active_choices(found.candidate))
