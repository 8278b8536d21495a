"""Whether what is asked for is what a folder's run was begun with."""

from __future__ import annotations

import shlex
from typing import Any

from tightfit import SpecError
from tightfit.search import Search, open_storage
from tightfit.search.ledger import every_record, has_study
from tightfit.search.storage import absolute, open_to_read, without_password
from tightfit.studies.assembly import Assembly
from tightfit.studies.plan import Plan
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.spec import StudySpec

_LIMITS = ("constraints", "confident")
"""Keys of a study that say what is kept and what is broken; no reading depends on them."""

_RUN = "run"
"""Name under which a study in a storage keeps whose it is."""


def check_same_spec(spec: StudySpec, folder: RunFolder) -> None:
    """Refuse a folder that holds another study's run.

    Where it has no record yet, e.g. because its limits were proven impossible, the limits may be
    others: the readings of the baseline stay what they are.

    Raises:
        SpecError: It does; the differences are listed.
    """
    if not folder.started():
        return
    plan, asked = Plan.read(folder.plan), spec.model_dump(mode="json")
    limited = {**asked, **_limits(plan.spec)}
    if limited == asked or not holds_records(folder, plan):
        plan.check_same_study(limited, folder.path)
        return
    try:
        plan.check_same_study(asked, folder.path)
    except SpecError as error:
        plan.check_same_study(limited, folder.path)
        again = shlex.join(["tightfit", "whatif", str(folder.path), "--limits"])
        raise SpecError(f"{error}; '{again} ...' judges its records by other limits") from None


def holds_records(folder: RunFolder, plan: Plan) -> bool:
    """Whether anything was found in a run, also under other limits than its own.

    Another storage than the run's own file is taken to have something: it may be others', too.
    """
    if plan.storage is not None:
        return True
    if not folder.journal.is_file():
        return False
    return bool(every_record(open_to_read(folder.journal), plan.fingerprint))


def forget_limits(folder: RunFolder, before: Plan, now: Plan) -> None:
    """Remove what a run without a record says of limits that are no longer its own."""
    if _limits(before.spec) == _limits(now.spec):
        return
    folder.proof.unlink(missing_ok=True)
    folder.journal.unlink(missing_ok=True)


def _limits(spec: dict[str, Any]) -> dict[str, Any]:
    return {key: spec[key] for key in _LIMITS if key in spec}


def check_same_storage(storage: str | None, folder: RunFolder, name: str) -> None:
    """Refuse another storage than that of a run, and for a new run one that has its name already.

    Args:
        storage: Its URL; ``None`` is the one that the run has.
        folder: Of the run, begun or not.
        name: Of the study.

    Raises:
        SpecError: The run would begin anew there, or mix with a study that is there.
    """
    if storage is None:
        return
    if not folder.started():
        if has_study(open_storage(absolute(storage)), name):
            raise SpecError(_taken(storage, name))
        return
    begun = Plan.read(folder.plan).storage
    if begun is None or absolute(begun) != absolute(storage):
        raise SpecError(
            f"the records of {folder.path} are in {without_password(begun or str(folder.journal))}"
            f", got --storage {without_password(storage)}; leave --storage out, or choose another "
            "folder with --to"
        )


def claim(search: Search, plan: Plan, name: str) -> None:
    """Mark a study in a storage of several as that of a run, or refuse one that another run marked.

    Runs that were begun before studies were marked go on with theirs as they are.

    Args:
        search: The study, opened.
        plan: Of the run.
        name: Of the study in the storage.

    Raises:
        SpecError: It is another run's.
    """
    if plan.storage is None:  # in the run's own folder
        return
    owner = search.get(_RUN)
    if owner is None and plan.run_id is not None:
        search.set(_RUN, plan.run_id)
    elif owner != plan.run_id:
        raise SpecError(_taken(plan.storage, name))


def _taken(storage: str, name: str) -> str:
    return (
        f"the storage {without_password(storage)} has a study {name!r} already, and it is not this "
        "folder's: go on in the folder that it was begun in, or begin in a folder without a run, "
        "under another name ('name' in the study file) or with another --storage"
    )


def check_same_fingerprint(fingerprint: str, folder: RunFolder) -> None:
    """Refuse a run whose readings depend on something else than they would now.

    Raises:
        SpecError: The run was begun with other weights, data, code or another version.
    """
    if folder.started() and Plan.read(folder.plan).fingerprint != fingerprint:
        raise SpecError(
            f"{folder.path} was begun with other weights, data, code of yours, or another version; "
            "its readings do not compare with new ones; choose another folder with --to"
        )


def check_unchanged(assembly: Assembly, folder: RunFolder) -> None:
    """Refuse to show, hand over or add to what a run found with other weights, data or code.

    Nothing is trained for it: where the run trained its baseline, data and code decide. Another
    version of Tightfit is no reason where nothing new is read.

    Raises:
        SpecError: They are others.
    """
    plan = Plan.read(folder.plan)
    if plan.basis is None:  # an older run, which does not say
        return
    if assembly.model.needs_training:
        same = assembly.basis(version=plan.tightfit) == plan.basis
    else:
        module = assembly.model.module
        same = assembly.fingerprint(module, version=plan.tightfit) == plan.fingerprint
    if not same:
        raise SpecError(
            f"{folder.path} was begun with other weights, data, code of yours, or another score; "
            "what it found does not hold for these; undo the change, or choose another folder for "
            "a new run"
        )
