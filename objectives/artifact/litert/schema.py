"""The file format's own classes, of the extra ``litert``."""

from __future__ import annotations

import importlib
from types import ModuleType

from tightfit.errors import SpecError


def litert_module(name: str) -> ModuleType:
    """Return a module of ``ai_edge_litert``, which brings runtime and format in one version.

    Raises:
        SpecError: The package is not installed.
    """
    return optional_module(f"ai_edge_litert.{name}", package="ai-edge-litert")


def optional_module(name: str, *, package: str) -> ModuleType:
    """Return a module of the extra ``litert``.

    Args:
        name: To import.
        package: That has it, as an index calls it.

    Raises:
        SpecError: The package is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise SpecError(
            f"LiteRT needs the package {package!r}, which is not installed; "
            "pip install 'tightfit[litert]'"
        ) from error
