"""What is wrong with a folder that is no whole export is said in one line."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tightfit import SpecError
from tightfit.studies import load
from tightfit.studies.export_folder import REPORT_FILE, open_export, seal, written_whole


def fill(path: Path) -> None:
    (path / "proof").mkdir(exist_ok=True)
    for name in ("model.onnx", "model.safetensors", "config.toml", "proof/baseline.onnx"):
        (path / name).write_bytes(name.encode() * 50)
    (path / "README.md").write_text("a card")
    seal(path, {"study": "s", "candidate": {}, "versions": {"tightfit": "0.1.0"}, "threads": 1})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    fill(path)
    return path


def report_edit(**changes: object) -> Callable[[Path], object]:
    def edit(path: Path) -> None:
        report = json.loads((path / REPORT_FILE).read_text())
        (path / REPORT_FILE).write_text(json.dumps({**report, **changes}))

    return edit


def rewrite(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: (path / name).write_bytes(change((path / name).read_bytes()))


DAMAGES = [
    (rewrite("model.onnx", lambda c: c[:90]), r"model\.onnx is cut off: 90 of 500 bytes"),
    (rewrite("model.safetensors", lambda c: b"M" + c[1:]), "model.safetensors is not the file"),
    (rewrite("config.toml", lambda c: c + b"\n"), "config.toml is not the file that was exported"),
    (
        lambda path: (path / "model.safetensors").unlink(),
        "not a whole export: no model.safetensors",
    ),
    (lambda path: (path / REPORT_FILE).unlink(), r"not a whole one: no report\.json"),
    (rewrite(REPORT_FILE, lambda c: c[:100]), r"report\.json is cut off or damaged"),
    (rewrite(REPORT_FILE, lambda _: b'{"a": 1}'), "some other program's"),
    (rewrite(REPORT_FILE, lambda _: b"\xff\xfe"), "cut off or damaged"),
    (report_edit(threads=4), "was edited after the export"),
    (report_edit(schema=99), "schema 99; this is Tightfit .*: upgrade it"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_a_damaged_export_is_not_verified(
    folder: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(folder)
    with pytest.raises(SpecError, match=message):
        open_export(folder)


@pytest.mark.parametrize(("damage", "message"), [each for each in DAMAGES if "onnx" not in each[1]])
def test_a_damaged_export_is_not_loaded(
    folder: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(folder)
    with pytest.raises(SpecError, match=message):
        load(folder)


def test_what_is_for_people_may_be_edited_and_the_report_set_in_other_lines(folder: Path) -> None:
    (folder / "README.md").write_text("my own words")
    rewrite(REPORT_FILE, lambda c: json.dumps(json.loads(c), indent=4).encode())(folder)
    assert open_export(folder).report["study"] == "s"


def test_an_export_of_an_older_version_has_to_be_made_again(folder: Path) -> None:
    report = json.loads((folder / REPORT_FILE).read_text())
    older = {
        key: value for key, value in report.items() if key not in ("schema", "digest", "files")
    }
    (folder / REPORT_FILE).write_text(json.dumps(older))
    with pytest.raises(SpecError, match="older version, which kept no checksums"):
        open_export(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"there is no folder .*nowhere"):
        open_export(tmp_path / "nowhere")


def test_what_fails_on_the_way_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with written_whole(tmp_path / "out") as stage:
            (stage / "model.onnx").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not list(tmp_path.iterdir())


def test_what_fails_on_the_way_leaves_an_earlier_export_whole(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def fail() -> None:
        with written_whole(folder) as stage:
            (stage / "model.onnx").write_text("half")
            raise SpecError("no")

    with pytest.raises(SpecError, match="no"):
        fail()
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_an_earlier_export_is_replaced_and_other_files_stay(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    with written_whole(folder) as stage:
        (stage / "model.onnx").write_text("new")
        seal(stage, {"study": "t", "candidate": {}, "versions": {"tightfit": "0.1.0"}})
    export = open_export(folder)
    assert export.report["study"] == "t"
    assert export.file("model.onnx") is not None
    assert export.file("proof/baseline.onnx") is None
    assert not (folder / "proof" / "baseline.onnx").exists()
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("README.md", "# my project"),
        ("config.toml", "mine = true"),
        ("proof/test.npz", "mine"),
        (REPORT_FILE, '{"tests": 12, "failed": 0}'),
    ],
)
def test_files_that_are_no_export_s_are_neither_replaced_nor_removed(
    tmp_path: Path, name: str, content: str
) -> None:
    mine = tmp_path / "project" / name
    mine.parent.mkdir(parents=True)
    mine.write_text(content)
    with (
        pytest.raises(SpecError, match=rf"{re.escape(str(mine))} is not an earlier export's"),
        written_whole(tmp_path / "project"),
    ):
        pytest.fail("work was begun")
    assert mine.read_text() == content
    assert [each for each in (tmp_path / "project").rglob("*") if each.is_file()] == [mine]


def test_a_folder_with_other_files_takes_an_export(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with written_whole(tmp_path) as stage:
        fill(stage)
    assert open_export(tmp_path).report["study"] == "s"
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_export_that_was_edited_or_is_of_another_version_is_replaced(folder: Path) -> None:
    report_edit(schema=99)(folder)
    with written_whole(folder) as stage:
        fill(stage)
    assert open_export(folder).report["study"] == "s"


KILLED = """
import os, pathlib, signal, sys
from tests.studies.test_export_folder import fill
from tightfit.studies.export_folder import written_whole

to, left, replace = pathlib.Path(sys.argv[1]), int(sys.argv[2]), pathlib.Path.replace

def counted(source, target):
    global left
    if pathlib.Path(target).is_relative_to(to) and source.parent != pathlib.Path(target).parent:
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return replace(source, target)

with written_whole(to) as stage:
    fill(stage)
    pathlib.Path.replace = counted
"""


@pytest.mark.parametrize(("files", "earlier"), [(0, True), (3, True), (3, False)])
def test_an_export_that_was_killed_on_its_way_is_no_export_and_the_next_replaces_it(
    tmp_path: Path, files: int, earlier: bool
) -> None:
    to = tmp_path / "out"
    to.mkdir()
    (to / "notes.txt").write_text("mine")
    if earlier:
        fill(to)
    done = subprocess.run([sys.executable, "-c", KILLED, str(to), str(files)], check=False)
    assert done.returncode == -signal.SIGKILL
    with pytest.raises(SpecError, match="not a whole one"):
        open_export(to)
    with written_whole(to) as stage:
        fill(stage)
    assert open_export(to).report["study"] == "s"
    assert (to / "notes.txt").read_text() == "mine"
    (to / REPORT_FILE).unlink()  # by hand: the files that are left are those of someone else now
    with pytest.raises(SpecError, match="not an earlier export's"), written_whole(to):
        pytest.fail("work was begun")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(SpecError, match="cannot be written"),
        written_whole(tmp_path / "file" / "out"),
    ):
        pass
    with pytest.raises(SpecError, match="cannot be written"), written_whole(tmp_path / "file"):
        pass


def test_a_file_elsewhere_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(
            SpecError, match=r"^/nowhere/file cannot be used: No such file or directory$"
        ),
        written_whole(tmp_path / "out"),
    ):
        Path("/nowhere/file").read_bytes()
    assert not any(tmp_path.iterdir())


def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path) -> None:
    def fill_up() -> None:
        with written_whole(tmp_path / "out") as stage:
            (stage / "model.onnx").write_text("half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(SpecError, match=r"out cannot be written: No space left on device"):
        fill_up()
    assert not list(tmp_path.iterdir())
