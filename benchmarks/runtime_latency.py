"""Does the packing of our files cost time?

Our 8-bit file beside what onnxruntime's own `quantize_static` makes of the same float net (its
fastest form on a processor with AVX-512: QDQ, unsigned activations, signed weights per channel),
and our 4- and 2-bit files beside our 8-bit file, at 224 pixels. Both files of a pair alternate in
the meter; a ratio is printed with its 95 % interval.

    python benchmarks/runtime_latency.py [NAME ...] [--threads 1] [--seconds 10]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from bit_files import pictures, space_of, write_file
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from tightfit.errors import MeasurementError
from tightfit.objectives.latency import LatencyMeter, Precision
from tightfit.objectives.meter.device import Device, DeviceSettings

NAMES = ("resnet18", "resnet50", "mobilenet_v3_large", "timm:efficientnet_lite0")
OWN, LOW = 1.03, 1.05


class _Pictures(CalibrationDataReader):
    """Gives the calibration pictures one by one."""

    def __init__(self, name: str) -> None:
        self._rest = [{name: picture[None].numpy()} for picture in pictures()]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self._rest.pop() if self._rest else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    device = Device(DeviceSettings(threads=arguments.threads))
    print(device.facts(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names:
            _compare(name, Path(folder), device, Precision(0.01, arguments.seconds))
    device.close()


def _compare(name: str, folder: Path, device: Device, precision: Precision) -> None:
    space = space_of(name)
    stem = name.rpartition(":")[2]
    float_file = write_file(space, folder / f"{stem}.onnx", bits=None)
    ours = {b: write_file(space, folder / f"{stem}_{b}.onnx", bits=b) for b in (8, 4, 2)}
    theirs = quantized_by_onnxruntime(float_file, folder / f"{stem}_theirs.onnx")
    pairs = (
        ("8 bits over quantize_static", ours[8], theirs, OWN),
        ("4 bits over 8 bits", ours[4], ours[8], LOW),
        ("2 bits over 8 bits", ours[2], ours[8], LOW),
        ("8 bits over float", ours[8], float_file, None),
    )
    for what, one, other, goal in pairs:
        try:
            found = LatencyMeter(other, device, precision=precision).measure(one)
        except MeasurementError as error:
            print(f"{name}, {what}: {error}", flush=True)
            continue
        ratio = found.ratio
        text = (
            f"{ratio.median:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] of {found.baseline_ms:.2f} ms"
        )
        met = (
            "" if goal is None else f", goal {goal}: {'kept' if ratio.median <= goal else 'missed'}"
        )
        note = f" ({found.latency_ms.note})" if found.latency_ms.note else ""
        print(f"{name}, {what}: {text}{met}{note}", flush=True)


def quantized_by_onnxruntime(float_file: Path, path: Path) -> Path:
    """Write onnxruntime's own 8-bit file of a float one, and return its path."""
    prepared = path.with_name(f"{path.stem}_prepared.onnx")
    quant_pre_process(float_file, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        path,
        _Pictures(_input_name(float_file)),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return path


def _input_name(path: Path) -> str:
    import onnx

    return str(onnx.load(path).graph.input[0].name)


if __name__ == "__main__":
    main()
