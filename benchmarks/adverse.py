"""Problems on which the grey box's model is wrong, or the limits leave next to nothing.

Four layers with a bit-width and a kept share each: 614,656 candidates, all of which are listed, so
that the best front and what the limits leave are known, not estimated. Each case spoils one thing:

- *shuffled*, *adversarial*: the belief is that of other layers; says the opposite of each choice;
- *noise*: readings scatter by 0.03, half of what the errors within the limits do;
- *unstructured*: the errors are dealt out anew, so that nothing is learned from one about another;
- *narrow*: 62 candidates keep the limits, a hundredth of a per cent of the space;
- *single*: one candidate keeps them.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import optuna

from benchmarks.problem import Values
from tests.integration import synthetic_problem as whole
from tightfit import Constraint, FloatArray, Hparam, IntArray, SearchSpace, Sense
from tightfit.search import hypervolume

LAYERS = 4
SPACE = SearchSpace(
    (
        *(Hparam(f"layer{i}.bits", whole.BITS) for i in range(LAYERS)),
        *(Hparam(f"layer{i}.kept_eighths", whole.KEEPS) for i in range(LAYERS)),
    )
)
_SHAPE = tuple(len(hparam.choices) for hparam in SPACE.hparams)
_WORST = 0.6
_BOUNDS = {"narrow": (0.30, 0.7808), "single": (0.30, 0.775), "none": (0.30, 0.77)}
_USUAL = (0.35, 0.86)
CASES = ("plain", "shuffled", "adversarial", "noise", "unstructured", "narrow", "single")
"""Those with a best front; with the limits of ``none``, no candidate keeps them."""


class Adverse:
    """The problem with what one case makes of it.

    Args:
        case: One of ``CASES``, or ``none``.
    """

    space = SPACE
    objectives = whole.OBJECTIVES

    def __init__(self, case: str) -> None:
        self._case = case
        size, latency = _BOUNDS.get(case, _USUAL)
        self.constraints = (
            Constraint("size", Sense.AT_MOST, size),
            Constraint("latency", Sense.AT_MOST, latency),
        )
        self.corner = np.array([_WORST, size])
        every = np.indices(_SHAPE).reshape(len(_SHAPE), -1).T
        self._errors = whole.errors(_padded(every))
        if case == "unstructured":
            self._errors = np.random.default_rng(7).permutation(self._errors)

    @cached_property
    def best(self) -> float:
        """Of all candidates."""
        every = np.indices(_SHAPE).reshape(len(_SHAPE), -1).T
        costs = self.costs(every)
        kept = np.all([each.violations(costs[each.metric]) <= 0 for each in self.constraints], 0)
        points = np.column_stack([self._errors, costs["size"]])[kept]
        return hypervolume(
            points, self.corner, directions=[each.direction for each in self.objectives]
        )

    def costs(self, batch: IntArray) -> dict[str, FloatArray]:
        return {
            name: values / _NOTHING[name] for name, values in whole.costs(_padded(batch)).items()
        }

    def answers(self, batch: IntArray, seed: int) -> dict[str, FloatArray]:
        true = self.truth(batch)["error"]
        if self._case != "noise":
            return {"error": true}
        drawn = [np.random.default_rng([seed, *row]).standard_normal() for row in batch.tolist()]
        return {"error": true + 0.03 * np.array(drawn)}

    def truth(self, batch: IntArray) -> dict[str, FloatArray]:
        return {"error": self._errors[np.ravel_multi_index(tuple(batch.T), _SHAPE)]}

    def prior(self, seed: int) -> list[FloatArray]:
        """Return the damage of single choices with noise of 20 %, spoilt where the case says so."""
        known = whole.noisy_damage(seed)
        known = [*known[LAYERS : 2 * LAYERS], *known[3 * LAYERS : 4 * LAYERS]]
        if self._case == "adversarial":
            return [each.max() - each for each in known]
        if self._case == "shuffled":
            rng = np.random.default_rng(seed)
            order = [*rng.permutation(LAYERS), *(LAYERS + rng.permutation(LAYERS))]
            return [known[column] for column in order]
        return known

    def asked(self, trial: optuna.Trial, seed: int) -> tuple[Values, Values]:
        """Take bits as categories and kept channels as numbers."""
        bits = [
            whole.BITS.index(trial.suggest_categorical(f"b{i}", whole.BITS)) for i in range(LAYERS)
        ]
        kept = [
            whole.KEEPS.index(trial.suggest_int(f"k{i}", min(whole.KEEPS), max(whole.KEEPS)))
            for i in range(LAYERS)
        ]
        batch = np.array([[*bits, *kept]])
        known = {name: float(value[0]) for name, value in self.costs(batch).items()}
        read, true = self.answers(batch, seed)["error"], self.truth(batch)["error"]
        return {**known, "error": float(read[0])}, {**known, "error": float(true[0])}


def _padded(batch: IntArray) -> IntArray:
    """Return candidates as those of the whole problem, of which these are the last four layers."""
    padded = np.zeros((len(batch), len(whole.SPACE)), dtype=np.int64)
    padded[:, LAYERS : 2 * LAYERS] = batch[:, :LAYERS]
    padded[:, 3 * LAYERS : 4 * LAYERS] = batch[:, LAYERS:]
    return padded


_NOTHING = whole.costs(_padded(np.zeros((1, 2 * LAYERS), dtype=np.int64)))
"""What the uncompressed network costs."""
