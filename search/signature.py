"""What makes a study that study: a run with anything else would mix two searches in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tightfit import Constraint, Objective, SearchSpace, SpecError
from tightfit.search.ledger import SIGNATURE, Json, Ledger
from tightfit.search.samplers import meant

_CONDITIONS, _IN_FULL = "conditions", "limits in full"
_ADDED = (_CONDITIONS, _IN_FULL)
"""Keys that are not in studies which were begun before there were any; there they agree."""


def signature(
    space: SearchSpace,
    constraints: Sequence[Constraint],
    objectives: Sequence[Objective],
    *,
    sampler: str,
    seed: int,
    fingerprint: str,
) -> dict[str, Json]:
    """Return all that a study may not change, as JSON values by name."""
    hparams: dict[str, Json] = {
        f"hparam {hparam.name}": list(hparam.choices) for hparam in space.hparams
    }
    conditions: dict[str, Json] = {
        hparam.name: [hparam.active_if[0], list(hparam.active_if[1])]
        for hparam in space.hparams
        if hparam.active_if is not None
    }
    return {
        **hparams,
        _CONDITIONS: conditions,
        "constraints": [str(constraint) for constraint in constraints],
        _IN_FULL: [text for each in constraints if (text := _in_full(each)) != str(each)],
        "objectives": [f"{each.direction.value} {each.metric}" for each in objectives],
        "sampler": sampler,
        "seed": seed,
        "fingerprint": fingerprint,
    }


def check_signature(ledger: Ledger, wanted: dict[str, Json], name: str) -> None:
    """Keep the signature of a new study, or compare it with the one that was kept.

    Raises:
        SpecError: They differ; the message lists how.
    """
    kept = ledger.get(SIGNATURE)
    if kept is None:
        ledger.set(SIGNATURE, wanted)
        return
    found = kept if isinstance(kept, dict) else {}
    differing = [key for key in {**found, **wanted} if not _same(key, found, wanted)]
    if differing:
        shown = "; ".join(
            f"{key}: {found.get(key)} there, {wanted.get(key)} here" for key in differing[:8]
        )
        more = f"; and {len(differing) - 8} more" if len(differing) > 8 else ""
        raise SpecError(
            f"the study {name!r} in the storage is another one ({shown}{more}); "
            "use another name or storage, or go back to what it was made with"
        )


def _same(key: str, there: Mapping[str, Json], here: Mapping[str, Json]) -> bool:
    """Return whether two signatures agree in what a key says."""
    if key in _ADDED and key not in there:
        return True
    if key == "sampler":
        return meant(str(there.get(key))) == meant(str(here.get(key)))
    return there.get(key) == here.get(key)


def _in_full(limit: Constraint) -> str:
    """Return a limit with what its text leaves out: digits of the bound, and whole intervals.

    Behind twelve digits are those of rounding alone.
    """
    bound = f"{limit.bound:.12g}"
    rounded = float(bound) != float(f"{limit.bound:g}")
    text = f"{limit.metric} {limit.sense.value} {bound}" if rounded else str(limit)
    return f"{text}, with its whole interval" if limit.confident else text
