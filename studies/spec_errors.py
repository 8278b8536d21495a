"""A mistake in a study file in one line: the key, what it should be, and what stands there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from tightfit.studies.limits import unknown
from tightfit.studies.spec import StudySpec

_NUMBER, _WHOLE, _SWITCH = "be a number", "be a whole number", "be true or false"
_LAWS = {
    "model_type": "be a table",
    "string_type": "be text in quotes",
    # The one pattern of a study file is that of names.
    "string_pattern_mismatch": "begin with a letter or a digit and have letters, digits, '.', '_' "
    "and '-' only",
    "bool_type": _SWITCH,
    "bool_parsing": _SWITCH,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "too_short": "have {min_length} or more items",
    "too_long": "have {max_length} or fewer items",
}
"""What a value should do, by pydantic's name of the error; others in pydantic's words."""

Key = tuple[str | int, ...]


def mistake(errors: Sequence[ErrorDetails]) -> str:
    """Return the first of pydantic's errors in words, with what to write instead."""
    first = errors[0]
    key = _key(first)
    tables = [part for part in key if isinstance(part, str)]
    place, given = ".".join(tables), first.get("input")
    each = "each of " if len(key) > len(tables) else ""
    match first["type"]:
        case "extra_forbidden":
            where = f" in [{place}]" if place else ""
            kind = "table" if isinstance(given, dict) else "key"
            return f"{unknown(kind, str(first['loc'][-1]), _fields(tables))}{where}"
        case "missing":
            return f"{'.'.join(map(str, first['loc']))!r} is missing; the study needs it"
        case "value_error":
            return f"{place + ': ' if place else ''}{first['ctx']['error']}"
        case "literal_error":
            return f"{each}{place!r} must be {first['ctx']['expected']}, got {given!r}"
    # A value that may be one of several kinds has an error for each of them.
    laws = dict.fromkeys(_law(error, given) for error in errors if _key(error) == key)
    return f"{each}{place!r} should {' or '.join(laws)}, got {given!r}"


def _law(error: ErrorDetails, given: Any) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "tuple_type":
        scalar = isinstance(given, str | int | float)
        return f"be a list, e.g. {json.dumps([given])}" if scalar else "be a list in brackets"
    if kind == "literal_error":
        return str(context["expected"])
    if kind in _LAWS:
        return _LAWS[kind].format(**context)
    return f"be {error['msg'].removeprefix('Input should be ')}"


def _key(error: ErrorDetails) -> Key:
    """Return the keys and positions that lead to a value; names of pydantic's own are left out."""
    model: type[BaseModel] | None = StudySpec
    parts: list[str | int] = []
    for part in error["loc"]:
        if isinstance(part, int):
            parts.append(part)
        elif model is not None and part in model.model_fields:
            parts.append(part)
            model = _table(model.model_fields[part].annotation)
    return tuple(parts)


def _fields(tables: Sequence[str]) -> list[str]:
    """Return the names that are allowed inside the nested ``tables``."""
    model: type[BaseModel] | None = StudySpec
    for table in tables:
        model = None if model is None else _table(model.model_fields[table].annotation)
    return [] if model is None else list(model.model_fields)


def _table(annotation: Any) -> type[BaseModel] | None:
    """Return the table that a field is, or may be."""
    options = [annotation, *getattr(annotation, "__args__", ())]
    return next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
