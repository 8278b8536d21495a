"""What rungs save on the tabular benchmark, whose candidates were scored within their trainings.

    python -m benchmarks.fidelity --sampler greybox+prior+corner --seeds 0 10
    python -m benchmarks.fidelity --sampler random --rungs 0.25 --keep 0.5

Every search trains for as long as ``--trials`` whole trainings take on average; what it paid for is
the seconds of the table, of a stopped candidate the share of them up to its rung. Printed are means
over the seeds of the share of the best hypervolume, by whole trainings' worth of seconds. A
candidate that was stopped is on no front.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

import numpy as np
import optuna

from benchmarks.problem import Answers, Values, curve, truths
from benchmarks.samplers import own_search
from benchmarks.tabular.problem import Tabular
from tightfit import (
    Candidate,
    FloatArray,
    GoOn,
    Kind,
    Measurement,
    Outcome,
    Reading,
    Record,
    Rung,
    Stage,
)
from tightfit.search import Halving, Progress

AT = (10, 15, 20, 25, 35, 50, 75, 100)
_NOWHERE: Values = {"accuracy": 0.0, "size_kb": np.inf, "macs": np.inf}


@dataclass
class RungAnswers:
    """Looks a candidate up, its early readings too. See :class:`tightfit.RungEvaluator`.

    Attributes:
        problem: Has the answers.
        seed: Of the noise of the final ones.
        shares: Rungs, 0.25 and 0.5 of which the table knows.
        spent: Seconds of training so far, after each training.
    """

    problem: Tabular
    seed: int
    shares: tuple[float, ...]
    spent: list[float] = field(default_factory=list)

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Return the record of a whole training."""
        return self.evaluate_by_rungs(candidate, origin, number, lambda _: True)

    def evaluate_by_rungs(
        self, candidate: Candidate, origin: str, number: int, go_on: GoOn
    ) -> Record:
        """Return the record of a training that may end at a rung."""
        record = Answers(self.problem, self.seed).evaluate(candidate, origin, number)
        batch = self.problem.space.batch([candidate])
        seconds, rungs = float(self.problem.seconds(batch)[0]), []
        for share in self.shares:
            early = Reading(
                float(self.problem.early(batch, share)[0]), Kind.MEASURED, Stage.LEARNED
            )
            rungs.append(Rung(share, record.measurement.updated({"accuracy": early})))
            if not go_on(rungs[-1]):
                self._spend(share * seconds)
                return self._stopped(record, tuple(rungs))
        self._spend(seconds)
        return self._with(record, Outcome.EVALUATED, record.measurement, tuple(rungs))

    def _stopped(self, record: Record, rungs: tuple[Rung, ...]) -> Record:
        known = {name: record.measurement[name] for name in record.measurement}
        del known["accuracy"]
        return self._with(record, Outcome.STOPPED, Measurement(known), rungs)

    @staticmethod
    def _with(
        record: Record, outcome: Outcome, measurement: Measurement, rungs: tuple[Rung, ...]
    ) -> Record:
        return Record(
            candidate=record.candidate,
            outcome=outcome,
            measurement=measurement,
            violations=record.violations if outcome is Outcome.EVALUATED else {},
            origin=record.origin,
            fingerprint=record.fingerprint,
            trained=True,
            rungs=rungs,
        )

    def _spend(self, seconds: float) -> None:
        self.spent.append((self.spent[-1] if self.spent else 0.0) + seconds)


def shares_reached(
    problem: Tabular, sampler: str, seed: int, *, shares: tuple[float, ...], keep: float, worth: int
) -> tuple[FloatArray, int, int]:
    """Return shares of the best hypervolume at each whole training's worth, ``[worth]``.

    Returns:
        The shares, candidates in all, and those that were stopped.
    """
    answers = RungAnswers(problem, seed, shares)
    whole = problem.mean_seconds
    evaluator = (
        Halving(answers, keep=keep, objectives=problem.objectives, constraints=problem.constraints)
        if shares
        else answers
    )
    search = own_search(problem, sampler, seed, evaluator=evaluator)

    def enough(_record: Record, _progress: Progress) -> bool:
        return answers.spent[-1] >= worth * whole

    records = search.run(trials=8 * worth, enough=enough).records
    true = truths(problem, problem.space.batch([each.candidate for each in records]))
    stopped = [each.outcome is Outcome.STOPPED for each in records]
    found = curve(
        problem,
        [_NOWHERE if late else values for values, late in zip(true, stopped, strict=True)],
    )
    done = np.searchsorted(answers.spent, whole * np.arange(1, worth + 1), side="right")
    reached: FloatArray = np.where(done > 0, found[np.maximum(done, 1) - 1], 0.0)
    return reached, len(records), sum(stopped)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sampler", default="greybox+prior+corner")
    parser.add_argument("--seeds", type=int, nargs=2, default=(0, 10))
    parser.add_argument("--trials", type=int, default=50, help="whole trainings' worth of seconds")
    parser.add_argument("--rungs", type=float, nargs="*", default=[], choices=(0.25, 0.5))
    parser.add_argument("--keep", type=float, default=0.5)
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    problem = Tabular()
    found = [
        shares_reached(
            problem,
            arguments.sampler,
            seed,
            shares=tuple(arguments.rungs),
            keep=arguments.keep,
            worth=arguments.trials,
        )
        for seed in range(*arguments.seeds)
    ]
    curves = 100 * np.array([reached for reached, _, _ in found])
    rungs = " ".join(map(str, arguments.rungs))
    how = f"{rungs}, keep {arguments.keep:g}" if rungs else "none"
    cells = [
        f"{curves[:, at - 1].mean():.1f} ± {curves[:, at - 1].std():.1f}"
        for at in AT
        if at <= arguments.trials
    ]
    tried, stopped = (np.mean([each[column] for each in found]) for column in (1, 2))
    print(
        f"| {arguments.sampler} | {how} | {' | '.join(cells)} | {tried:.0f} | {stopped:.0f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
