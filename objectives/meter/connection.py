"""The pipe to an agent: starts it, here or elsewhere, and asks it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shlex
import subprocess
import sys
import tempfile
import time
import weakref
from pathlib import Path
from typing import IO, Any

from tightfit.errors import SpecError
from tightfit.objectives.meter import agent

LOCAL = "local"
_SSH = ("ssh", "-T", "-oBatchMode=yes", "-oConnectTimeout=10")
_LOST_WHEN_SILENT = ("-oServerAliveInterval=5", "-oServerAliveCountMax=3")
_SHELLS = ("ssh", "adb")
"""Commands that hand their words to a shell on the other side."""
_LEAVE_SECONDS = 2.0
_CHUNK = 1 << 16
_LAST_LINES = 3


class LostError(Exception):
    """The other side is gone or silent; the text says what it said last. Caught in this folder."""


def agent_command(connect: str, python: str) -> list[str]:
    """Return the command that starts an agent.

    Args:
        connect: ``local``, ``ssh:user@host``, ``ssh://user@host:port``, or ``command:`` with a
            command that starts Python on the device, e.g. ``command:docker exec -i box python3``;
            a ``-`` at its end may stand.
        python: Python on a device that is reached by ssh.

    Raises:
        SpecError: None of these.
    """
    way, _, target = connect.partition(":")
    if connect == LOCAL:
        return [sys.executable, "-c", agent.BOOTSTRAP]
    if way == "ssh" and target and not target.startswith("-"):
        host = connect if target.startswith("//") else target
        return [*_SSH, *_LOST_WHEN_SILENT, host, f"{python} -c {shlex.quote(agent.BOOTSTRAP)}"]
    if way == "command":
        with contextlib.suppress(ValueError):  # a quote that is not closed
            words = shlex.split(target)
            if words[-1:] == ["-"]:
                del words[-1]
            if words:
                shell = Path(words[0]).name in _SHELLS
                code = shlex.quote(agent.BOOTSTRAP) if shell else agent.BOOTSTRAP
                return [*words, "-c", code]
    raise SpecError(
        "'device.connect' must be 'local', 'ssh:user@host' or 'command:' with what starts Python "
        f"there, e.g. 'command:docker exec -i box python3 -', got {connect!r}"
    )


class Connection:
    """One agent at work. It leaves when its standard input closes.

    Args:
        command: As :func:`agent_command` gives it.

    Raises:
        LostError: There is no such command.
    """

    def __init__(self, command: list[str]) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the agent
        try:
            # A session of its own: Ctrl-C reaches the run alone, which then ends the agent.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            self._said.close()
            raise LostError(f"{command[0]}: {error.strerror}") from error
        self._end = weakref.finalize(self, _end, self._process, self._said)
        self._got = b""
        text = Path(agent.__file__).read_bytes()
        self._program: bytes | None = b"%d\n" % len(text) + text

    def ask(self, message: dict[str, Any], *, seconds: float) -> dict[str, Any]:
        """Return the agent's answer.

        Raises:
            LostError: There is none, or none within ``seconds``.
        """
        until = time.monotonic() + seconds
        program, self._program = self._program or b"", None
        self._send(program + json.dumps(message).encode() + b"\n", until)
        while True:
            line = self._line(until)
            with contextlib.suppress(ValueError):
                answer = json.loads(line)
                if isinstance(answer, dict):
                    return answer
            # Else it is what a login script printed before the agent came.

    def close(self) -> None:
        """Let the agent leave; end it when it does not listen."""
        self._end()

    def _send(self, data: bytes, until: float) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        rest = memoryview(data)
        while rest:
            self._await(pipe, until, writing=True)
            try:
                # A pipe that is ready takes at least so much without waiting.
                rest = rest[os.write(pipe.fileno(), rest[: select.PIPE_BUF]) :]
            except OSError as error:
                raise LostError(self._last_words()) from error

    def _line(self, until: float) -> bytes:
        pipe = self._process.stdout
        assert pipe is not None
        while b"\n" not in self._got:
            self._await(pipe, until, writing=False)
            part = os.read(pipe.fileno(), _CHUNK)
            if not part:
                raise LostError(self._last_words())
            self._got += part
        line, _, self._got = self._got.partition(b"\n")
        return line

    def _await(self, pipe: IO[bytes], until: float, *, writing: bool) -> None:
        wanted, left = [pipe] if writing else [], until - time.monotonic()
        # One that never stops talking is always ready, and has not answered either.
        ready = left > 0 and any(select.select([] if writing else [pipe], wanted, [], left))
        if not ready:
            raise LostError(f"no answer in time; {self._last_words(0.0)}")

    def _last_words(self, patience: float = _LEAVE_SECONDS) -> str:
        """Return what the other side printed last, or how it ended within ``patience`` seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        code = self._process.poll()
        ended = "it is still running" if code is None else f"it ended with code {code}"
        return " / ".join(lines[-_LAST_LINES:]) or ended


def _end(process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    for pipe in (process.stdin, process.stdout, said):
        if pipe is not None:
            pipe.close()
    try:
        process.wait(_LEAVE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
