"""What a user writes with Optuna alone: TPE over the quickstart's space, each layer by itself.

    python -m benchmarks.plain_optuna FOLDER [--trials 200] [--study FILE]

Building, measuring and training are the project's own, so that the two searches differ in nothing
else. A trial is built and measured; where it breaks a limit on what was measured it is told so and
not trained, which TPE learns from. FOLDER keeps the baseline and the study: called again, it goes
on.
"""

import argparse
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from tightfit import TightfitError
from tightfit.studies.assembly import assemble
from tightfit.studies.bench import prepare
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.study_file import read_study

STUDY = Path(__file__).parent.parent / "studies" / "quickstart.toml"
JOURNAL = "plain.journal"
EACH_LAYER = ('space.quantization.per="layer"', 'space.decomposition.per="layer"')


def search(folder: Path, study_file: Path, overrides: tuple[str, ...], trials: int | None) -> None:
    """Search until ``trials`` trials are finished, or until interrupted."""
    bench = prepare(
        assemble(read_study(study_file, overrides)),
        RunFolder(folder),
        say=print,
        progress=lambda *_: None,
    )
    space, workshop = bench.space.search_space, bench.workshop

    def objective(trial: optuna.Trial) -> tuple[float, float]:
        chosen = {h.name: trial.suggest_categorical(h.name, h.choices) for h in space.hparams}
        candidate = space.from_choices(chosen)
        work = workshop.begin(candidate, trial.number)
        readings = {**workshop.static(candidate), **work.build(), **work.measure()}
        measured = [limit for limit in bench.constraints if limit.metric in readings]
        for limit in measured:
            trial.set_constraint(limit.metric, limit.excess(readings[limit.metric].value))
        if any(violation > 0 for violation in trial.constraints.values()):
            work.discard()
            raise optuna.TrialPruned
        work.train(lambda *_: None)
        readings.update(work.score())
        for limit in bench.constraints:
            if limit not in measured:
                trial.set_constraint(limit.metric, limit.excess(readings[limit.metric].value))
        work.discard()
        return readings["accuracy"].value, readings["size_kb"].value

    storage = JournalStorage(JournalFileBackend(str(folder / JOURNAL)))
    study = optuna.create_study(
        study_name=JOURNAL,
        storage=storage,
        load_if_exists=True,
        directions=["maximize", "minimize"],
    )
    done = sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))
    study.sampler = optuna.samplers.TPESampler(seed=done)
    left = None if trials is None else max(trials - done, 0)
    study.optimize(objective, n_trials=left, catch=(TightfitError,))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--study", type=Path, default=STUDY)
    parser.add_argument("--trials", type=int)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    overrides = (*EACH_LAYER, *arguments.set)
    search(arguments.folder, arguments.study, overrides, arguments.trials)


if __name__ == "__main__":
    main()
