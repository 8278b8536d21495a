"""Where in a model something stands, and which of its modules an error comes from."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import nn

_NOT_THE_USERS = (str(Path(torch.__file__).parent), str(Path(__file__).parent))


def place(path: str, kind: str = "") -> str:
    """Return how messages name a module.

    Args:
        path: Of the module in the model, empty for the model itself.
        kind: Its class, empty where that is not known.
    """
    named = repr(path) if path else "the model itself"
    return f"{named} ({kind})" if kind else named


def place_of(tensor: str, model: nn.Module) -> str:
    """Return the place of a parameter or buffer that is named as in the state dict."""
    path = tensor.rpartition(".")[0]
    return place(path, type(model.get_submodule(path)).__name__)


def origin(error: BaseException, model: nn.Module) -> str:
    """Return where in a model an error came from: the innermost module, and the line of code."""
    names = {id(part): name for name, part in model.named_modules()}
    found, line = place("", type(model).__name__), ""
    for each in _causes(error):
        for frame, number in traceback.walk_tb(each.__traceback__):
            part, file = frame.f_locals.get("self"), frame.f_code.co_filename
            if id(part) in names:
                found = place(names[id(part)], type(part).__name__)
            if not file.startswith(_NOT_THE_USERS):
                line = f", line {number} of {Path(file).name}"
    return found + line


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from, the first cause last."""
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__


def first_line(error: BaseException) -> str:
    """Return an error's first line; those that only name a key are told by their type as well."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"{type(error).__name__}: {text}" if isinstance(error, KeyError) else text
