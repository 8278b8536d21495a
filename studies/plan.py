"""What a run was started to do: written once, before its first trial, and read ever after.

Tables, figures and resumed runs need it, and none of them has to build the network for it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tightfit import (
    Constraint,
    Direction,
    Hparam,
    Kind,
    Measurement,
    Metric,
    Objective,
    Reading,
    SearchSpace,
    Sense,
    SpecError,
    Stage,
    __version__,
)
from tightfit.objectives.artifact.files import write_atomically
from tightfit.search.storage import without_password
from tightfit.studies.kept import read_kept

PLAN_VERSION = 3
_READ = (1, 2, PLAN_VERSION)
"""Version 1 had no limits that the whole interval must keep; up to version 2, channels were counted
by 8 as they are now where a study says nothing."""

_CURE = "the run's records are in its storage; choose another folder with --to to begin anew"

_ADDED = {"confident": False, "within": None, "patience": None, "fidelity": None}
"""Keys of a study that older runs do not know, with what they did."""

ENDS = ("trials", "within", "patience")
"""Keys of a study that say when its search ends."""

_FREE_TO_CHANGE = (*ENDS, "fidelity", "references", "trial")
"""Keys of a study that may differ when a run is resumed: they change no reading."""

_RUNGS = ("fidelity", "fidelity.rungs", "fidelity.data")
"""The exceptions, where rungs have a share of the data."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The fixed part of a run.

    Attributes:
        name: Of the study.
        spec: The study as JSON values, overrides applied.
        study_path: The file it was read from; user modules are looked up beside it.
        storage: URL of the storage, or ``None`` for the run's own file.
        fingerprint: Digest of all that readings depend on.
        space: The hparams.
        metrics: Every metric that records may have, by name.
        constraints: With bounds as numbers.
        objectives: One to three.
        baseline: The readings of the uncompressed network.
        reference_point: Of the hypervolume, one value an objective.
        basis: Digest of what readings depend on beside the baseline's weights; ``None`` in older
            runs, which do not say.
        tightfit: The version that began the run.
        run_id: What tells the run from others in the same storage; ``None`` in older runs.
    """

    name: str
    spec: dict[str, Any]
    study_path: str | None
    storage: str | None
    fingerprint: str
    space: SearchSpace
    metrics: dict[str, Metric]
    constraints: tuple[Constraint, ...]
    objectives: tuple[Objective, ...]
    baseline: Measurement
    reference_point: tuple[float, ...]
    basis: str | None = None
    tightfit: str = __version__
    run_id: str | None = None

    @property
    def end(self) -> Any:
        """When its search ends, as a JSON value that is kept when it does."""
        limits = [self.spec.get(key) for key in ENDS]
        return limits if any(each is not None for each in limits[1:]) else limits[0]

    def write(self, path: Path) -> None:
        """Write the plan, whole or not at all: for its owner alone where it has a password."""
        values = {
            "version": PLAN_VERSION,
            "name": self.name,
            "spec": self.spec,
            "study_path": self.study_path,
            "storage": self.storage,
            "fingerprint": self.fingerprint,
            "basis": self.basis,
            "tightfit": self.tightfit,
            "run_id": self.run_id,
            "space": [
                {"name": h.name, "choices": list(h.choices), "active_if": h.active_if}
                for h in self.space.hparams
            ],
            "metrics": [asdict(metric) for metric in self.metrics.values()],
            "constraints": [
                [c.metric, c.sense.value, c.bound, c.confident] for c in self.constraints
            ],
            "objectives": [[o.metric, o.direction.value] for o in self.objectives],
            "baseline": {name: self.baseline[name].to_json() for name in self.baseline},
            "reference_point": list(self.reference_point),
        }
        secret = self.storage is not None and without_password(self.storage) != self.storage
        write_atomically(path, json.dumps(values, indent=1).encode(), private=secret)

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Read a plan back.

        Raises:
            SpecError: There is none, it is damaged, or another version wrote it.
        """
        plan = read_kept(path, cls._of, cure=_CURE, versions=_READ)
        if plan is None:
            raise SpecError(f"{path.parent} is not a run: it has no {path.name}")
        return plan

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Plan:
        return cls(
            name=values["name"],
            spec=_spec(values["spec"], values.get("version", 1)),
            study_path=values["study_path"],
            storage=values["storage"],
            fingerprint=values["fingerprint"],
            space=SearchSpace(tuple(_hparam(each) for each in values["space"])),
            metrics={each["name"]: _metric(each) for each in values["metrics"]},
            constraints=tuple(
                Constraint(metric, Sense(sense), bound, *confident)
                for metric, sense, bound, *confident in values["constraints"]
            ),
            objectives=tuple(Objective(m, Direction(d)) for m, d in values["objectives"]),
            baseline=Measurement(
                {name: Reading.from_json(each) for name, each in values["baseline"].items()}
            ),
            reference_point=tuple(values["reference_point"]),
            basis=values.get("basis"),
            tightfit=values.get("tightfit", __version__),
            run_id=values.get("run_id"),
        )

    def check_same_study(self, spec: dict[str, Any], folder: Path) -> None:
        """Refuse to go on with a run under another study.

        Raises:
            SpecError: They differ in more than what may change; the differences are listed.
        """
        found = [
            f"{key}: {_shown(before)} in the run, {_shown(now)} in the study"
            for key, before, now in _differences({**_ADDED, **self.spec}, {**_ADDED, **spec})
            if key.split(".")[0] not in _FREE_TO_CHANGE
            or (key in _RUNGS and (_by_portions(self.spec) or _by_portions(spec)))
        ]
        if found:
            raise SpecError(
                f"{folder} belongs to another study ({'; '.join(found)}); "
                "choose another folder with --to, or undo the change"
            )


def _spec(spec: dict[str, Any], version: int) -> dict[str, Any]:
    """Return a run's study as this version would write it."""
    space = spec.get("space") or {}
    pruning = space.get("pruning")
    if version > 2 or not pruning or pruning.get("align") != 8:
        return spec
    return {**spec, "space": {**space, "pruning": {**pruning, "align": None}}}


def _by_portions(spec: dict[str, Any]) -> bool:
    """Whether a study's rungs say what is learned from: then they change readings."""
    return bool((spec.get("fidelity") or {}).get("data"))


def _metric(values: dict[str, str]) -> Metric:
    return Metric(
        name=values["name"],
        unit=values["unit"],
        direction=Direction(values["direction"]),
        stage=Stage(values["stage"]),
        kind=Kind(values["kind"]),
        summary=values["summary"],
    )


def _hparam(values: dict[str, Any]) -> Hparam:
    active = values["active_if"]
    return Hparam(
        values["name"],
        tuple(values["choices"]),
        None if active is None else (active[0], tuple(active[1])),
    )


def _differences(
    before: dict[str, Any], now: dict[str, Any], prefix: str = ""
) -> list[tuple[str, Any, Any]]:
    found: list[tuple[str, Any, Any]] = []
    for key in sorted(before.keys() | now.keys()):
        a, b = before.get(key), now.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found += _differences(a, b, f"{prefix}{key}.")
        elif a != b:
            found.append((prefix + key, a, b))
    return found


def _shown(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)
