"""Programs as ``.tflite`` files of integers alone, for LiteRT and TensorFlow Lite Micro.

Needs the extra ``litert``, which is loaded when a file is written and never before.
"""

from tightfit.objectives.artifact.litert.header import HEADER_FILE, header, operators
from tightfit.objectives.artifact.litert.writer import LITERT_FILE, litert_bytes, write_litert

__all__ = ["HEADER_FILE", "LITERT_FILE", "header", "litert_bytes", "operators", "write_litert"]
