"""What makes a study that study: a run with anything else would mix two searches in one."""

from __future__ import annotations

from collections.abc import Sequence

from tightfit import Constraint, Objective, SearchSpace, SpecError
from tightfit.search.ledger import SIGNATURE, Json, Ledger


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
    return {
        **hparams,
        "constraints": [str(constraint) for constraint in constraints],
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
    differing = [key for key in {**found, **wanted} if found.get(key) != wanted.get(key)]
    if differing:
        shown = "; ".join(
            f"{key}: {found.get(key)} there, {wanted.get(key)} here" for key in differing[:8]
        )
        more = f"; and {len(differing) - 8} more" if len(differing) > 8 else ""
        raise SpecError(
            f"the study {name!r} in the storage is another one ({shown}{more}); "
            "use another name or storage, or go back to what it was made with"
        )
