"""Packages that come with an extra, loaded by the file that is their home when it is asked for."""

from __future__ import annotations

import importlib
from types import ModuleType

from tightfit.errors import SpecError


def extra_module(name: str, *, package: str, extra: str) -> ModuleType:
    """Return a module of an optional package.

    Args:
        name: To import.
        package: That has it, as an index calls it.
        extra: Of Tightfit's, that installs it.

    Raises:
        SpecError: The package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SpecError(
            f"the package {package!r} is not installed ({error}); "
            f"write: pip install 'tightfit[{extra}]'"
        ) from error
