"""Which versions of what made the numbers."""

from __future__ import annotations

import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

from tightfit import __version__

_PACKAGES = ("torch", "torchvision", "optuna", "onnx", "onnxruntime", "numpy", "scipy", "plotly")
_EXTRAS = ("openvino", "executorch", "ai-edge-litert", "tflite-micro", "timm")
"""Told where they are installed."""


def versions() -> dict[str, str]:
    """Return the versions of Tightfit, Python and the libraries that readings depend on."""
    found = {"tightfit": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    for name in _EXTRAS:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
