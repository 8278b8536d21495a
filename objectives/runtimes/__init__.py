"""What runs a file. A runtime is one file that keeps the protocol."""

from tightfit.objectives.runtimes.known import RUNTIMES, KnownRuntime
from tightfit.objectives.runtimes.ort import OnnxRuntime
from tightfit.objectives.runtimes.predictions import predict
from tightfit.objectives.runtimes.protocol import Float32Array, Runtime, Session

__all__ = [
    "RUNTIMES",
    "Float32Array",
    "KnownRuntime",
    "OnnxRuntime",
    "Runtime",
    "Session",
    "predict",
]
