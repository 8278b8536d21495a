"""An append-only file of JSON lines that survives kills and full disks."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from optuna.storages.journal import JournalFileBackend

from tightfit.errors import TightfitError


class StorageError(TightfitError):
    """The storage could not keep a record; what it kept before is still readable."""


class SafeJournalFile(JournalFileBackend):
    """Optuna's journal file, with whole lines or none and a lock that dies with its holder.

    Optuna's own backend is lost to one torn line: after a kill in the middle of a long line, or a
    disk that filled up, the next write goes on behind the torn part and the file can never be read
    again. Its lock is a second file, which a killed writer leaves behind: the next one waits half
    a minute. Here a write cuts a torn tail off first, takes itself back when it fails, and holds an
    ``flock`` on the journal itself, which the kernel releases when the holder ends in any way.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self._path = path

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append one line for each log, all of them or none.

        Raises:
            StorageError: The disk is full or refuses; the message names the file.
        """
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        try:
            with self._path.open("r+b", buffering=0) as file, _locked(file):
                end = _cut_torn_tail(file)
                try:
                    _write_all(file, lines)
                    os.fsync(file.fileno())
                except BaseException:
                    file.truncate(end)
                    raise
        except OSError as error:
            raise StorageError(
                f"cannot write to {self._path} ({error.strerror or error}); everything that was "
                f"finished is kept and readable: make room on the disk of {self._path.parent} "
                "and run again"
            ) from error


@contextlib.contextmanager
def _locked(file: BinaryIO) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def _cut_torn_tail(file: BinaryIO) -> int:
    """Remove what stands behind the last line end; return the file's length then."""
    end = file.seek(0, os.SEEK_END)
    if end:
        file.seek(end - 1)
        if file.read(1) != b"\n":
            file.seek(0)
            end = file.read().rfind(b"\n") + 1
            file.truncate(end)
    file.seek(end)
    return end


def _write_all(file: BinaryIO, content: bytes) -> None:
    """Write everything: an unbuffered file may take only a part at a time."""
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) :]
