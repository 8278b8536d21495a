"""What an ONNX file says about itself."""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from tightfit.errors import MeasurementError


def read_metadata(path: Path) -> dict[str, str]:
    """Return the metadata that :func:`write_onnx` kept in a file.

    Raises:
        MeasurementError: The file is missing or damaged.
    """
    try:
        model = onnx.load_model(path, load_external_data=False)
    except (OSError, DecodeError) as error:
        raise MeasurementError(f"{str(path)!r} is no ONNX file: {error}") from error
    return {entry.key: entry.value for entry in model.metadata_props}
