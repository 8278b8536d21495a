"""Compares samplers on the synthetic problem of the tests, whose best front is nearly known.

    python benchmarks/samplers.py run --sampler greybox+prior --seeds 0 10 --to curves.jsonl
    python benchmarks/samplers.py table curves.jsonl
    python benchmarks/samplers.py grow --layers 10 30 100

The project's own samplers propose only candidates within the static limits. A name that begins with
``optuna:`` is that sampler in a plain study, as a user writes it: values and constraints are told,
and what breaks a limit has been trained for nothing. ``greybox+prior`` is told what single choices
damage, with log-normal noise of 20 %; ``+corner`` is told the reference point too. One thread each.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections import defaultdict
from pathlib import Path

import numpy as np
import optuna

from tests.integration import chain_problem
from tests.integration.synthetic_problem import (
    BITS,
    CONSTRAINTS,
    FINE_TUNING,
    KEEPS,
    LAYERS,
    OBJECTIVES,
    REFERENCE_HYPERVOLUME,
    REFERENCE_POINT,
    SPACE,
    SyntheticEvaluator,
    costs,
    error_of,
    noisy_damage,
)
from tightfit import FloatArray
from tightfit.search import Search, hypervolume, hypervolume_history

AT = (10, 25, 50, 100, 200)
ENOUGH = 0.95


def own_curve(name: str, seed: int, trials: int) -> FloatArray:
    """Return the share of the reference hypervolume after each training, ``[trials]``."""
    sampler, *extras = name.split("+")
    search = Search(
        space=SPACE,
        costs=costs,
        constraints=CONSTRAINTS,
        objectives=OBJECTIVES,
        evaluator=SyntheticEvaluator(),
        storage=optuna.storages.InMemoryStorage(),
        name="synthetic",
        fingerprint="f",
        sampler=sampler,
        seed=seed,
        damage=noisy_damage(seed) if "prior" in extras else None,
        corner=REFERENCE_POINT.tolist() if "corner" in extras else None,
    )
    records = search.run(trials=trials).records
    return hypervolume_history(records, OBJECTIVES, REFERENCE_POINT) / REFERENCE_HYPERVOLUME


def chain_curve(name: str, layers: int, seed: int, trials: int) -> FloatArray:
    """Return the hypervolume after each training on a chain of layers, ``[trials]``."""
    sampler, *extras = name.split("+")
    chain = chain_problem.Chain(layers)
    search = Search(
        space=chain.space,
        costs=chain.costs,
        constraints=chain_problem.CONSTRAINTS,
        objectives=chain_problem.OBJECTIVES,
        evaluator=chain,
        storage=optuna.storages.InMemoryStorage(),
        name="chain",
        fingerprint="f",
        sampler=sampler,
        damage=chain.noisy_damage(seed) if "prior" in extras else None,
        corner=chain_problem.CORNER,
        seed=seed,
    )
    records = search.run(trials=trials).records
    corner = np.array(chain_problem.CORNER)
    return hypervolume_history(records, chain_problem.OBJECTIVES, corner) / corner.prod()


def grow(samplers: list[str], layers: list[int], trials: int) -> None:
    """Print which share of the box up to the corner is dominated, by number of hparams."""
    for count in layers:
        for sampler in samplers:
            began = time.process_time()
            curve = 100 * chain_curve(sampler, count, 0, trials)
            seconds = (time.process_time() - began) / trials
            shown = " | ".join(f"{curve[at - 1]:.1f}" for at in AT if at <= trials)
            print(f"| {2 * count} | {sampler} | {shown} | {seconds:.2f} |", flush=True)


def plain_curve(name: str, seed: int, trials: int) -> FloatArray:
    """Return the same of a sampler of Optuna's in a study of 20 lines."""
    samplers = {
        "tpe": optuna.samplers.TPESampler,
        "gp": optuna.samplers.GPSampler,
        "nsga2": optuna.samplers.NSGAIISampler,
        "random": optuna.samplers.RandomSampler,
    }
    study = optuna.create_study(
        directions=["minimize", "minimize"], sampler=samplers[name](seed=seed)
    )
    front: list[tuple[float, float]] = []
    curve = []

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        bits = [trial.suggest_categorical(f"b{i}", BITS) for i in range(LAYERS)]
        kept = [trial.suggest_int(f"k{i}", min(KEEPS), max(KEEPS)) for i in range(LAYERS)]
        rate = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
        alpha = trial.suggest_float("alpha", 0.0, 1.0)
        length = trial.suggest_categorical("ft", FINE_TUNING)
        row = np.array(
            [*(BITS.index(each) for each in bits), *(KEEPS.index(each) for each in kept), 0, 0, 0]
        )[None]
        cost = {metric: float(value[0]) for metric, value in costs(row).items()}
        for constraint in CONSTRAINTS:
            trial.set_constraint(constraint.metric, constraint.excess(cost[constraint.metric]))
        error = error_of(
            row[:, :LAYERS],
            np.array([kept]) / 8,
            rate=np.array([rate]),
            alpha=np.array([alpha]),
            length=np.array([FINE_TUNING.index(length)]),
        )
        return float(error[0]), cost["size"]

    def note(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if all(violation <= 0 for violation in trial.constraints.values()):
            front.append((trial.values[0], trial.values[1]))
        directions = [each.direction for each in OBJECTIVES]
        curve.append(hypervolume(np.array(front), REFERENCE_POINT, directions=directions))

    study.optimize(objective, n_trials=trials, callbacks=[note])
    return np.array(curve) / REFERENCE_HYPERVOLUME


def run(sampler: str, seeds: range, trials: int, to: Path) -> None:
    """Add a line to a file for every seed."""
    for seed in seeds:
        began = time.process_time()
        plain = sampler.startswith("optuna:")
        curve = (plain_curve if plain else own_curve)(sampler.removeprefix("optuna:"), seed, trials)
        seconds = time.process_time() - began
        line = {"sampler": sampler, "seed": seed, "seconds": seconds, "curve": curve.tolist()}
        with to.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(sampler, seed, *(f"{100 * curve[at - 1]:.1f}" for at in AT if at <= trials))


def table(path: Path) -> None:
    """Print mean and standard deviation over the seeds of each sampler."""
    curves = defaultdict(list)
    seconds = defaultdict(list)
    for line in map(json.loads, path.read_text().splitlines()):
        curves[line["sampler"]].append(line["curve"])
        seconds[line["sampler"]].append(line["seconds"] / len(line["curve"]))
    print(f"| sampler | seeds | {' | '.join(map(str, AT))} | to 95 % | s a training |")
    print("| --- " * (len(AT) + 4) + "|")
    for name, found in curves.items():
        cells = []
        for at in AT:
            values = [100 * curve[at - 1] for curve in found if len(curve) >= at]
            spread = f"{np.mean(values):.1f} ± {np.std(values):.1f}" if values else "-"
            cells.append(spread)
        print(
            f"| {name} | {len(found)} | {' | '.join(cells)} | {_reaching(found)} "
            f"| {np.mean(seconds[name]):.2f} |"
        )


def _reaching(curves: list[list[float]]) -> str:
    """Return the median number of trainings until ``ENOUGH``, and how many seeds came there."""
    counts = [
        1 + int(np.argmax(np.array(curve) >= ENOUGH)) if max(curve) >= ENOUGH else np.inf
        for curve in curves
    ]
    reached = sum(np.isfinite(counts))
    median = float(np.median(counts))
    shown = f"{median:.0f}" if np.isfinite(median) else f"> {max(map(len, curves))}"
    return f"{shown} ({reached} of {len(curves)})"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("--sampler", required=True)
    running.add_argument("--seeds", type=int, nargs=2, default=(0, 10))
    running.add_argument("--trials", type=int, default=200)
    running.add_argument("--to", type=Path, required=True)
    growing = commands.add_parser("grow")
    growing.add_argument("--samplers", nargs="+", default=["greybox+prior", "greybox", "tpe"])
    growing.add_argument("--layers", type=int, nargs="+", default=[10, 30, 100])
    growing.add_argument("--trials", type=int, default=50)
    commands.add_parser("table").add_argument("path", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "table":
        table(arguments.path)
        return
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if arguments.command == "grow":
        grow(arguments.samplers, arguments.layers, arguments.trials)
        return
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    run(arguments.sampler, range(*arguments.seeds), arguments.trials, arguments.to)


if __name__ == "__main__":
    main()
