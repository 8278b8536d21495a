"""Where records are kept: one file in the run's folder, or any database that Optuna knows.

The file is a journal (:mod:`tightfit.search.journal`) and not SQLite. Both survived kills and a
full disk once the journal's writes were made whole; the journal tells a trial of 20 hparams in
13 ms where SQLite takes 69 ms, of 200 in 86 ms where SQLite takes 612 ms, is meant for several
processes, which Optuna advises against with SQLite, and can be read with a text editor.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from tightfit.errors import SpecError
from tightfit.search.journal import SafeJournalFile

_FIRST_BYTES = b'{"op_code":'


def open_storage(target: str | Path) -> BaseStorage:
    """Open, or make, the storage of a study.

    Args:
        target: A path of a journal file, or the URL of a database as SQLAlchemy writes them, e.g.
            ``sqlite:///run.db`` or ``postgresql+psycopg://user@host/name``.

    Raises:
        SpecError: The file is no journal or cannot be made, or the database cannot be reached.
    """
    if isinstance(target, str) and "://" in target:
        return _open_database(target)
    return _open_journal(Path(target), "a+b")


def open_to_read(target: str | Path) -> BaseStorage:
    """Open a storage that is there: no file is made, and none has to be writable.

    Args:
        target: As for :func:`open_storage`.

    Raises:
        SpecError: The file is gone, cannot be read or is no journal, or the database cannot be
            reached.
    """
    if isinstance(target, str) and "://" in target:
        file = _sqlite_file(target)
        if file is not None and not file.is_file():
            raise SpecError(
                f"the database {file} with the run's records is not there; put it back, or begin "
                "anew in another folder with --to"
            )
        return _open_database(target)
    return _open_journal(Path(target), "rb")


def absolute(target: str) -> str:
    """Return a storage's path, or its URL where that is of a file, as it holds in every folder."""
    if "://" not in target:
        return str(Path(target).resolve())
    file = _sqlite_file(target)
    if file is None:
        return target
    url = make_url(target).set(database=str(file.resolve()))
    return url.render_as_string(hide_password=False)


def without_password(url: str) -> str:
    """Return a storage's URL as it may be shown."""
    return re.sub(r"(://[^:/@]*):[^@/]*@", r"\1:***@", url)


def _sqlite_file(url: str) -> Path | None:
    """Return the file of a database; ``None`` where it is not in one, or not of SQLite."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        return None  # It cannot be opened, and then it is said why.
    name = parsed.database or ":memory:"
    if parsed.get_backend_name() != "sqlite" or name.startswith((":memory:", "file:")):
        return None
    return Path(name)


def _open_journal(path: Path, mode: Literal["a+b", "rb"]) -> BaseStorage:
    try:
        with path.open(mode) as file:
            file.seek(0)
            head = file.read(len(_FIRST_BYTES))
    except OSError as error:
        done = "read" if mode == "rb" else "write"
        raise SpecError(f"cannot {done} the storage file {path}: {error.strerror}") from error
    try:
        # A line without an end is cut off by the next write: not of a file that is not ours.
        if head != _FIRST_BYTES[: len(head)]:
            raise ValueError(f"it begins with {head!r}")
        return JournalStorage(SafeJournalFile(path))
    # What a journal of other lines makes Optuna raise depends on the line.
    except (ValueError, KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise SpecError(
            f"{path} is not a journal of Tightfit or it is damaged ({error}); "
            "name another file, or remove this one to begin anew"
        ) from error


def _open_database(url: str) -> BaseStorage:
    try:
        return RDBStorage(url)
    # ImportError: the driver named in the URL is not installed.
    except (SQLAlchemyError, ImportError, ValueError, RuntimeError) as error:
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise SpecError(
            f"cannot open the storage {without_password(url)!r}: {first_line}; "
            "write a path, or a URL such as 'sqlite:///run.db'"
        ) from error
