"""A machine that measures files: this one, or one at the other end of a connection."""

from __future__ import annotations

import base64
import hashlib
import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tightfit.errors import MeasurementError, SpecError
from tightfit.objectives.meter.agent import RUNTIMES
from tightfit.objectives.meter.connection import LOCAL, Connection, LostError, agent_command
from tightfit.objectives.meter.facts import Facts, Fresh, Session

HELLO_S = 60.0
ANSWER_S = 600.0
PAUSES_S = (0.5, 2.0)
"""Before each new attempt, when a connection was lost."""
CHUNK = 1_000_000

_SPEC_FAILURES = {
    "runtime": "the device {device} has no usable {runtime} ({why}); install it there with numpy, "
    "or name the Python that has it with device.python",
    "processors": "the device {device} cannot run on the processors {processors} alone ({why})",
    "room": "the device {device} has no room for a model's file: {why}",
    "store": "the device {device} cannot keep a model's file: {why}",
    "damaged": "the device {device} got a damaged file: {why}",
    "gone": "the device {device} does not keep the files of a question together: {why}",
}


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """Where and with what files are measured.

    Attributes:
        connect: See :func:`tightfit.objectives.meter.connection.agent_command`.
        python: Python on a device that is reached by ssh.
        architecture: What the device must be, e.g. ``aarch64``; anything when not given.
        runtime: The package that runs files there.
        threads: Of the runtime.
        processors: By number, those that may be used; all when empty.
        spinning: Whether the runtime's threads wait for each other without sleeping.
        batch: Pictures that go through at once; a run is one of all of them.
    """

    connect: str = LOCAL
    python: str = "python3"
    architecture: str | None = None
    runtime: str = "onnxruntime"
    threads: int = 1
    processors: tuple[int, ...] = ()
    spinning: bool = False
    batch: int = 1


class UntoldError(MeasurementError):
    """The device does not tell what was asked for: its system has no such number."""


class NoRuntimeError(SpecError):
    """The device has no usable runtime of the name that was asked for."""


class Device:
    """Measures files with one agent, which is started when it is first needed.

    A file is sent once, by its checksum. A connection that is lost is opened again, and the
    question asked again.

    Raises:
        SpecError: ``settings.connect`` is none that is known.
    """

    def __init__(self, settings: DeviceSettings | None = None) -> None:
        self.settings = settings or DeviceSettings()
        self._command = agent_command(self.settings.connect, self.settings.python)
        self._architecture = self.settings.architecture
        self._connection: Connection | None = None
        self._facts: Facts | None = None
        self._there: dict[str, str | None] = {}
        self._names: dict[tuple[Path, int, int], str] = {}

    def facts(self) -> Facts:
        """Return what the device is.

        Raises:
            SpecError: It does not answer, has another architecture, or no runtime.
        """
        if self._facts is None:
            self._open()
        assert self._facts is not None
        return self._facts

    def require(self, architecture: str) -> None:
        """Refuse the device from now on when it has another architecture."""
        self._architecture = architecture

    def session(self, paths: Sequence[Path], seconds: float, *, runs: int = 0) -> Session:
        """Load files afresh, time them in blocks that alternate; about ``seconds`` of runs.

        Where single runs are wanted, it goes on until there are so many of each file.

        Raises:
            MeasurementError: A file could not be loaded or run.
            SpecError: The device is gone, or cannot hold the files.
        """
        return Session.from_json(self._measure("session", paths, seconds=seconds, runs=runs))

    @property
    def gives_answers(self) -> bool:
        """Whether :meth:`answers` can be asked of the runtime."""
        return RUNTIMES[self.settings.runtime].answer is not None

    def answers(self, path: Path, inputs: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
        """Return a file's outputs ``[n, ...]`` for inputs ``[n, ...]``, computed there.

        Raises:
            MeasurementError: The file could not be loaded or run.
            SpecError: The device is gone, or cannot hold the file.
        """
        asked = io.BytesIO()
        np.save(asked, inputs)
        text = base64.b64encode(asked.getvalue()).decode()
        told = base64.b64decode(self._measure("answers", [path], inputs=text)["outputs"])
        outputs: npt.NDArray[np.float32] = np.load(io.BytesIO(told), allow_pickle=False)
        return outputs

    def fresh(self, path: Path) -> Fresh:
        """Load and run a file in a new process.

        Raises:
            MeasurementError: It could not be loaded or run.
            SpecError: The device is gone, or cannot hold the file.
        """
        return Fresh.from_json(self._measure("fresh", [path]))

    def close(self) -> None:
        """End the agent; the next question starts another."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._there.clear()

    def _measure(self, work: str, paths: Sequence[Path], **more: Any) -> dict[str, Any]:
        named = {self._name(path): path for path in paths}
        message = {"do": work, "files": [self._name(path) for path in paths], **more}
        said = ""
        for pause in (*PAUSES_S, None):
            connection = self._open()
            try:
                return self._asked(connection, message, named)
            except LostError as lost:
                said = str(lost)
                self.close()
                if pause is not None:
                    time.sleep(pause)
        raise MeasurementError(
            f"the device {self.settings.connect!r} was lost {len(PAUSES_S) + 1} times while it "
            f"measured {str(paths[0])!r}: {said}"
        )

    def _asked(
        self, connection: Connection, message: dict[str, Any], named: dict[str, Path]
    ) -> dict[str, Any]:
        """Let the device have the files, and return its answer."""
        for last in (False, True):
            for name, path in named.items():
                self._bring(connection, name, path, beside=list(named))
            answer = connection.ask(message, seconds=ANSWER_S)
            if last or answer.get("failed") != "gone":
                break
            self._there.clear()  # some made room for files of other questions
        return self._checked(answer, named)

    def _open(self) -> Connection:
        """Return the connection; a device that has answered before is asked more than once.

        Raises:
            SpecError: It does not answer, or is not what the study needs.
        """
        if self._connection is not None:
            return self._connection
        pauses = PAUSES_S if self._facts is not None else ()
        for pause in (*pauses, None):
            try:
                connection = Connection(self._command)
                self._greet(connection)
            except LostError as lost:
                if pause is None:
                    raise SpecError(
                        f"the device {self.settings.connect!r} does not answer: {lost}"
                    ) from lost
                time.sleep(pause)
            else:
                self._connection = connection
                return connection
        raise AssertionError("the last attempt returns or raises")

    def _greet(self, connection: Connection) -> None:
        settings = self.settings
        hello = {
            "do": "hello",
            "runtime": settings.runtime,
            "threads": settings.threads,
            "spinning": settings.spinning,
            "batch": settings.batch,
            "processors": settings.processors,
        }
        try:
            answer = self._checked(connection.ask(hello, seconds=HELLO_S), {})
            facts = Facts.from_json(
                {**answer, "threads": settings.threads, "batch": settings.batch}
            )
            if self._architecture not in (None, facts.architecture):
                raise SpecError(
                    f"the device {settings.connect!r} has the architecture "
                    f"{facts.architecture!r}, not {self._architecture!r} as "
                    "device.architecture says or the run's baseline was measured with"
                )
        except BaseException:
            connection.close()
            raise
        self._facts = facts

    def _bring(
        self, connection: Connection, name: str, path: Path, *, beside: Sequence[str]
    ) -> None:
        """Let the device have a file: it finds it on a disk of both, has it, or gets it.

        Args:
            connection: To it.
            name: Of the file there.
            path: Of the file here.
            beside: Names of files that stay there, whatever room is needed.
        """
        where = str(path.resolve()) if self.settings.connect == LOCAL else None
        # On a disk of both the same content may lie elsewhere by now, and no more where it was.
        if name in self._there and self._there[name] == where:
            return
        question = {"do": "have", "name": name, "path": where}
        if not connection.ask(question, seconds=ANSWER_S)["have"]:
            content = path.read_bytes()
            for offset in range(0, len(content), CHUNK):
                part = base64.b64encode(content[offset : offset + CHUNK]).decode()
                message = {"name": name, "size": len(content), "offset": offset, "data": part}
                message |= {"do": "put", "beside": beside}
                self._checked(connection.ask(message, seconds=ANSWER_S), {})
        self._there[name] = where

    def _name(self, path: Path) -> str:
        """Return a file's name on the device: its checksum, and the ending that runtimes look at.

        Raises:
            MeasurementError: It cannot be read.
        """
        try:
            state = path.stat()
            key = (path, state.st_mtime_ns, state.st_size)
            if key not in self._names:
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                self._names[key] = digest + path.suffix
        except OSError as error:
            raise MeasurementError(
                f"the file {str(path)!r} cannot be measured: {error.strerror}"
            ) from error
        return self._names[key]

    def _checked(self, answer: dict[str, Any], names: dict[str, Path]) -> dict[str, Any]:
        """Return an answer that is one.

        Raises:
            MeasurementError: A file is to blame.
            SpecError: The device is.
        """
        if "failed" not in answer:
            return answer
        kind, why = answer["failed"], answer["why"]
        settings = self.settings
        if kind in _SPEC_FAILURES:
            device, processors = repr(settings.connect), list(settings.processors)
            message = _SPEC_FAILURES[kind].format(
                device=device, runtime=settings.runtime, processors=processors, why=why
            )
            raise NoRuntimeError(message) if kind == "runtime" else SpecError(message)
        if kind == "memory":
            raise UntoldError(
                f"the device {settings.connect!r} does not tell a process's memory: {why}"
            )
        file = str(names.get(answer["file"], answer["file"]))
        raise MeasurementError(f"{settings.runtime} could not {kind} {file!r}{why}")
