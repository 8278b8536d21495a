"""What a runtime must offer to be measured; each runtime is one file beside this one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

Float32Array: TypeAlias = npt.NDArray[np.float32]


class Session(Protocol):
    """A file that is loaded and ready to run."""

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each input for one picture, without the batch axis."""
        ...

    def run(self, inputs: Sequence[Float32Array]) -> list[Float32Array]:
        """Return the outputs of a batch; every input is ``[N, ...]``, and so is every output.

        Raises:
            MeasurementError: The runtime failed, or the inputs do not fit the file.
        """
        ...


class Runtime(Protocol):
    """Loads files. Two sessions of it may be open at once and do not disturb each other."""

    @property
    def name(self) -> str:
        """For people and fingerprints, with the version: ``onnxruntime 1.32.0, 1 thread``."""
        ...

    def open(self, path: Path) -> Session:
        """Load a file.

        Raises:
            MeasurementError: The file is missing, damaged, or asks for what the runtime lacks.
        """
        ...
