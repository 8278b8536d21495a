"""Check an exported network on pictures that nothing here has touched, with other tools than ours.

Imports onnxruntime and numpy alone. Reads `model.onnx` and `report.json` of an export, runs the
file on Fashion-MNIST's official 10,000 test pictures, and compares the accuracy found with the test
accuracy claimed.

    python benchmarks/check_export.py EXPORT FOLDER [--baseline RUN/baseline/model.onnx]

FOLDER holds `t10k-images-idx3-ubyte.gz` and `t10k-labels-idx1-ubyte.gz`. Exit code 1 when claimed
and found differ by more than two combined standard errors.
"""

import argparse
import gzip
import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime


def official_test(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return pixels scaled to 0..1 `[10000, 1, 28, 28]` and labels `[10000]`."""
    images = gzip.decompress((folder / "t10k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "t10k-labels-idx1-ubyte.gz").read_bytes())
    pixels = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return pixels.astype(np.float32) / 255, np.frombuffer(labels, np.uint8, offset=8)


def accuracy(file: Path, pixels: np.ndarray, labels: np.ndarray, report: dict[str, Any]) -> float:
    """Return the share of right answers of a file that wants what the report says."""
    mean, std = (
        np.array(report["input"][name], np.float32)[None, :, None, None] for name in ("mean", "std")
    )
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    entry = session.get_inputs()[0]
    if tuple(entry.shape[1:]) != pixels.shape[1:]:
        sys.exit(
            f"{file} wants pictures of {entry.shape[1:]}, the official ones have {pixels.shape[1:]}"
        )
    right = 0
    for start in range(0, len(labels), 500):
        batch = ((pixels[start : start + 500] - mean) / std).astype(np.float32)
        answers = session.run(None, {entry.name: batch})[0].argmax(axis=1)
        right += int((answers == labels[start : start + 500]).sum())
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("export", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--baseline", type=Path)
    arguments = parser.parse_args()
    report = json.loads((arguments.export / "report.json").read_text())
    pixels, labels = official_test(arguments.folder)
    found = accuracy(arguments.export / "model.onnx", pixels, labels, report)
    error = math.sqrt(found * (1 - found) / len(labels))
    claimed = report["test_accuracy"]
    combined = math.hypot(error, claimed["stderr"])
    difference = found - claimed["value"]
    print(f"claimed {claimed['value']:.4f} ± {claimed['stderr']:.4f} on {claimed['n']} pictures")
    print(f"found   {found:.4f} ± {error:.4f} on {len(labels)} pictures")
    print(
        f"difference {difference:+.4f}, {abs(difference) / combined:.2f} combined standard errors"
    )
    if arguments.baseline:
        print(f"baseline {accuracy(arguments.baseline, pixels, labels, report):.4f}")
    if abs(difference) > 2 * combined:
        sys.exit("the claim does not hold")


if __name__ == "__main__":
    main()
