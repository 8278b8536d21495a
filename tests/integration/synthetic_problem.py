"""A compression-like problem whose answer is nearly known, for comparing samplers in seconds.

Eight layers, each with a bit-width and a kept share of its channels, and three choices of training:
19 hparams. Size and latency are additive over the layers and known exactly; low bit-widths are not
faster than 8 bits, as on a CPU. The error is the sum of the layers' damage, plus what neighbouring
damaged layers do to each other, softened by fine-tuning. A few per cent of random candidates keep
both limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tightfit import (
    Candidate,
    Constraint,
    Direction,
    FloatArray,
    Hparam,
    IntArray,
    Kind,
    Measurement,
    Objective,
    Outcome,
    Reading,
    Record,
    SearchSpace,
    Sense,
    Stage,
)

LAYERS = 8
BITS = (8, 6, 4, 2)
KEEPS = (8, 7, 6, 5, 4, 3, 2)  # eighths of the channels
LEARNING_RATES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4)
ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0)
FINE_TUNING = ("none", "short", "long")
REFERENCE_POINT = np.array([0.6, 0.085])
REFERENCE_HYPERVOLUME = 0.02113585738792213
"""Of a nearly true front of the problem with continuous training choices."""

_PARAMS = np.array([2, 6, 12, 24, 48, 96, 180, 60.0]) / 428.0
_MACS = np.array([20, 18, 16, 14, 12, 10, 8, 2.0]) / 100.0
_SENSITIVITY = np.array([0.10, 0.05, 0.06, 0.04, 0.035, 0.03, 0.025, 0.08]) * 1.6
_BITS_DAMAGE = np.array([0.012, 0.05, 0.22, 0.9])
_BITS_LATENCY = np.array([0.55, 0.75, 0.66, 0.62])
_RECOVERY = np.array([0.0, 0.12, 0.2])
# The generator draws nothing before these numbers, so they are the same everywhere.
_COUPLING = np.random.RandomState(42).uniform(0.2, 0.6, LAYERS - 1)

SPACE = SearchSpace(
    (
        *(Hparam(f"layer{i}.bits", BITS) for i in range(LAYERS)),
        *(Hparam(f"layer{i}.kept_eighths", KEEPS) for i in range(LAYERS)),
        Hparam("training.learning_rate", LEARNING_RATES),
        Hparam("distillation.weight", ALPHAS),
        Hparam("training.length", FINE_TUNING),
    )
)
OBJECTIVES = (
    Objective("error", Direction.MINIMIZE),
    Objective("size", Direction.MINIMIZE),
)
CONSTRAINTS = (
    Constraint("size", Sense.AT_MOST, 0.085),
    Constraint("latency", Sense.AT_MOST, 0.36),
)


def costs(batch: IntArray) -> dict[str, FloatArray]:
    """Return size and latency of a batch ``[n, 19]``, each ``[n]``, as shares of the baseline's."""
    bits, share = _layers(batch)
    size = (_PARAMS * share * np.array(BITS)[bits] / 32).sum(axis=1)
    latency = (_MACS * (share * _BITS_LATENCY[bits] + 0.03)).sum(axis=1)
    return {"size": size, "latency": latency}


def errors(batch: IntArray) -> FloatArray:
    """Return the error of a batch ``[n, 19]``, ``[n]``."""
    bits, share = _layers(batch)
    rate, alpha, length = batch[:, 2 * LAYERS :].T
    return error_of(
        bits,
        share,
        rate=np.array(LEARNING_RATES)[rate],
        alpha=np.array(ALPHAS)[alpha],
        length=length,
    )


def error_of(
    bits: IntArray, share: FloatArray, *, rate: FloatArray, alpha: FloatArray, length: IntArray
) -> FloatArray:
    """Return the error ``[n]`` where the training choices may lie between those of ``SPACE``.

    Args:
        bits: Indices into ``BITS``, ``[n, layers]``.
        share: Of the channels that are kept, ``[n, layers]``.
        rate: Learning rates, ``[n]``.
        alpha: Weights of distillation, ``[n]``.
        length: Indices into ``FINE_TUNING``, ``[n]``.
    """
    damage = _SENSITIVITY * (_BITS_DAMAGE[bits] + 1.3 * (1 - share) ** 1.7)
    coupled = 12 * (_COUPLING * damage[:, :-1] * damage[:, 1:]).sum(axis=1)
    mistuned = 0.02 * (np.log10(rate) + 2.3) ** 2 + 0.03 * (alpha - 0.65) ** 2
    error = (damage.sum(axis=1) + coupled) * (1 - _RECOVERY[length]) + (length > 0) * mistuned
    return np.asarray(np.minimum(1.0, error))


def single_damage() -> list[FloatArray]:
    """Return by hparam what each choice damages alone, ``[choices]``: what sensitivities estimate.

    Nothing is known of how to train.
    """
    by_bits = [_SENSITIVITY[i] * (_BITS_DAMAGE - _BITS_DAMAGE[0]) for i in range(LAYERS)]
    shares = np.array(KEEPS) / 8
    by_share = [_SENSITIVITY[i] * 1.3 * (1 - shares) ** 1.7 for i in range(LAYERS)]
    return [*by_bits, *by_share, *(np.zeros(0) for _ in range(3))]


def noisy_damage(seed: int, spread: float = 0.2) -> list[FloatArray]:
    """Return :func:`single_damage` with log-normal noise on every choice, independent of others."""
    rng = np.random.default_rng([seed, 20])
    return [each * np.exp(spread * rng.standard_normal(len(each))) for each in single_damage()]


def _layers(batch: IntArray) -> tuple[IntArray, FloatArray]:
    """Return the indices of the bits and the kept shares, both ``[n, layers]``."""
    return batch[:, :LAYERS], np.array(KEEPS)[batch[:, LAYERS : 2 * LAYERS]] / 8


@dataclass
class SyntheticEvaluator:
    """Answers at once and says that it took ``seconds``.

    Attributes:
        seconds: What every record says its training took.
        calls: The candidates it was asked for, in order.
        constraints: Those that are known before training screen a candidate out. One on
            ``measured`` is known to no cost model, as a latency is.
        interrupt_at: Numbers of trials in which it is interrupted, once each.
    """

    seconds: float = 20.0
    calls: list[Candidate] = field(default_factory=list)
    constraints: tuple[Constraint, ...] = CONSTRAINTS
    interrupt_at: set[int] = field(default_factory=set)

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Return the record of a candidate."""
        if number in self.interrupt_at:
            self.interrupt_at.remove(number)
            raise KeyboardInterrupt
        self.calls.append(candidate)
        batch = SPACE.batch([candidate])
        values = {name: float(value[0]) for name, value in costs(batch).items()}
        # A stand-in for what is only known once a file is there: the latency and an offset that
        # depends on the widths in a way no additive model has.
        values["measured"] = values["latency"] * (1 + 0.2 * np.sin(float(batch[0, 8:16].sum())))
        screened = self._record(candidate, origin, values, Outcome.SCREENED)
        broken = [name for name, violation in screened.violations.items() if violation > 0]
        if broken:
            return screened
        values["error"] = float(errors(batch)[0])
        return self._record(candidate, origin, values, Outcome.EVALUATED)

    def _record(
        self, candidate: Candidate, origin: str, values: Mapping[str, float], outcome: Outcome
    ) -> Record:
        measurement = Measurement(
            {
                name: Reading(float(value), kind=Kind.COUNTED, stage=Stage.STATIC)
                for name, value in values.items()
            }
        )
        violations = {
            str(each): each.violation(measurement)
            for each in self.constraints
            if each.metric in measurement
        }
        broken = [name for name, violation in violations.items() if violation > 0]
        trained = outcome is Outcome.EVALUATED
        return Record(
            candidate=candidate,
            outcome=outcome,
            measurement=measurement,
            violations=violations,
            origin=origin,
            fingerprint="synthetic",
            reason="" if trained else next(iter(broken), ""),
            seconds={"train": self.seconds} if trained else {"build": 1.0},
            trained=trained,
        )
