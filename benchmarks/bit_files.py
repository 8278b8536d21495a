"""Files of a network with one bit-width in all layers, for benchmarks of files."""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision
from torch import nn

from tightfit.objectives.artifact.writer import write_onnx
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import PruningSettings, QuantizationSettings, SpaceSettings

SIDE = 224
CALIBRATION_PICTURES = 8


def network(name: str) -> nn.Module:
    """Return an untrained network of torchvision, or of timm where it is named ``timm:NAME``."""
    torch.manual_seed(0)
    if name.startswith("timm:"):
        import timm

        return timm.create_model(name.removeprefix("timm:")).eval()
    module: nn.Module = torchvision.models.get_model(name)
    return module.eval()


def pictures() -> torch.Tensor:
    """Return the noise that ranges are calibrated with, ``[n, 3, 224, 224]``."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(CALIBRATION_PICTURES, 3, SIDE, SIDE, generator=generator)


def space_of(name: str) -> CompressionSpace:
    """Return what these benchmarks may change about a network."""
    settings = SpaceSettings(
        pruning=PruningSettings("network", (0.0, 0.5), correct=False),
        quantization=QuantizationSettings("network", (None, 8, 4, 2)),
    )
    return CompressionSpace(network(name), torch.zeros(1, 3, SIDE, SIDE), settings=settings)


def write_file(
    space: CompressionSpace, path: Path, *, bits: int | None, ratio: float = 0.0
) -> Path:
    """Write the file of a candidate with calibrated ranges, and return its path."""
    choices = {"network.bits": bits, "network.pruning_ratio": ratio}
    candidate = space.search_space.from_choices(choices)
    model = space.build(candidate)
    if bits is not None:
        model.calibrate([pictures()])
        model.quantization = True
    write_onnx(model.program(), path, metadata={})
    return path
