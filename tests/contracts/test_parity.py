"""The network that was trained with rounding is its file: both name the same classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.contracts.parity import Parity, parities, trained_baseline
from tests.objectives.learning import fashion
from tightfit.objectives.datasets import load_data

POOLED, EACH = 0.995, 0.99
KEPT = 0.8
"""Least share of the baseline's accuracy: of networks that guess, agreement would mean nothing."""
FLOAT_DISTANCE = 1e-4

ARCHITECTURES = (
    "small", "vit", "resnet18", "shufflenet_v2_x0_5", "mobilenet_v2", "mobilenet_v3_small",
    "mnasnet0_5", "regnet_y_400mf", "regnet_x_400mf", "efficientnet_b0", "densenet121", "googlenet",
)  # fmt: skip


def check(found: list[tuple[str, str, Parity]]) -> None:
    quantized = [each for each in found if each[1] != "none"]
    for name, bits, parity in found:
        assert parity.kept >= KEPT, (name, bits)
        assert parity.same.mean() >= EACH, (name, bits)
        assert bits != "none" or parity.distance <= FLOAT_DISTANCE, name
    assert np.concatenate([parity.same for _, _, parity in quantized]).mean() >= POOLED


@pytest.mark.slow
def test_a_small_network_and_its_files_name_the_same_classes(tmp_path: Path) -> None:
    data = fashion(2000, 1500)
    baseline = trained_baseline("small", data, epochs=4)
    kinds = ("none", "8", "mixed")
    found = parities(baseline, data, tmp_path / "model.onnx", bits=kinds, epochs=2)
    check([("small", bits, parity) for bits, parity in found])


@pytest.mark.matrix
def test_twelve_architectures_and_their_files_name_the_same_classes(tmp_path: Path) -> None:
    data = load_data("fashion_mnist_10k", root=None, seed=0, study_folder=tmp_path)
    found = []
    for name in ARCHITECTURES:
        baseline = trained_baseline(name, data, epochs=10)
        kinds = ("none", "8", "4", "mixed")
        path = tmp_path / "model.onnx"
        for bits, parity in parities(baseline, data, path, bits=kinds, epochs=4):
            found.append((name, bits, parity))
    check(found)
