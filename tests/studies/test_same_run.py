"""A folder's run is given for what it was begun with, and for nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from safetensors.torch import save_file
from torch import Tensor, nn

from tests.studies.command_line import tightfit, tiny_study
from tests.studies.conftest import make_results
from tests.studies.tiny.own import error_rate, make_data, make_net
from tightfit import Kind, Measurement, Outcome, Reading, Record, SpecError, Stage
from tightfit.objectives.datasets import from_objects
from tightfit.objectives.models import LoadedModel
from tightfit.objectives.seeding import seeded
from tightfit.search import Search, open_storage
from tightfit.search.ledger import SIGNATURE, Entry, Ledger
from tightfit.studies.assembly import Assembly, assemble, assemble_objects
from tightfit.studies.bench import Bench
from tightfit.studies.costs import StaticCosts
from tightfit.studies.plan import Plan
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.running import run_objects, run_study
from tightfit.studies.session import (
    RunRequest,
    Watcher,
    check_same_study,
    keep_plan,
    make_search,
)
from tightfit.studies.study_file import Study, parse_spec, read_study

SILENT = cast(Watcher, None)


def prepared_bench(run: RunFolder, assembly: Assembly) -> Bench:
    """Return what a run of a baseline as it was loaded begins with; nothing is measured."""
    module = assembly.model.module
    values = {"accuracy": 0.9, "size_kb": 30.0}
    readings = {
        name: Reading(value, kind=Kind.MEASURED, stage=Stage.LEARNED)
        for name, value in values.items()
    }
    run.make()
    return Bench(
        assembly=assembly,
        space=assembly.space(module),
        folder=run,
        baseline=Measurement(readings),
        constraints=(),
        teacher=None,
        fingerprint=assembly.fingerprint(module),
        costs=cast(Any, None),
        device=cast(Any, None),
        beside={},
    )


def begin(
    run: RunFolder,
    assembly: Assembly,
    *,
    study_path: Path | None = None,
    storage: str | None = None,
) -> None:
    """Write what such a run is about."""
    keep_plan(prepared_bench(run, assembly), study_path, storage)


@pytest.fixture
def finish(monkeypatch: pytest.MonkeyPatch) -> Callable[[RunFolder], Results]:
    """Return what ends a run that was begun."""

    def end(run: RunFolder) -> Results:
        results = make_results(run.path)
        monkeypatch.setattr(RunFolder, "results", lambda _run: results)
        run.binding.touch()
        (run.baseline / "readings.json").touch()
        return results

    return end


def live(
    *,
    seed: int = 0,
    noise: float = 0.0,
    score: Callable[[Tensor, Tensor], tuple[float, float]] | None = None,
) -> Assembly:
    """Return the parts of a study of live objects."""
    with seeded(seed):
        net = make_net()
    (inputs, targets), validation, _ = make_data()
    values = {
        "constraints": ["size_kb <= 0.6 * baseline"],
        "model": {"name": "object"},
        "space": {"quantization": {"per": "network"}, "schedule": {"epochs": [1]}},
    }
    return assemble_objects(
        Study("compress", parse_spec(values, "compress()"), Path.cwd()),
        data=from_objects((inputs + noise, targets), validation),
        model=LoadedModel(net, needs_training=False, notes=()),
        score=score,
    )


def test_a_finished_run_is_given_for_the_same_objects_alone(
    tmp_path: Path, finish: Callable[[RunFolder], Results]
) -> None:
    run = RunFolder(tmp_path / "run")
    begin(run, live(score=error_rate))
    found = finish(run)
    assert run_objects(live(score=error_rate), run, SILENT) is found
    others = (
        live(score=error_rate, seed=1),
        live(score=error_rate, noise=0.1),
        live(score=lambda *_: (0.0, 0.0)),
        live(),
    )
    for other in others:
        with pytest.raises(SpecError, match="begun with other weights, data, code of yours"):
            run_objects(other, run, SILENT)


LOOSER = 'constraints=["size_kb <= 0.9 * baseline", "accuracy >= 0.3"]'


def test_a_run_without_a_record_takes_other_limits_and_forgets_what_was_said_of_its_own(
    tmp_path: Path,
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    begin(run, assemble(read_study(study)), study_path=study)
    run.proof.write_text("{}")
    with pytest.raises(SpecError, match="belongs to another study"):
        check_same_study(request(study, run, LOOSER, "seed=1"))
    # The same limits again: the proof is of these.
    begin(run, assemble(read_study(study)), study_path=study)
    assert run.proof.exists()
    check_same_study(request(study, run, LOOSER))
    begin(run, assemble(read_study(study, [LOOSER])), study_path=study)
    assert Plan.read(run.plan).spec["constraints"][1] == "accuracy >= 0.3"
    assert not run.proof.exists()


def test_a_search_that_was_begun_and_found_nothing_does_not_hold_its_limits(
    tmp_path: Path,
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    assembly = assemble(read_study(study))
    begin(run, assembly, study_path=study)
    bench = prepared_bench(run, assembly)
    ledger_of(run, bench)
    assert run.journal.is_file()
    check_same_study(request(study, run, LOOSER))
    begin(run, assemble(read_study(study, [LOOSER])), study_path=study)
    assert not run.journal.exists()


def ledger_of(run: RunFolder, bench: Bench) -> Ledger:
    """Open what keeps a run's records, as its search does."""
    ledger = Ledger(
        open_storage(run.journal),
        bench.assembly.study.name,
        space=bench.space.search_space,
        objectives=bench.assembly.objectives,
        constraints=bench.constraints,
    )
    ledger.set(SIGNATURE, {})
    return ledger


def test_a_run_with_records_is_refused_under_other_limits_with_what_to_ask_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    assembly = assemble(read_study(study))
    begin(run, assembly, study_path=study)
    bench = prepared_bench(run, assembly)
    baseline = bench.space.search_space.baseline()
    record = Record(baseline, Outcome.FAILED, Measurement(), {}, "tpe", bench.fingerprint, "full")
    ledger_of(run, bench).add(Entry(record))
    for command in (("decide",), ("run",), ("tighten", "--limit", "trials")):
        assert tightfit(*command, study, "--to", run.path, "--set", LOOSER) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "belongs to another study (constraints: " in said
        assert f"'tightfit whatif {run.path} --limits ...' judges its records" in said
    assert tightfit("tighten", study, "--limit", "trials", "--to", run.path) == 1
    assert "The limits were not met in 0 trainings." in capsys.readouterr().out


def request(study: Path, run: RunFolder, *overrides: str, storage: str | None = None) -> RunRequest:
    return RunRequest(read_study(study, overrides), study, overrides, run, storage)


def test_a_finished_run_is_refused_once_its_code_was_edited_and_nothing_is_trained(
    tmp_path: Path, finish: Callable[[RunFolder], Results]
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    begin(run, assemble(read_study(study)), study_path=study)
    found = finish(run)
    assert run_study(request(study, run), SILENT) == (found, None)
    own = tmp_path / "own.py"
    own.write_text(own.read_text() + "\n# another thought\n")
    with pytest.raises(SpecError, match="begun with other weights, data, code of yours"):
        run_study(request(study, run), SILENT)
    assert not (tmp_path / ".baselines").exists()


def test_an_edited_run_is_refused_before_a_baseline_is_trained(tmp_path: Path) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    begin(run, assemble(read_study(study)), study_path=study)
    own = tmp_path / "own.py"
    own.write_text(own.read_text() + "\n# another thought\n")
    with pytest.raises(SpecError, match="begun with other weights, data, code of yours"):
        run_study(request(study, run), SILENT)
    assert not (tmp_path / ".baselines").exists()


def test_a_finished_run_is_refused_once_the_weights_in_its_file_are_others(
    tmp_path: Path, finish: Callable[[RunFolder], Results], capsys: pytest.CaptureFixture[str]
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    override = "model.weights=net.safetensors"

    def keep(net: nn.Module) -> None:
        save_file(net.state_dict(), tmp_path / "net.safetensors")

    with seeded(0):
        keep(make_net())
    begin(run, assemble(read_study(study, [override])), study_path=study)
    found = finish(run)
    assert run_study(request(study, run, override), SILENT) == (found, None)
    with seeded(1):
        keep(make_net())
    assert tightfit("run", study, "--to", run.path, "--set", override) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "was begun with other weights, data, code of yours, or another score" in said


def test_a_finished_run_of_an_older_version_is_still_shown(
    tmp_path: Path, finish: Callable[[RunFolder], Results]
) -> None:
    run, assembly = RunFolder(tmp_path / "run"), live()
    begin(run, assembly)
    old = assembly.fingerprint(assembly.model.module, version="0.0.9")
    replace(Plan.read(run.plan), tightfit="0.0.9", fingerprint=old).write(run.plan)
    found = finish(run)
    assert run_objects(live(), run, SILENT) is found
    with pytest.raises(SpecError, match="begun with other weights"):
        run_objects(live(seed=1), run, SILENT)


def test_a_study_under_another_name_goes_on_with_its_run(tmp_path: Path) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    begin(run, assemble(read_study(study)), study_path=study)
    moved = study.rename(tmp_path / "moved.toml")
    check_same_study(request(moved, run))
    begin(run, assemble(read_study(moved)), study_path=moved)
    kept = Plan.read(run.plan)
    assert kept.name == "tiny"
    assert kept.study_path == str(moved)


def test_a_run_stays_in_the_storage_that_it_was_begun_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    assembly = assemble(read_study(study))
    begin(run, assembly, study_path=study, storage="sqlite:///run.db")
    begin(run, assembly, study_path=study)
    assert Plan.read(run.plan).storage == f"sqlite:///{tmp_path}/run.db"
    check_same_study(request(study, run))
    check_same_study(request(study, run, storage="sqlite:///run.db"))
    with pytest.raises(SpecError, match=r"run\.db, got --storage sqlite:///other\.db; leave"):
        check_same_study(request(study, run, storage="sqlite:///other.db"))


def test_a_run_in_its_own_file_is_not_begun_anew_in_a_storage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    begin(run, assemble(read_study(study)), study_path=study)
    url = f"sqlite:///{tmp_path}/run.db"
    assert tightfit("run", study, "--to", run.path, "--storage", url) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "journal.log, got --storage sqlite:///" in said
    assert not (tmp_path / "run.db").exists()


def opened(run: RunFolder, assembly: Assembly, name: str | None = None) -> Search:
    """Open the search of a run that was begun."""
    bench = prepared_bench(run, assembly)
    costs = StaticCosts(bench.space, assembly.profile)
    return make_search(replace(bench, costs=costs), cast(Any, None), name=name)


def test_a_study_in_a_shared_storage_is_one_run_folder_s(tmp_path: Path) -> None:
    study, url = tiny_study(tmp_path), f"sqlite:///{tmp_path}/shared.db"
    first, second = RunFolder(tmp_path / "first"), RunFolder(tmp_path / "second")
    assembly = assemble(read_study(study))
    check_same_study(request(study, first, storage=url))
    begin(first, assembly, study_path=study, storage=url)
    for _ in range(2):
        opened(first, assembly)
        opened(first, assembly, "tiny under macs <= 9")
        check_same_study(request(study, first, storage=url))
    taken = r"shared\.db has a study 'tiny' already, and it is not this folder's.* another name"
    with pytest.raises(SpecError, match=taken):
        check_same_study(request(study, second, storage=url))
    check_same_study(request(study, second, "name=other", storage=url))
    # Both were begun before either had opened its search.
    begin(second, assembly, study_path=study, storage=url)
    with pytest.raises(SpecError, match=taken):
        opened(second, assembly)
    with pytest.raises(SpecError, match="has a study 'tiny under macs <= 9' already"):
        opened(second, assembly, "tiny under macs <= 9")


def test_a_run_from_before_studies_were_marked_goes_on(tmp_path: Path) -> None:
    study, url = tiny_study(tmp_path), f"sqlite:///{tmp_path}/run.db"
    run, assembly = RunFolder(tmp_path / "run"), assemble(read_study(study))
    begin(run, assembly, study_path=study, storage=url)
    replace(Plan.read(run.plan), run_id=None).write(run.plan)
    for _ in range(2):
        begin(run, assembly, study_path=study)
        assert opened(run, assembly).get("run") is None
    assert Plan.read(run.plan).run_id is None


def test_a_finished_run_whose_report_was_not_written_any_more_writes_it(
    tmp_path: Path, finish: Callable[[RunFolder], Results]
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    begin(run, assemble(read_study(study)), study_path=study)
    finish(run)

    def written() -> int:
        run_study(request(study, run), SILENT)
        return run.report.stat().st_mtime_ns

    before = written()
    assert written() == before
    os.utime(run.binding, ns=(before + 1, before + 1))
    assert written() > before
