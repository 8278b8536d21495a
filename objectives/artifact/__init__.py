"""The file of a network: what is measured, scored and handed over."""

from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.writer import onnx_model, write_onnx

__all__ = ["onnx_model", "write_atomically", "write_onnx"]
