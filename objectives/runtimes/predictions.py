"""Outputs of a file for many pictures."""

from __future__ import annotations

import numpy as np

from tightfit.errors import MeasurementError
from tightfit.objectives.runtimes.protocol import Float32Array, Session


def predict(session: Session, inputs: Float32Array, *, batch_size: int = 256) -> Float32Array:
    """Return the outputs ``[N, ...]`` of a file with one input and one output.

    Args:
        session: The loaded file.
        inputs: ``[N, ...]``, N at least 1.
        batch_size: Pictures in one run, which bounds the memory and nothing else.

    Raises:
        MeasurementError: The runtime failed, the inputs do not fit, or there are more outputs.
    """
    batches = []
    for start in range(0, len(inputs), batch_size):
        outputs = session.run([inputs[start : start + batch_size]])
        if len(outputs) != 1:
            raise MeasurementError(f"one output is needed to score a file, got {len(outputs)}")
        batches.append(outputs[0])
    if not batches:
        raise MeasurementError("at least one picture is needed to run a file, got none")
    return np.concatenate(batches)
