"""Whether what is asked for is what a folder's run was begun with."""

from __future__ import annotations

from tightfit import SpecError
from tightfit.search.storage import absolute, without_password
from tightfit.studies.assembly import Assembly
from tightfit.studies.plan import Plan
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.spec import StudySpec


def check_same_spec(spec: StudySpec, folder: RunFolder) -> None:
    """Refuse a folder that holds another study's run.

    Raises:
        SpecError: It does; the differences are listed.
    """
    if folder.started():
        Plan.read(folder.plan).check_same_study(spec.model_dump(mode="json"), folder.path)


def check_same_storage(storage: str | None, folder: RunFolder) -> None:
    """Refuse another storage than the one that has a run's records.

    Args:
        storage: Its URL; ``None`` is the one that the run has.
        folder: Of the run, begun or not.

    Raises:
        SpecError: It is another one: the run would begin anew there.
    """
    if storage is None or not folder.started():
        return
    begun = Plan.read(folder.plan).storage
    if begun is None or absolute(begun) != absolute(storage):
        raise SpecError(
            f"the records of {folder.path} are in {without_password(begun or str(folder.journal))}"
            f", got --storage {without_password(storage)}; leave --storage out, or choose another "
            "folder with --to"
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
