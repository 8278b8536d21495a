"""Does the packing of our files cost time?

Our 8-bit file beside what onnxruntime's own `quantize_static` makes of the same float net (its
fastest form on a processor with AVX-512: QDQ, unsigned activations, signed weights per channel),
and our 4- and 2-bit files beside our 8-bit file, at 224 pixels. Both files of a pair alternate in
the meter. A pair is measured in several rounds, a round for all pairs before the next: the median
ratio is printed with its range over the rounds. Three rounds of all four networks are sized for
less than eight minutes on an idle machine; on a disturbed one a reading waits ten times as long.

    python -m benchmarks.runtime_latency [NAME ...] [--threads 1] [--rounds 3] [--seconds 3]
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import numpy as np
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from benchmarks.bit_files import pictures, space_of, write_file
from tightfit.errors import MeasurementError
from tightfit.objectives.latency import LatencyMeter, LatencyResult
from tightfit.objectives.meter.device import Device, DeviceSettings
from tightfit.objectives.meter.taking import Precision

NAMES = ("resnet18", "resnet50", "mobilenet_v3_large", "timm:efficientnet_lite0")
OWN, LOW = 1.03, 1.05


class _Pictures:
    """Gives the calibration pictures one by one: a CalibrationDataReader by its method alone."""

    def __init__(self, name: str) -> None:
        self._rest = [{name: picture[None].numpy()} for picture in pictures()]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self._rest.pop() if self._rest else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0)
    arguments = parser.parse_args()
    device = Device(DeviceSettings(threads=arguments.threads))
    print(device.facts(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.names:
            precision = Precision(0.01, arguments.seconds)
            _compare(name, Path(folder), device, precision=precision, rounds=arguments.rounds)
    device.close()


def _compare(name: str, folder: Path, device: Device, *, precision: Precision, rounds: int) -> None:
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
    taken: list[list[LatencyResult]] = [[] for _ in pairs]
    refused = [""] * len(pairs)
    for _ in range(rounds):
        for number, (_what, one, other, _goal) in enumerate(pairs):
            try:
                found = LatencyMeter(other, device, precision=precision).measure(one)
                taken[number].append(found)
            except MeasurementError as error:
                refused[number] = str(error)
    for (what, _one, _other, goal), found_of_pair, why in zip(pairs, taken, refused, strict=True):
        print(f"{name}, {what}: {_told(found_of_pair, goal) or why}", flush=True)


def _told(found: list[LatencyResult], goal: float | None) -> str:
    """Say in one line what the rounds of a pair gave; nothing where none gave anything."""
    if not found:
        return ""
    ratios = [each.ratio.median for each in found]
    middle = statistics.median(ratios)
    of = statistics.median(each.baseline_ms for each in found)
    text = f"{middle:.3f} [{min(ratios):.3f}, {max(ratios):.3f}] of {of:.2f} ms"
    if goal is not None:
        text += f", goal {goal}: {'kept' if middle <= goal else 'missed'}"
    notes = sorted({each.latency_ms.note for each in found} - {""})
    return f"{text} ({'; '.join(notes)})" if notes else text


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
