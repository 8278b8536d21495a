"""The folder of an export: its names, its checksums, and what is wrong with one that was damaged.

``report.json`` seals the folder: it holds the digest of every other file that a program reads, and
of itself. The model card and its picture are for people, who may edit them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

from tightfit import SpecError, __version__
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.litert import HEADER_FILE, LITERT_FILE
from tightfit.objectives.inheritance import WEIGHTS_FILE
from tightfit.objectives.runtimes import RUNTIMES
from tightfit.objectives.workshop import MODEL_FILE

REPORT_FILE = "report.json"
CONFIG_FILE = "config.toml"
CARD_FILE = "README.md"
PICTURE_FILE = "front.svg"
PICTURES_FILE = "proof/test.npz"


def baseline_file(model: str) -> str:
    """Return the name of the uncompressed network's file beside a model's: ``model.onnx``."""
    return f"proof/baseline{Path(model).suffix}"


_MODELS = tuple(dict.fromkeys(runtime.model_file for runtime in RUNTIMES.values()))
SEALED = (
    *dict.fromkeys((*_MODELS, LITERT_FILE)),
    WEIGHTS_FILE,
    CONFIG_FILE,
    *map(baseline_file, _MODELS),
    PICTURES_FILE,
    HEADER_FILE,
)
"""What the report has digests of, where it is there."""

WRITTEN = (CARD_FILE, PICTURE_FILE, REPORT_FILE, *SEALED)
"""Every name that an export may write or remove."""

_BEGUN = ".tightfit-export"
"""An empty file that stands in a folder while an export's files are put there: where it was left,
they are those of an export that was killed."""

SCHEMA = 2
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ExportFolder:
    """An export that was read and found whole.

    Attributes:
        path: Of the folder.
        report: Contents of ``report.json``.
    """

    path: Path
    report: Mapping[str, Any]

    @property
    def model(self) -> str:
        """Name of the network's file; exports of older versions say nothing of it."""
        return str(self.report.get("file", MODEL_FILE))

    @property
    def runtime(self) -> str:
        """Name of the runtime that the claims were made with.

        Raises:
            SpecError: This version does not know it.
        """
        name = str(self.report.get("runtime", "onnxruntime"))
        if name not in RUNTIMES:
            raise SpecError(
                f"{self.path} was exported for the runtime {name!r}; this is Tightfit "
                f"{__version__}, which knows {', '.join(RUNTIMES)}: upgrade it"
            )
        return name

    def file(self, name: str) -> Path | None:
        """Return the path of a sealed file; ``None`` where the export was made without it."""
        return self.path / name if name in self.report["files"] else None


def open_export(path: Path) -> ExportFolder:
    """Return an export whose report and files are as they were written.

    Raises:
        SpecError: The folder is no export, truncated, edited, or of another version.
    """
    report = read_report(path)
    if report.get("schema") != SCHEMA:
        raise SpecError(
            f"{path} was exported by an older version, which kept no checksums; export it again"
        )
    for name in report["files"]:
        check_file(path, report, name)
    return ExportFolder(path, report)


def read_report(path: Path) -> dict[str, Any]:
    """Return the contents of ``report.json``; those of an older version have no ``schema``.

    Raises:
        SpecError: The folder is no export, truncated, edited, or of a newer version.
    """
    if not path.is_dir():
        raise SpecError(f"there is no folder {path}")
    file = path / REPORT_FILE
    try:
        report = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{path} is not an export, or not a whole one: no {file.name}") from None
    except (OSError, ValueError) as error:
        raise SpecError(
            f"{path} is not an export: {file.name} is cut off or damaged ({error})"
        ) from error
    if not _is_report(report):
        raise SpecError(f"{path} is not an export: {file.name} is some other program's")
    _check_version(path, report)
    if "schema" in report and report.get("digest") != _digest(report):
        raise SpecError(
            f"{file} was edited after the export; its numbers are no longer what was written"
        )
    return report


def check_file(path: Path, report: Mapping[str, Any], name: str) -> None:
    """Refuse a file that is not the one that was exported.

    Raises:
        SpecError: It is missing, cut off or edited.
    """
    known, file = report["files"][name], path / name
    if not file.is_file():
        raise SpecError(f"{path} is not a whole export: no {name}")
    size = file.stat().st_size
    if size < known["bytes"]:
        raise SpecError(f"{file} is cut off: {size:,} of {known['bytes']:,} bytes")
    if file_digest(file) != known["sha256"]:
        raise SpecError(f"{file} is not the file that was exported: its checksum is another")


def seal(path: Path, report: dict[str, Any]) -> dict[str, Any]:
    """Write ``report.json`` with the schema, the digests of the files and its own; return it."""
    files = {
        name: {"bytes": (path / name).stat().st_size, "sha256": file_digest(path / name)}
        for name in SEALED
        if (path / name).is_file()
    }
    sealed = {"schema": SCHEMA, **report, "files": files}
    sealed["digest"] = _digest(sealed)
    write_atomically(path / REPORT_FILE, json.dumps(sealed, indent=1).encode())
    return sealed


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits, as ``sha256sum`` prints it."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def refuse_others_files(to: Path) -> None:
    """Refuse a folder in which an export would replace files that are no export's.

    Raises:
        SpecError: It holds such a file, and no report of an export.
    """
    if _holds_report(to) or (to / _BEGUN).is_file():
        return
    for name in WRITTEN:
        if os.path.lexists(to / name):
            raise SpecError(
                f"an export writes {name}, and {to / name} is not an earlier export's: {to} has "
                f"no {REPORT_FILE} of Tightfit; name a folder of its own, e.g. {to / 'export'}, or "
                "move that file away"
            )


@contextmanager
def written_whole(to: Path) -> Iterator[Path]:
    """Give a folder to write in; it becomes ``to`` when all went well, or it vanishes.

    In an earlier export's folder, files of the same names are replaced, the report last and the old
    one first of all: one that was interrupted here is never taken for a whole export, and the next
    one replaces what it left. Other files of the folder stay.

    Raises:
        SpecError: The folder, or a file elsewhere that is needed for it, cannot be used; or it
            holds files of these names that are no export's.
    """
    refuse_others_files(to)
    stage: Path | None = None
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        where = to if to.is_dir() else to.parent
        stage = Path(tempfile.mkdtemp(dir=where, prefix=f".{to.name}."))
        yield stage
        stage.chmod(0o755)
        if to.exists():
            _replace(stage, to)
        else:
            stage.rename(to)
    except OSError as error:
        place = to if error.filename is None else Path(os.fsdecode(error.filename))
        beside = to.parent in (place, place.parent)
        of_it = beside or any(place.is_relative_to(each) for each in (to, stage or to))
        what = f"the folder {to} cannot be written" if of_it else f"{place} cannot be used"
        raise SpecError(f"{what}: {error.strerror or error}") from error
    finally:
        if stage is not None:
            shutil.rmtree(stage, ignore_errors=True)


def _replace(stage: Path, to: Path) -> None:
    written = [path.relative_to(stage) for path in stage.rglob("*") if path.is_file()]
    (to / _BEGUN).touch()
    (to / REPORT_FILE).unlink(missing_ok=True)
    for name in SEALED:
        (to / name).unlink(missing_ok=True)
    for path in sorted(written, key=lambda each: each.name == REPORT_FILE):
        (to / path).parent.mkdir(exist_ok=True)
        (stage / path).replace(to / path)
    (to / _BEGUN).unlink()


def _holds_report(path: Path) -> bool:
    try:
        return _is_report(json.loads((path / REPORT_FILE).read_text("utf-8")))
    except (OSError, ValueError):
        return False


def _is_report(values: object) -> TypeGuard[dict[str, Any]]:
    """Whether JSON values are a report of an export, of whatever version."""
    return isinstance(values, dict) and "candidate" in values and "versions" in values


def _check_version(path: Path, report: Mapping[str, Any]) -> None:
    schema = report.get("schema", 1)
    if not isinstance(schema, int) or schema > SCHEMA:
        by = report["versions"].get("tightfit", "unknown")
        raise SpecError(
            f"{path} was exported by Tightfit {by} with schema {schema}; this is Tightfit "
            f"{__version__}, which reads up to schema {SCHEMA}: upgrade it"
        )


def _digest(report: Mapping[str, Any]) -> str:
    """Return the digest of everything in a report but itself, however it is indented."""
    rest = {key: value for key, value in report.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
