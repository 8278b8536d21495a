"""The runtimes that a study may name, with what each of them reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tightfit.objectives.runtimes.executorch import ExecuTorch
from tightfit.objectives.runtimes.litert import LiteRt
from tightfit.objectives.runtimes.litert_micro import LiteRtMicro
from tightfit.objectives.runtimes.openvino import OpenVino
from tightfit.objectives.runtimes.ort import OnnxRuntime
from tightfit.objectives.runtimes.protocol import Runtime


@dataclass(frozen=True, slots=True)
class KnownRuntime:
    """A runtime, by the name that studies and :mod:`tightfit.objectives.meter.agent` give it.

    Attributes:
        name: E.g. ``openvino``.
        suffix: Of the files that it reads; who writes them is said in
            :mod:`tightfit.objectives.artifact.formats`.
        make: From a number of threads to what opens files; refuses where it is not installed.
        weight_bits: Of quantized weights that its kernels read.
        integers: Whether it reads files of integers alone.
        batches: Whether its files take several pictures at once.
        timed: Whether a time that is measured in it tells of the device that will serve. Where it
            does not, there is an arena whose size does.
    """

    name: str
    suffix: str
    make: Callable[[int], Runtime]
    weight_bits: tuple[int, ...] = (8, 4, 2)
    integers: bool = False
    batches: bool = True
    timed: bool = True

    @property
    def model_file(self) -> str:
        """Name of a network's file in its folder."""
        return f"model{self.suffix}"


RUNTIMES = {
    each.name: each
    for each in (
        KnownRuntime("onnxruntime", ".onnx", OnnxRuntime),
        KnownRuntime("openvino", ".onnx", OpenVino, weight_bits=(8, 4)),
        KnownRuntime("litert", ".tflite", LiteRt, integers=True, batches=False),
        KnownRuntime(
            "tflite-micro", ".tflite", LiteRtMicro, integers=True, batches=False, timed=False
        ),
        KnownRuntime("executorch", ".pte", ExecuTorch, weight_bits=(8,), batches=False),
    )
}
