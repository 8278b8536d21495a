"""The records of a study, kept in an Optuna storage.

A trial of the Optuna study is one finished candidate: its record is a JSON attribute, its hparams
are Optuna parameters (the indices of choices), its violations are Optuna constraints, so that every
tool that reads Optuna studies shows them. A trial is written in one piece when its candidate is
finished. A killed process therefore leaves nothing half done: the candidate that it was at is
proposed again, because a proposal follows from the seed and the finished records alone. One process
writes a study at a time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import optuna
from optuna.distributions import IntDistribution
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState

from tightfit import Constraint, Objective, Outcome, Record, SearchSpace, SpecError
from tightfit.search.journal import StorageError

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None

SIGNATURE = "signature"
"""Name of a value that every study of Tightfit has, and no other program's."""

_RECORD = "record"
_PROPOSAL = "proposal"
_REFERENCE = "reference:"
_VALUE = "value:"
_STATES = {
    Outcome.EVALUATED: TrialState.COMPLETE,
    Outcome.SCREENED: TrialState.PRUNED,
    Outcome.STOPPED: TrialState.PRUNED,
    Outcome.FAILED: TrialState.FAIL,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A record with what the search must know to go on from it.

    Attributes:
        record: The candidate's outcome.
        draws: How many proposals the sampler took for it; 0 for a reference candidate.
        refused: Proposals that broke a static limit, as rows of indices; a bounded number.
        overhead_seconds: Wall time between the evaluation before this one and its own.
        gain: What a candidate was expected to add to the front's hypervolume by then, as a share of
            it; ``None`` where nobody asked or it could not be told.
    """

    record: Record
    draws: int = 0
    refused: tuple[tuple[int, ...], ...] = ()
    overhead_seconds: float = 0.0
    gain: float | None = None

    @property
    def seconds(self) -> float:
        """Wall time from the end of the evaluation before this one to the end of its own."""
        return sum(self.record.seconds.values()) + self.overhead_seconds


class Ledger:
    """Reads and writes one study of a storage.

    Raises:
        SpecError: The study in the storage has other objectives, or is not one of Tightfit's.
    """

    def __init__(
        self,
        storage: BaseStorage,
        name: str,
        *,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Constraint],
    ) -> None:
        # One line on standard error for each study and trial is not for our users.
        logging.getLogger("optuna").setLevel(logging.WARNING)
        self._space = space
        self._objectives = tuple(objectives)
        self._constraints = tuple(constraints)
        self._study = _open_study(storage, name, self._objectives)
        self._distributions = {
            hparam.name: IntDistribution(0, len(hparam.choices) - 1) for hparam in space.hparams
        }
        self._entries: list[Entry] = []
        self.reload()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything that was kept, in trial order."""
        return tuple(self._entries)

    @property
    def references(self) -> tuple[Record, ...]:
        """Records of networks that are not in the space, in the order they were added."""
        return _references(self._study.user_attrs)

    def reload(self) -> None:
        """Read the entries anew: an interrupt may have come between the storage and this copy."""
        name = self._study.study_name
        self._entries = [_read_entry(trial, name) for trial in self._study.get_trials()]

    def add(self, entry: Entry) -> None:
        """Keep one finished candidate, whole or not at all.

        Raises:
            StorageError: The storage could not be written.
        """
        record = entry.record
        evaluated = record.outcome is Outcome.EVALUATED
        trial = optuna.create_trial(
            state=_STATES[record.outcome],
            values=[record.measurement.value(each.metric) for each in self._objectives]
            if evaluated
            else None,
            params={
                hparam.name: index
                for hparam, index in zip(self._space.hparams, record.candidate.indices, strict=True)
            },
            distributions=dict(self._distributions),
            user_attrs={_RECORD: record.to_json(), _PROPOSAL: _proposal_json(entry)},
            constraints={
                str(constraint): record.violations[str(constraint)]
                for constraint in self._constraints
                if str(constraint) in record.violations
            },
        )
        try:
            self._study.add_trial(trial)
        except StorageInternalError as error:
            raise _storage_error(error) from error
        self._entries.append(entry)

    def add_reference(self, record: Record) -> None:
        """Keep the record of a network that is not in the space."""
        self._set(f"{_REFERENCE}{len(self.references)}", record.to_json())

    def get(self, name: str) -> Json:
        """Return a value of the whole study, ``None`` when it was never set."""
        value: Json = self._study.user_attrs.get(_VALUE + name)
        return value

    def set(self, name: str, value: Json) -> None:
        """Keep a value of the whole study under ``name``."""
        self._set(_VALUE + name, value)

    def _set(self, key: str, value: Json) -> None:
        try:
            self._study.set_user_attr(key, value)
        except StorageInternalError as error:
            raise _storage_error(error) from error


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a study holds at a moment, read without writing anything.

    Attributes:
        records: In trial order.
        references: Of networks that are not in the space.
        values: Kept with the whole study, by name.
    """

    records: tuple[Record, ...] = ()
    references: tuple[Record, ...] = ()
    values: Mapping[str, Json] = field(default_factory=dict)


def snapshot(storage: BaseStorage, name: str) -> Snapshot:
    """Read a study; it is empty when the storage does not have it yet.

    Raises:
        SpecError: The study is not one of Tightfit's.
    """
    try:
        study = optuna.load_study(
            study_name=name, storage=storage, sampler=optuna.samplers.RandomSampler(seed=0)
        )
    except KeyError:
        return Snapshot()
    attributes = study.user_attrs
    return Snapshot(
        records=tuple(_read_entry(trial, name).record for trial in study.get_trials()),
        references=_references(attributes),
        values={
            key.removeprefix(_VALUE): value
            for key, value in attributes.items()
            if key.startswith(_VALUE)
        },
    )


def records(storage: BaseStorage, name: str) -> tuple[Record, ...]:
    """Return the records of a study in trial order, without opening it for writing.

    Raises:
        SpecError: The storage has no such study, or it is not one of Tightfit's.
    """
    known = optuna.get_all_study_names(storage)
    if name not in known:
        raise SpecError(f"the storage has no study {name!r}; it has: {', '.join(known) or 'none'}")
    return snapshot(storage, name).records


def has_study(storage: BaseStorage, name: str) -> bool:
    """Whether a storage has a study of that name, of whatever program."""
    return name in optuna.get_all_study_names(storage)


def every_record(storage: BaseStorage, fingerprint: str) -> tuple[Record, ...]:
    """Return the records of a fingerprint in all of a storage's studies, under whatever limits.

    Those of other programs are left out.
    """
    ours = [
        study.study_name
        for study in storage.get_all_studies()
        if _VALUE + SIGNATURE in study.user_attrs
    ]
    return tuple(
        record
        for name in ours
        for record in snapshot(storage, name).records
        if record.fingerprint == fingerprint
    )


def _references(attributes: Mapping[str, Any]) -> tuple[Record, ...]:
    keys = sorted(
        (key for key in attributes if key.startswith(_REFERENCE)),
        key=lambda key: int(key.removeprefix(_REFERENCE)),
    )
    return tuple(Record.from_json(attributes[key]) for key in keys)


def _open_study(storage: BaseStorage, name: str, objectives: tuple[Objective, ...]) -> optuna.Study:
    directions = [StudyDirection[objective.direction.name] for objective in objectives]
    try:
        study = optuna.create_study(
            study_name=name,
            storage=storage,
            directions=directions,
            load_if_exists=True,
            sampler=optuna.samplers.RandomSampler(seed=0),
        )
    except StorageInternalError as error:
        raise _storage_error(error) from error
    if study.directions != directions:
        found, wanted = (
            ", ".join(direction.name.lower() for direction in each)
            for each in (study.directions, directions)
        )
        raise SpecError(
            f"the study {name!r} in the storage has objectives to {found}, "
            f"this one to {wanted}; give it another name"
        )
    return study


def _read_entry(trial: optuna.trial.FrozenTrial, name: str) -> Entry:
    attributes: Mapping[str, Any] = trial.user_attrs
    if _RECORD not in attributes or _PROPOSAL not in attributes:
        raise SpecError(
            f"trial {trial.number} of the study {name!r} holds no record of Tightfit; "
            "give the study another name"
        )
    proposal = attributes[_PROPOSAL]
    return Entry(
        record=Record.from_json(attributes[_RECORD]),
        draws=int(proposal["draws"]),
        refused=tuple(tuple(row) for row in proposal["refused"]),
        overhead_seconds=float(proposal["overhead_seconds"]),
        gain=proposal.get("gain"),
    )


def _proposal_json(entry: Entry) -> dict[str, Json]:
    values: dict[str, Json] = {
        "draws": entry.draws,
        "refused": [list(row) for row in entry.refused],
        "overhead_seconds": round(entry.overhead_seconds, 6),
    }
    return values | ({} if entry.gain is None else {"gain": entry.gain})


def _storage_error(error: StorageInternalError) -> StorageError:
    cause = str(error.__cause__ or error).splitlines()[0]
    return StorageError(
        f"the database refused to keep a record ({cause}); everything that was finished is kept: "
        "make room on its disk, or start it again, and run again"
    )
