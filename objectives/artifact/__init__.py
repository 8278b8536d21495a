"""The file of a network: what is measured, scored and handed over."""

from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.writer import check_translations, onnx_model, write_onnx

__all__ = ["check_translations", "onnx_model", "write_atomically", "write_onnx"]
