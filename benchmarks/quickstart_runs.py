"""What does the search add to plain ways, and where does its time go?

Runs the shipped quickstart with a number of trainings and several seeds (an interrupted call goes
on where it stopped), and prints for each seed: the best member's accuracy beside the baseline's,
the front's hypervolume beside that of the reference candidates alone, the same shape trained from
scratch and small nets, for a few epochs and for as many steps as the baseline had, and the shares
of the time from the first record to the last.

    python benchmarks/quickstart_runs.py FOLDER [--trials 60] [--seeds 0 1 2] [--longer 2]

Seeds named by `--longer` train the networks from outside for the baseline's steps as well. On a
machine with other work, `--threads 1` keeps two threads from waiting for each other.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
import optuna

from tightfit import Record
from tightfit.search import open_storage, pareto_front
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.standing import standings

BASELINE_STEPS = 10 * (57_000 // 128)
STEPS_PER_EPOCH = 7_000 // 128


def main() -> None:
    arguments = _arguments()
    for seed in arguments.seeds:
        folder = arguments.folder / f"seed{seed}"
        options = ["--trials", arguments.trials, "--set", f"seed={seed}", "--to", folder]
        if arguments.threads is not None:
            options += ["--set", f"training.threads={arguments.threads}"]
        if seed in arguments.longer:
            options += ["--set", f"references.longer_epochs={BASELINE_STEPS // STEPS_PER_EPOCH}"]
        command = [sys.executable, "-m", "tightfit.studies", "run", "quickstart", *options]
        subprocess.run([str(part) for part in command], check=True)
    for seed in arguments.seeds:
        folder = RunFolder(arguments.folder / f"seed{seed}")
        print(f"\nseed {seed}")
        for line in (*_worth(folder.results()), *_time(folder)):
            print("  " + line)


def _worth(results: Results) -> list[str]:
    front = pareto_front(results.records, results.objectives)
    plain = [
        each.record for each in standings(results) if each.reference and each.trial is not None
    ]
    corner = np.array(results.reference_point)
    ratio = front.hypervolume(corner) / pareto_front(plain, results.objectives).hypervolume(corner)
    best = front.best("accuracy")
    below = results.baseline.value("accuracy") - best.measurement.value("accuracy")
    lines = [
        f"best by accuracy: {_row(best)}, {below:.4f} below the baseline",
        f"hypervolume: {ratio:.3f} times the reference candidates' alone",
    ]
    for record in results.references:
        size = record.measurement.value("size_kb")
        smaller = [each for each in front.members if each.measurement.value("size_kb") <= size]
        beside = max((each.measurement.value("accuracy") for each in smaller), default=None)
        words = "no member is as small" if beside is None else f"a member as small has {beside:.4f}"
        lines.append(f"{record.origin}: {_row(record)}; {words}")
    return lines


def _time(folder: RunFolder) -> list[str]:
    results = folder.results()
    study = optuna.load_study(study_name=results.name, storage=open_storage(folder.journal))
    ends = [trial.datetime_complete for trial in study.trials if trial.datetime_complete]
    wall = (max(ends) - min(ends)).total_seconds()
    # From the end of the first record on, so its own work does not count.
    spent: dict[str, float] = {}
    for record in results.records[1:]:
        for phase, seconds in record.seconds.items():
            spent[phase] = spent.get(phase, 0.0) + seconds
    rest = wall - sum(spent.values())
    shares = ", ".join(f"{phase} {seconds / wall:.1%}" for phase, seconds in spent.items())
    return [f"{wall:.0f} s from the first record to the last: {shares}, all else {rest / wall:.1%}"]


def _row(record: Record) -> str:
    values = record.measurement
    return f"{values.value('accuracy'):.4f}, {values.value('size_kb'):,.0f} kB"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--longer", type=int, nargs="*", default=[2])
    parser.add_argument("--threads", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    main()
