"""Programs as ``.tflite`` files of integers alone, for LiteRT and TensorFlow Lite Micro.

Needs the extra ``litert``, which is loaded when a file is written and never before.
"""

from tightfit.objectives.artifact.litert.writer import LITERT_FILE, litert_bytes, write_litert

__all__ = ["LITERT_FILE", "litert_bytes", "write_litert"]
