"""The program as it is started."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tightfit import __main__ as program
from tightfit import __version__


def test_the_package_is_the_command_line() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tightfit", "--version"], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == __version__


def test_an_interrupt_while_it_loads_is_one_line_and_the_usual_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(program, "import_module", interrupted)
    with pytest.raises(SystemExit) as ended:
        program.main()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "\nInterrupted; nothing was begun.\n"
