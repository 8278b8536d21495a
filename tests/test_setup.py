"""What is missing on a machine is said in one line, with what to install."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

OLD = """#!/bin/sh
# An old Python: it knows its version, and every check of it fails.
[ "$1" = --version ] && echo "Python 3.8.10" && exit 0
exit 1
"""
WITHOUT_VENV = f"""#!/bin/sh
# A Python that came without its venv module, as Debian packages it.
case "$2" in *venv*) exit 1 ;; esac
exec {sys.executable} "$@"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with what the set-up reads."""
    for name in ("pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    return tmp_path


def set_up(checkout: Path, python: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "tools/setup.sh", python, ".venv", "requirements.txt"]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)


def program(folder: Path, text: str) -> str:
    path = folder / "python-here"
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (OLD, "Python 3.8.10 is too old. Install Python 3.11 or newer"),
        (WITHOUT_VENV, "has no venv module. Install it"),
        (None, "There is no python-nowhere here. Install Python 3.11 or newer"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    checkout: Path, tmp_path: Path, text: str | None, message: str
) -> None:
    python = "python-nowhere" if text is None else program(tmp_path, text)
    done = set_up(checkout, python)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (checkout / ".venv").exists()


def test_what_is_set_up_already_is_not_installed_again(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    command = "cat pyproject.toml requirements.txt requirements.txt | cksum | tr ' ' -"
    digest = subprocess.run(
        ["sh", "-c", command], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.strip()
    (checkout / ".venv" / f".installed-requirements-{digest}").touch()
    done = set_up(checkout, "python-nowhere")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
