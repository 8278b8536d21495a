"""A whole study whose candidates inherit, through the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.studies.command_line import tightfit, tiny_study
from tightfit import Outcome
from tightfit.objectives.inheritance import WEIGHTS_FILE
from tightfit.search import pareto_front, weights_kept
from tightfit.studies.run_folder import RunFolder

INHERIT = ("--set", "training.inherit=true")
ALONE = ("--set", "references.small_nets=[]", "--set", "references.from_scratch=false")


@pytest.mark.slow
def test_a_run_inherits_and_goes_on_as_it_would_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, run = tiny_study(tmp_path), tmp_path / "run"
    how = ("--trials", 6, *INHERIT, *ALONE)
    assert tightfit("run", study, "--to", run, *how) == 0
    results = RunFolder(run).results()
    records = results.records
    heirs = [each for each in records if each.start is not None]
    assert heirs
    assert all(each.origin in ("tpe", "random") for each in heirs)
    for heir in heirs:
        before = records[: records.index(heir)]
        assert heir.start is not None
        assert heir.start.donor in weights_kept(before, results.objectives)

    members = {each.candidate for each in pareto_front(records, results.objectives).members}
    kept = weights_kept(records, results.objectives)
    folders = {folder.name: folder for folder in (run / "candidates").iterdir()}
    assert folders.keys() == {each.key for each in kept}
    for each in kept:
        files = {path.name for path in folders[each.key].iterdir()}
        assert files == {WEIGHTS_FILE} if each not in members else files > {WEIGHTS_FILE}

    _forget_last(run / "journal.log")
    assert tightfit("run", study, "--to", run, *how) == 0
    again = RunFolder(run).results().records
    assert [each.candidate for each in again] == [each.candidate for each in records]
    if {again[-1].outcome, records[-1].outcome} == {Outcome.EVALUATED}:
        assert again[-1].start == records[-1].start
        assert again[-1].measurement["accuracy"] == records[-1].measurement["accuracy"]
    capsys.readouterr()

    assert tightfit("run", study, "--to", run, "--trials", 6, *ALONE) != 0
    assert "training.inherit: true in the run, nothing in the study" in capsys.readouterr().err


def _forget_last(journal: Path) -> None:
    """Cut a journal as if the run had been killed before its last record was kept."""
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    last = max(place for place, line in enumerate(lines) if '"record"' in line)
    journal.write_text("".join(lines[:last]), "utf-8")
