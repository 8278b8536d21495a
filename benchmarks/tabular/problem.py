"""The tabular benchmark as a problem for samplers: every answer was trained, none is made up."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

import numpy as np
import optuna

from benchmarks.problem import Values
from benchmarks.tabular.rows import TABLE, noise, read_rows
from tightfit import (
    Choice,
    Constraint,
    Direction,
    FloatArray,
    Hparam,
    IntArray,
    Objective,
    SearchSpace,
    Sense,
    SpecError,
)
from tightfit.search import hypervolume
from tightfit.studies.sensitivity import Sensitivity

SENSITIVITY = Path(__file__).with_name("sensitivity.json")
_RATIOS = (0.0, 0.25, 0.5, 0.75)
_BITS = (4, 2)
SPACE = SearchSpace(
    (
        *(Hparam(f"stage{stage}.pruning_ratio", _RATIOS) for stage in (1, 2, 3)),
        *(Hparam(f"{site}.bits", _BITS) for site in ("stage1", "stage2", "stage3", "head")),
        Hparam("distillation.weight", (None, 0.9)),
    )
)
"""The study's, without the hparams that have a single choice."""


class Tabular:
    """2,048 candidates of a small network, accuracy and bytes under three limits.

    The truth is the table's accuracy, of one training; what a training reads has the noise of the
    seeds beside it, each candidate's the same however often it is asked for.

    Raises:
        SpecError: The table is not whole.
    """

    space = SPACE
    objectives = (
        Objective("accuracy", Direction.MAXIMIZE),
        Objective("size_kb", Direction.MINIMIZE),
    )
    constraints = (
        Constraint("size_kb", Sense.AT_MOST, 12.0),
        Constraint("macs", Sense.AT_MOST, 1_000_000.0),
        Constraint("accuracy", Sense.AT_LEAST, 0.81),
    )
    corner = np.array([0.81, 12.0])

    def __init__(self, table: Path = TABLE) -> None:
        rows = read_rows(table)
        self._noise = noise(rows)
        self._shape = tuple(len(hparam.choices) for hparam in SPACE.hparams)
        size = int(np.prod(self._shape))
        self._columns = {
            name: np.full(size, np.nan)
            for name in ("accuracy", "size_kb", "macs", "ram_kb", "quarter", "half", "seconds")
        }
        for row in rows:
            if row.seed == 0:
                place = int(self._places(np.array([_searched(row.indices)]))[0])
                for name, values in self._columns.items():
                    values[place] = getattr(row, name)
        missing = int(np.isnan(self._columns["accuracy"]).sum())
        if missing:
            raise SpecError(
                f"{table} lacks {missing} of {size} candidates; "
                "go on with: python -m benchmarks.tabular.make FOLDER"
            )

    @cached_property
    def best(self) -> float:
        """Of all 2,048."""
        columns = self._columns
        kept = np.all([each.violations(columns[each.metric]) <= 0 for each in self.constraints], 0)
        points = np.stack([columns[each.metric][kept] for each in self.objectives], 1)
        return hypervolume(
            points, self.corner, directions=[each.direction for each in self.objectives]
        )

    def costs(self, batch: IntArray) -> dict[str, FloatArray]:
        places = self._places(batch)
        return {name: self._columns[name][places] for name in ("size_kb", "macs", "ram_kb")}

    def answers(self, batch: IntArray, seed: int) -> dict[str, FloatArray]:
        places = self._places(batch)
        drawn = [np.random.default_rng([seed, int(place)]).standard_normal() for place in places]
        return {"accuracy": self._columns["accuracy"][places] + self._noise * np.array(drawn)}

    def truth(self, batch: IntArray) -> dict[str, FloatArray]:
        return {"accuracy": self._columns["accuracy"][self._places(batch)]}

    def early(self, batch: IntArray, share: float) -> FloatArray:
        """Return the accuracy of the networks after a quarter or half of their steps, ``[n]``."""
        return self._columns[{0.25: "quarter", 0.5: "half"}[share]][self._places(batch)]

    def seconds(self, batch: IntArray) -> FloatArray:
        """Return what whole trainings took, ``[n]``."""
        return self._columns["seconds"][self._places(batch)]

    @property
    def mean_seconds(self) -> float:
        """What a whole training takes on average, within the limits that are known before."""
        known = [each for each in self.constraints if each.metric != "accuracy"]
        columns = self._columns
        kept = np.all([each.violations(columns[each.metric]) <= 0 for each in known], 0)
        return float(columns["seconds"][kept].mean())

    def prior(self, seed: int) -> list[FloatArray]:
        """Return the sensitivities that were measured, whatever the seed."""
        del seed
        kept = json.loads(SENSITIVITY.read_text("utf-8"))
        found = Sensitivity.read(SENSITIVITY, kept["fingerprint"])
        assert found is not None
        return found.damage(SPACE)

    def asked(self, trial: optuna.Trial, seed: int) -> tuple[Values, Values]:
        """Take ratios as numbers on a grid, the rest as categories."""
        row = []
        chosen: Choice
        for hparam in SPACE.hparams:
            chosen = (
                trial.suggest_float(hparam.name, _RATIOS[0], _RATIOS[-1], step=0.25)
                if hparam.choices == _RATIOS
                else trial.suggest_categorical(hparam.name, hparam.choices)
            )
            row.append(hparam.choices.index(chosen))
        batch = np.array([row])
        known = {name: float(value[0]) for name, value in self.costs(batch).items()}
        read, true = self.answers(batch, seed)["accuracy"], self.truth(batch)["accuracy"]
        return {**known, "accuracy": float(read[0])}, {**known, "accuracy": float(true[0])}

    def _places(self, batch: IntArray) -> IntArray:
        """Return where candidates ``[n, hparams]`` stand in the columns, ``[n]``."""
        places: IntArray = np.ravel_multi_index(tuple(batch.T), self._shape)
        return places


def _searched(indices: tuple[int, ...]) -> tuple[int, ...]:
    """Return the choices of the study's hparams that have more than one."""
    *choices, _epochs, _rate, weight, _temperature = indices
    return (*choices, weight)
