"""What a person copies from the terminal: addresses, commands, and reasons, as they are."""

from __future__ import annotations

import html
import shlex
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from tests.studies.command_line import tightfit, tiny_study
from tests.studies.conftest import begin_run
from tightfit import SpecError
from tightfit.studies.checking import check_study
from tightfit.studies.commands import launching, questions
from tightfit.studies.dashboard import PageServer
from tightfit.studies.exporting import export_member
from tightfit.studies.report import report_html
from tightfit.studies.results import Ending, Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.study_file import read_study

Capture = pytest.CaptureFixture[str]
LIMITS = 'constraints=["size_kb <= 0.6 * baseline", "accuracy >= 0.4"]'


@pytest.fixture(autouse=True)
def narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


@pytest.fixture
def run(results: Results, tmp_path: Path) -> RunFolder:
    folder = RunFolder(tmp_path / "run")
    folder.make()
    begin_run(folder, results)
    return folder


def test_a_dashboard_on_a_free_port_says_which(
    run: RunFolder, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages: list[str] = []
    monkeypatch.setattr(PageServer, "run", lambda server: pages.append(server.url))
    assert tightfit("dashboard", run.path, "--port", 0) == 0
    (url,) = pages
    assert capsys.readouterr().out == f"{url}  (Ctrl-C ends it)\n"
    assert int(url.strip("/").rpartition(":")[2]) > 0


def test_an_address_is_said_only_once_it_is_the_page_s(run: RunFolder, capsys: Capture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert tightfit("dashboard", run.path, "--port", port) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert f"the port {port} of 127.0.0.1 is in use" in said.err


@pytest.mark.parametrize(
    ("home", "function", "arguments"),
    [
        (launching, "run_study", ("run",)),
        (launching, "study_sensitivity", ("sensitivity",)),
        (launching, "compare_samplers", ("compare", "--seeds", 1)),
        (questions, "decide", ("decide",)),
        (questions, "tighten", ("tighten", "--limit", "size_kb")),
    ],
)
def test_the_command_that_goes_on_after_an_interrupt_can_be_pasted(
    home: object,
    function: str,
    arguments: tuple[object, ...],
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(home, function, interrupted)
    study = tiny_study(tmp_path)
    typed = (*arguments, study, "--to", tmp_path / "my [bold] run", "--set", LIMITS)
    assert tightfit(*typed) == 130
    said = capsys.readouterr().err
    again = shlex.split(said.partition("Go on with: ")[2])
    assert again == ["tightfit", *map(str, typed)]
    assert "everything finished is kept" in said


def test_an_end_is_said_with_its_reason_and_what_comes_next_can_be_pasted(
    results: Results, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = Ending("device", "cannot open [/data/x.npz]")
    found = replace(results, ending=ending)
    monkeypatch.setattr(launching, "run_study", lambda *_: (found, None))
    folder = tmp_path / "my [bold] run"
    assert tightfit("run", tiny_study(tmp_path), "--to", folder) == 0
    said = capsys.readouterr()
    assert said.err == "The search stopped early: cannot open [/data/x.npz]\n"
    assert f"Report: {folder}/report.html\n" in said.out
    (line,) = (each for each in said.out.splitlines() if "dashboard" in each)
    assert shlex.split(line) == ["tightfit", "dashboard", str(folder)]


def test_notes_of_a_check_are_shown_as_they_are(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = tiny_study(tmp_path)
    found = replace(check_study(read_study(study)), notes=("it reads [/data/x.npz]",))
    monkeypatch.setattr(launching, "check_study", lambda _: found)
    assert tightfit("check", study) == 0
    assert "note: it reads [/data/x.npz]" in capsys.readouterr().out


def test_commands_that_messages_and_pages_name_can_be_pasted(
    results: Results,
    empty_front: Results,
    tmp_path: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "my run"
    assert tightfit("front", folder) == 2
    command = capsys.readouterr().err.partition("; '")[2].rpartition("' makes one")[0]
    assert shlex.split(command) == ["tightfit", "run", "STUDY", "--to", str(folder)]

    monkeypatch.setattr(RunFolder, "results", lambda _run: empty_front)
    with pytest.raises(SpecError) as refused:
        export_member(RunFolder(folder), pick="knee", to=tmp_path / "out")
    command = str(refused.value).partition("; '")[2].rpartition("' shows the nearest")[0]
    assert shlex.split(command) == ["tightfit", "front", str(folder)]

    page = html.unescape(report_html(replace(results, folder=folder)))
    command = page.partition("<code>tightfit export ")[2].partition("</code>")[0]
    assert shlex.split(command) == [str(folder), "--to", "DIR"]
