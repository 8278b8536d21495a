"""What runs a file. A runtime is one file that keeps the protocol."""

from tightfit.objectives.runtimes.ort import OnnxRuntime
from tightfit.objectives.runtimes.predictions import predict
from tightfit.objectives.runtimes.protocol import Float32Array, Runtime, Session

__all__ = ["Float32Array", "OnnxRuntime", "Runtime", "Session", "predict"]
