"""A whole study whose trainings end early, through the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.studies.command_line import tightfit, tiny_study
from tightfit import Outcome, SpecError
from tightfit.search import pareto_front
from tightfit.studies.assembly import assemble
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.study_file import read_study

Capture = pytest.CaptureFixture[str]


@pytest.mark.slow
def test_a_run_ends_trainings_early_and_goes_on_as_it_would_have(
    tmp_path: Path, capsys: Capture
) -> None:
    study, run = tiny_study(tmp_path), tmp_path / "run"
    # No networks outside the space: they are trained whole, and are not what is asked here.
    settings = ["fidelity.rungs=[0.5]", "fidelity.keep=0.1", "references.small_nets=[]"]
    settings.append("references.from_scratch=false")
    how = ("--trials", 8, *(word for each in settings for word in ("--set", each)))
    assert tightfit("run", study, "--to", run, *how) == 0
    records = RunFolder(run).results().records
    stopped = [each for each in records if each.outcome is Outcome.STOPPED]
    references = [each for each in records if each.origin not in ("tpe", "random")]
    assert sum(each.trained for each in records) == 8
    assert stopped
    assert all(each.rungs[0].share == 0.5 for each in records if each.trained)
    assert all("accuracy" not in each.measurement for each in stopped)
    assert all(each.outcome is not Outcome.STOPPED for each in references)
    members = pareto_front(records, RunFolder(run).results().objectives).members
    kept = {folder.name for folder in (run / "candidates").iterdir()}
    assert kept == {each.candidate.key for each in members}
    assert "stopped after 50% of its training" in capsys.readouterr().out
    assert "stopped early" in (run / "report.html").read_text("utf-8")

    interrupted = tmp_path / "again"
    shutil.copytree(run, interrupted)
    journal = interrupted / "journal.log"
    first = next(place for place, each in enumerate(records) if each in stopped)
    _forget(journal, keep=first)
    assert tightfit("run", study, "--to", interrupted, *how) == 0
    again = RunFolder(interrupted).results().records
    assert [each.candidate for each in again] == [each.candidate for each in records]
    assert [each.outcome for each in again] == [each.outcome for each in records]


def _forget(journal: Path, keep: int) -> None:
    """Cut a journal as if the run had been killed after so many records."""
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    trials = [place for place, line in enumerate(lines) if '"record"' in line]
    journal.write_text("".join(lines[: trials[keep]]), "utf-8")


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["fidelity.rungs=[0.5, 0.25]"], r"'rungs' must grow from one to the next"),
        (["fidelity.rungs=[1.0]"], "less than 1"),
        (["fidelity.rungs=[]"], "should have 1 or more items"),
        (["fidelity.keep=1"], "less than 1"),
        (["fidelity.data=[0.5, 0.75]"], "'data' needs one share for each of the 1 rungs"),
        (["fidelity.rungs=[0.2, 0.5]", "fidelity.data=[0.5, 0.25]"], "'data' must not shrink"),
        (["fidelity.data=[0]"], "greater than 0"),
        (["fidelity.rungs=[0.5]", "training.fit=own:same"], r"'training\.fit' replaces the train"),
        (
            ["fidelity.rungs=[0.5]", 'objectives=["accuracy_shifted", "size_kb"]'],
            "cannot rank by the objective 'accuracy_shifted'",
        ),
    ],
)
def test_rungs_that_cannot_be_are_refused(
    tmp_path: Path, overrides: list[str], message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        assemble(read_study(tiny_study(tmp_path), overrides))
