"""Residual networks with choices for every layer: how the trainings to a front grow with hparams.

Costs are exact: those of torchvision's networks with random weights and small pictures, from the
tables that a study's search asks. The quality is synthetic, as nobody has trained enough candidates
of such a space: every hparam has a log-normal sensitivity, which counts the more the stronger its
choice is. Damages add up and the error saturates in their sum, so that the error is no sum, but the
least damage is the least error: the best front follows from allocations by the true damages
(`benchmarks/least_damage.py`). Readings have noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import optuna
import torch
import torchvision

from benchmarks.least_damage import LeastDamage, summed
from benchmarks.problem import Values
from tightfit import (
    Candidate,
    Choice,
    Constraint,
    Direction,
    FloatArray,
    Hparam,
    IntArray,
    Objective,
    Sense,
)
from tightfit.objectives.metrics import STATIC_METRICS
from tightfit.objectives.metrics.tables import CostTables
from tightfit.objectives.profile import CPU
from tightfit.search import hypervolume
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import (
    DecompositionSettings,
    DepthSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

METRICS = tuple(each for each in STATIC_METRICS if each.metric.name in ("size_kb", "macs"))
SIDE = 64
WORST = 0.6
_UNCHANGED, _LOST = 0.05, 0.85
_NOISE = 0.005
_SPREAD = 0.7
_BITS = QuantizationSettings(bits=(None, 8, 4, 2))
_BITS_DAMAGE: Mapping[Choice, float] = {None: 0.0, 8: 0.02, 4: 0.2, 2: 1.0}
_EVERYTHING = SpaceSettings(
    pruning=PruningSettings(),
    quantization=_BITS,
    decomposition=DecompositionSettings(),
    depth=DepthSettings(),
)


@dataclass(frozen=True, slots=True)
class Case:
    """A network and what may change about it.

    Attributes:
        network: Of torchvision.
        settings: Every technique that is on chooses by layer.
        limits: By metric, which share of the baseline's is allowed.
        scale: Of the damages: that of the median hparam's strongest choice is about as much. Set so
            that the least error within the limits is about 0.15.
    """

    network: str
    settings: SpaceSettings
    limits: Mapping[str, float]
    scale: float


CASES = {
    "resnet18-bits": Case("resnet18", SpaceSettings(quantization=_BITS), {"size_kb": 0.12}, 0.05),
    "resnet18": Case("resnet18", _EVERYTHING, {"size_kb": 0.04, "macs": 0.3}, 0.03),
    "resnet50": Case("resnet50", _EVERYTHING, {"size_kb": 0.06, "macs": 0.3}, 0.02),
    "resnet101": Case(
        "resnet101",
        SpaceSettings(quantization=_BITS, decomposition=DecompositionSettings()),
        {"size_kb": 0.08, "macs": 0.5},
        0.005,
    ),
}
"""Of 21, 58, 156 and 209 hparams that have more than one choice."""


class PerLayer:
    """The problem of one case.

    Args:
        name: One of ``CASES``.
    """

    objectives = (
        Objective("error", Direction.MINIMIZE),
        Objective("size_kb", Direction.MINIMIZE),
    )

    def __init__(self, name: str) -> None:
        case = CASES[name]
        torch.manual_seed(0)
        model = torchvision.models.get_model(case.network).eval()
        self.compression = CompressionSpace(
            model, torch.zeros(1, 3, SIDE, SIDE), settings=case.settings
        )
        self.space = self.compression.search_space
        self._tables = CostTables(self.compression.blueprint, self.space, CPU, metrics=METRICS)
        whole = self.costs(self.space.batch([self.space.baseline()]))
        self.constraints = tuple(
            Constraint(metric, Sense.AT_MOST, share * float(whole[metric][0]))
            for metric, share in case.limits.items()
        )
        self.corner = np.array([WORST, self.constraints[0].bound])
        rng = np.random.default_rng(len(self.space))
        sensitivities = case.scale * np.exp(_SPREAD * rng.standard_normal(len(self.space)))
        self.damage = [
            sensitivity * _severity(hparam)
            for sensitivity, hparam in zip(sensitivities.tolist(), self.space.hparams, strict=True)
        ]

    @cached_property
    def front(self) -> IntArray:
        """Candidates of a nearly true front, ``[n, hparams]``."""
        worst = -np.log(1 - (WORST - _UNCHANGED) / _LOST)
        search = LeastDamage(self.space, self.costs, self.constraints, self.damage)
        return search.front("size_kb", self.constraints[0].bound, worst=float(worst))

    @cached_property
    def best(self) -> float:
        """Of that front."""
        points = np.column_stack(
            [self.truth(self.front)["error"], self.costs(self.front)["size_kb"]]
        )
        return hypervolume(
            points, self.corner, directions=[each.direction for each in self.objectives]
        )

    def costs(self, batch: IntArray) -> dict[str, FloatArray]:
        return self._tables(batch)

    def answers(self, batch: IntArray, seed: int) -> dict[str, FloatArray]:
        """Return the truth with noise, which is the same whenever a candidate is asked about."""
        drawn = [np.random.default_rng([seed, *row]).standard_normal() for row in batch.tolist()]
        return {"error": self.truth(batch)["error"] + _NOISE * np.array(drawn)}

    def truth(self, batch: IntArray) -> dict[str, FloatArray]:
        return {"error": _UNCHANGED + _LOST * (1 - np.exp(-self.summed(batch)))}

    def summed(self, batch: IntArray) -> FloatArray:
        """Return the damages of all choices of each candidate together, ``[n]``."""
        return summed(self.damage, batch)

    def prior(self, seed: int) -> list[FloatArray]:
        """Return the damage of single choices with log-normal noise of 20 %."""
        rng = np.random.default_rng([seed, 20])
        return [
            each * np.exp(0.2 * rng.standard_normal(len(each))) if len(each) > 1 else np.zeros(0)
            for each in self.damage
        ]

    def asked(self, trial: optuna.Trial, seed: int) -> tuple[Values, Values]:
        """Take every choice as a category, as `benchmarks/plain_optuna.py` does."""
        chosen = {
            hparam.name: trial.suggest_categorical(hparam.name, hparam.choices)
            for hparam in self.space.hparams
        }
        candidate: Candidate = self.space.from_choices(chosen)
        batch = self.space.batch([candidate])
        known = {name: float(value[0]) for name, value in self.costs(batch).items()}
        read, true = self.answers(batch, seed)["error"], self.truth(batch)["error"]
        return {**known, "error": float(read[0])}, {**known, "error": float(true[0])}


def _severity(hparam: Hparam) -> FloatArray:
    """Return what each choice does to a layer of sensitivity 1, ``[choices]``; 0 for the first."""
    technique = hparam.name.rpartition(".")[2]
    choices = hparam.choices
    if technique == "bits":
        return np.array([_BITS_DAMAGE[each] for each in choices])
    numbers = np.array([1.0 if each is None else float(each) for each in choices])
    if technique == "pruning_ratio":
        return 1.3 * numbers**1.7
    if technique == "rank":
        return 0.8 * (1 - numbers) ** 1.5
    if technique == "depth":
        return 1.5 * (1 - numbers)
    return np.zeros(len(choices))
