"""From a study file to a :class:`StudySpec`, with every mistake said in one line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tightfit import SpecError
from tightfit.studies.spec import StudySpec
from tightfit.studies.spec_errors import mistake

SHIPPED = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Study:
    """A study as it was read.

    Attributes:
        name: From the file, or the file's stem.
        spec: What it says, ``--set`` applied.
        folder: Where relative paths and user modules are looked up.
    """

    name: str
    spec: StudySpec
    folder: Path


def find_study(name: str) -> Path:
    """Return the path of a study file, or of a shipped study by its bare name.

    Raises:
        SpecError: There is no such file.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = {file.stem: file for file in sorted(SHIPPED.glob("*.toml"))}
    if name in shipped:
        return shipped[name]
    if (path / "plan.json").is_file():
        raise SpecError(f"{name} is a run; give the study file that it was begun with")
    if path.is_dir():
        raise SpecError(f"{name} is a folder; give a study file, e.g. {name}/study.toml")
    raise SpecError(f"there is no study file {name}; shipped studies are {', '.join(shipped)}")


def read_study(path: Path, overrides: Iterable[str] = ()) -> Study:
    """Read and check a study file.

    Args:
        path: A TOML file.
        overrides: ``KEY=VALUE`` with a dotted key and a TOML value, e.g. ``trials=10``.

    Raises:
        SpecError: Missing, empty, binary, not TOML, or against a rule of the study file.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise SpecError(f"the study file {path} cannot be read: {why}") from error
    if not text.strip():
        raise SpecError(f"the study file {path} is empty; 'tightfit init' writes one to start from")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path} is not valid TOML: {error}") from error
    for override in overrides:
        _apply(values, override)
    spec = parse_spec(values, str(path))
    return Study(spec.name or path.stem, spec, path.resolve().parent)


def parse_spec(values: dict[str, Any], source: str) -> StudySpec:
    """Check values as read from TOML.

    Raises:
        SpecError: The first thing that is against a rule, with what to write instead.
    """
    try:
        return StudySpec.model_validate(values)
    except ValidationError as error:
        raise SpecError(f"{source}: {mistake(error.errors())}") from None


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a study file."""
    return StudySpec.model_json_schema()


def spec_to_json(spec: StudySpec) -> str:
    """Return a study as JSON text, equal for equal studies."""
    return json.dumps(spec.model_dump(mode="json"), sort_keys=True)


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise SpecError(f"--set takes KEY=VALUE, e.g. --set trials=10, got {override!r}")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string, so that the shell's quotes are enough
    *tables, last = key.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise SpecError(f"--set {override}: {table!r} is not a table")
    values[last] = value
