"""Whole studies whose candidates inherit."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.studies.command_line import tiny_study
from tests.studies.tiny.own import make_data, make_net
from tightfit import Outcome, SpecError
from tightfit.objectives.inheritance import WEIGHTS_FILE
from tightfit.objectives.seeding import seeded
from tightfit.search import pareto_front, weights_kept
from tightfit.studies import compress
from tightfit.studies.assembly import assemble
from tightfit.studies.results import Results
from tightfit.studies.study_file import read_study
from tightfit.studies.tables import front_rows


@pytest.mark.slow
def test_a_run_inherits_and_goes_on_as_it_would_have(tmp_path: Path) -> None:
    run = tmp_path / "run"
    results = searched(run, inherit=True)
    records = results.records
    heirs = [each for each in records if each.start is not None]
    assert heirs
    assert all(each.origin in ("tpe", "random") for each in heirs)
    for heir in heirs:
        before = records[: records.index(heir)]
        assert heir.start is not None
        assert heir.start.donor in weights_kept(before, results.objectives)
    for row in front_rows(results):
        if row.trial is not None:
            assert row.inherited_from == results.donor(records[row.trial])

    members = {each.candidate for each in pareto_front(records, results.objectives).members}
    kept = weights_kept(records, results.objectives)
    folders = {folder.name: folder for folder in (run / "candidates").iterdir()}
    assert folders.keys() == {each.key for each in kept}
    for each in kept:
        files = {path.name for path in folders[each.key].iterdir()}
        assert files == {WEIGHTS_FILE} if each not in members else files > {WEIGHTS_FILE}

    _forget_last(run / "journal.log")
    again = searched(run, inherit=True).records
    assert [each.candidate for each in again] == [each.candidate for each in records]
    if {again[-1].outcome, records[-1].outcome} == {Outcome.EVALUATED}:
        assert again[-1].start == records[-1].start
        assert again[-1].measurement["accuracy"] == records[-1].measurement["accuracy"]
    with pytest.raises(
        SpecError, match=r"training\.inherit: true in the run, nothing in the study"
    ):
        searched(run, inherit=False)


def searched(folder: Path, *, inherit: bool) -> Results:
    train, validation, _ = make_data()
    with seeded(0):
        net = make_net()
    return compress(
        net, train, validation,
        constraints=["size_kb <= 0.6 * baseline"], trials=6, folder=folder,
        space={"pruning": {"align": 4}, "quantization": {"per": "network", "bits": [8, 4]},
               "schedule": {"epochs": [1]}},
        training={"batch_size": 32, "threads": 1, "inherit": inherit},
        sampler="random", device={"seconds": 0.5},
        references={"single_techniques": False, "uniform": 1, "from_scratch": False},
    ).results  # fmt: skip


def _forget_last(journal: Path) -> None:
    """Cut a journal as if the run had been killed before its last record was kept."""
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if '"record"' in line)
    journal.write_text("".join(lines[:last]), "utf-8")


def test_what_is_off_leaves_a_study_as_older_runs_know_it(tmp_path: Path) -> None:
    plain = read_study(tiny_study(tmp_path), ["fidelity.rungs=[0.5]"])
    kept = plain.spec.model_dump(mode="json")
    assert "inherit" not in kept["training"]
    assert "data" not in kept["fidelity"]
    found = set()
    for more in ([], ["training.inherit=true"], ["fidelity.data=[0.5]"], ["fidelity.keep=0.3"]):
        assembly = assemble(read_study(plain.folder / "tiny.toml", ["fidelity.rungs=[0.5]", *more]))
        found.add(assembly.fingerprint(assembly.model.module))
    assert len(found) == 3  # what is learned from changes readings, how many go on does not
