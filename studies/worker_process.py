"""The run's end of a worker: starts it, feeds it, guards its time and memory, replaces it."""

from __future__ import annotations

import contextlib
import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tightfit import (
    Candidate,
    GoOn,
    Measurement,
    Outcome,
    Record,
    Rung,
    RungEvaluator,
    SpecError,
    TightfitError,
)
from tightfit.objectives.evaluator import Progress

_POLL_SECONDS = 0.25
_LEAVE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """What one evaluation may take; ``None`` is no limit.

    Attributes:
        seconds: Wall time.
        memory_mb: Resident memory of the worker, 1 MB = 1,000,000 bytes.
    """

    seconds: float | None = None
    memory_mb: int | None = None


class WorkerProcess:
    """A :class:`tightfit.InheritingEvaluator` whose work is done in a process of its own.

    The process starts with the first candidate and serves until :meth:`close`. When it dies, or
    has to be ended for a broken limit, the candidate is recorded as failed with that reason, and
    the next candidate gets a new process.

    Args:
        start: Arguments for :func:`tightfit.studies.bench.open_bench`, as JSON values.
        log: File that gets what the worker prints.
        fingerprint: For the records of candidates that never came back.
        limits: What one evaluation may take.
        progress: Told about the training's steps.
    """

    def __init__(
        self,
        start: dict[str, Any],
        log: Path,
        *,
        fingerprint: str,
        limits: TrialLimits,
        progress: Progress,
    ) -> None:
        self._start = start
        self._log = log
        self._fingerprint = fingerprint
        self._limits = limits
        self._progress = progress
        self._process: subprocess.Popen[str] | None = None
        self._replies: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._training = False

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Evaluate in the worker. See :class:`tightfit.Evaluator`.

        Raises:
            SpecError: The study or its data are not usable, or a file could not be written.
        """
        return self._evaluate(candidate, origin, number)

    def evaluate_by_rungs(
        self, candidate: Candidate, origin: str, number: int, go_on: GoOn
    ) -> Record:
        """Evaluate in the worker, which asks at rungs. See :class:`tightfit.RungEvaluator`.

        Raises:
            SpecError: As for :meth:`evaluate`.
        """
        return self._evaluate(candidate, origin, number, go_on)

    def starting_from(self, donors: Sequence[Candidate]) -> RungEvaluator:
        """Return the same worker for inheriting. See :class:`tightfit.InheritingEvaluator`."""
        return _StartingFrom(self, tuple(donors))

    def _evaluate(
        self,
        candidate: Candidate,
        origin: str,
        number: int,
        go_on: GoOn | None = None,
        *,
        donors: Sequence[Candidate] = (),
    ) -> Record:
        self.open()
        self._training = False
        message: dict[str, Any] = {
            "candidate": list(candidate.indices),
            "origin": origin,
            "number": number,
        }
        if go_on is not None:
            message["rungs"] = True
        if donors:
            message["donors"] = [list(each.indices) for each in donors]
        try:
            self._send(message)
            reply = self._wait(self._limits, go_on)
        except _Ended as ended:
            return self._failed(candidate, origin, str(ended))
        except BaseException:
            self.close()
            raise
        if "refused" in reply:
            raise SpecError(reply["refused"])
        if "crashed" in reply:
            last_line = reply["crashed"].strip().splitlines()[-1]
            self._log_text(reply["crashed"])
            return self._failed(candidate, origin, f"{last_line} (see {self._log})")
        return Record.from_json(reply["record"])

    def open(self) -> None:
        """Start the process if there is none, and wait until it can work.

        Raises:
            SpecError: The study or its data are not usable.
            TightfitError: The process died before it could work.
        """
        if self._process is not None:
            return
        with self._log.open("a") as log:
            # A session of its own: Ctrl-C reaches the run alone, which then ends the worker.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tightfit.studies.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
        self._replies = queue.SimpleQueue()
        threading.Thread(target=_forward, args=(self._process, self._replies), daemon=True).start()
        try:
            self._send({"start": self._start})
            reply = self._wait(TrialLimits())
        except _Ended as ended:
            raise TightfitError(f"the worker could not start: {ended} (see {self._log})") from None
        except BaseException:
            self.close()
            raise
        if "refused" in reply:
            self.close()
            raise SpecError(reply["refused"])

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._process is None:
            return
        process, self._process = self._process, None
        # The worker leaves when its input closes; the kill is for one that no longer listens.
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            process.wait(_LEAVE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise _Ended(self._death()) from None

    def _wait(self, limits: TrialLimits, go_on: GoOn | None = None) -> dict[str, Any]:
        """Return the next reply that is neither progress nor a question, which is answered."""
        started = time.monotonic()
        while True:
            try:
                line = self._replies.get(timeout=_POLL_SECONDS)
            except queue.Empty:
                self._guard(limits, time.monotonic() - started)
                continue
            if line is None:
                raise _Ended(self._death())
            reply: dict[str, Any] = json.loads(line)
            if "rung" in reply:
                assert go_on is not None
                self._training = True
                self._send({"go_on": go_on(Rung.from_json(reply["rung"]))})
                continue
            if "progress" not in reply:
                return reply
            self._training = True
            done, total, loss = reply["progress"]
            self._progress(done, total, loss)
            self._guard(limits, time.monotonic() - started)

    def _guard(self, limits: TrialLimits, seconds: float) -> None:
        assert self._process is not None
        reason = ""
        if limits.seconds is not None and seconds > limits.seconds:
            reason = f"it took longer than {limits.seconds / 60:g} minutes, the limit of a trial"
        if limits.memory_mb is not None:
            try:
                used = psutil.Process(self._process.pid).memory_info().rss / 1e6
            except psutil.NoSuchProcess:
                return
            if used > limits.memory_mb:
                reason = (
                    f"it used {used:.0f} MB of memory; the limit of a trial is {limits.memory_mb}"
                )
        if reason:
            self.close()
            raise _Ended(reason)

    def _death(self) -> str:
        """Bury the process and say how it died."""
        process = self._process
        assert process is not None
        code = process.wait()
        self.close()
        if code < 0:
            name = signal.Signals(-code).name
            hint = "; was memory short?" if name == "SIGKILL" else ""
            return f"the worker was ended by {name}{hint}"
        return f"the worker ended with exit code {code}"

    def _failed(self, candidate: Candidate, origin: str, reason: str) -> Record:
        return Record(
            candidate=candidate,
            outcome=Outcome.FAILED,
            measurement=Measurement(),
            violations={},
            origin=origin,
            fingerprint=self._fingerprint,
            reason=reason,
            trained=self._training,
        )

    def _log_text(self, text: str) -> None:
        with self._log.open("a") as log:
            log.write(text)


@dataclass(frozen=True, slots=True)
class _StartingFrom:
    """A worker whose candidates may inherit."""

    worker: WorkerProcess
    donors: tuple[Candidate, ...]

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        return self.worker._evaluate(candidate, origin, number, donors=self.donors)

    def evaluate_by_rungs(
        self, candidate: Candidate, origin: str, number: int, go_on: GoOn
    ) -> Record:
        return self.worker._evaluate(candidate, origin, number, go_on, donors=self.donors)


class _Ended(Exception):  # noqa: N818 - not an error of the user's; caught in this file
    """The worker is gone; the text says why."""


def _forward(process: subprocess.Popen[str], replies: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    try:
        for line in process.stdout:
            replies.put(line)
    except ValueError:
        pass  # the pipe was closed on purpose
    replies.put(None)
