"""Accuracy on changed pictures: noise, blur, brightness, contrast, JPEG; the worst of them.

Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and
perturbations", ICLR 2019. Compressed networks often keep their accuracy and lose this one (Hooker
et al., "What do compressed deep neural networks forget?", 2019).
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from tightfit import Direction, Kind, Metric, Reading, Stage
from tightfit.objectives.quality_metrics.pixels import PixelScale
from tightfit.objectives.quality_metrics.quality_metric import Needs, QualityMetric, share
from tightfit.objectives.quality_metrics.settings import Shifts
from tightfit.objectives.quality_metrics.subject import Subject

SEED = 0
_CHUNK = 250


def measure(subject: Subject) -> Reading:
    """Return the smallest accuracy over the changes, with its binomial standard error.

    The error is that of the worst change alone; that it was chosen is not part of it.
    """
    scale, targets = PixelScale.of(subject.data), subject.split.targets
    generator = torch.Generator().manual_seed(SEED)
    right: dict[str, int] = {}
    for inputs, aims in zip(
        torch.split(subject.split.inputs, _CHUNK), torch.split(targets, _CHUNK), strict=True
    ):
        pixels = scale.to_unit(inputs).clamp(0, 1)
        for name, changed in shifted(pixels, subject.settings.shifts, generator):
            answers = subject.answers_to(scale.from_unit(changed))
            right[name] = right.get(name, 0) + int((answers == aims).sum())
    return share(min(right.values()), len(targets))


ACCURACY_SHIFTED = QualityMetric(
    Metric(
        name="accuracy_shifted",
        unit="",
        direction=Direction.MAXIMIZE,
        stage=Stage.LEARNED,
        kind=Kind.MEASURED,
        summary="the file's accuracy on pictures with noise, blur, more brightness, less contrast "
        "or JPEG artefacts, the worst of the five",
    ),
    measure,
    Needs.CLASSES | Needs.PICTURES,
)


def shifted(
    pixels: Tensor, shifts: Shifts, generator: torch.Generator
) -> Iterator[tuple[str, Tensor]]:
    """Yield each change's name and the pictures after it.

    Args:
        pixels: ``[n, C, H, W]`` in 0..1, C one or three.
        shifts: How strong they are.
        generator: Of the noise.
    """
    noise = torch.randn(pixels.shape, generator=generator)
    yield "noise", (pixels + shifts.noise * noise).clamp(0, 1)
    yield "blur", _blurred(pixels, shifts.blur)
    yield "brightness", (pixels + shifts.brightness).clamp(0, 1)
    mean = pixels.mean((2, 3), keepdim=True)
    yield "contrast", ((pixels - mean) * shifts.contrast + mean).clamp(0, 1)
    yield "jpeg", _through_jpeg(pixels, shifts.jpeg)


def _blurred(pixels: Tensor, sigma: float) -> Tensor:
    """Blur with a kernel of three standard deviations to each side, or what the picture allows."""
    reach = min(math.ceil(3 * sigma), min(pixels.shape[2:]) - 1)
    blurred: Tensor = gaussian_blur(pixels, [2 * reach + 1] * 2, [sigma, sigma])
    return blurred


def _through_jpeg(pixels: Tensor, quality: int) -> Tensor:
    pictures = (255 * pixels).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
    read = []
    for each in pictures:
        stream = io.BytesIO()
        Image.fromarray(each.squeeze(2) if each.shape[2] == 1 else each).save(
            stream, "JPEG", quality=quality
        )
        read.append(torch.from_numpy(np.array(Image.open(stream))))
    return torch.stack(read).reshape(pictures.shape).permute(0, 3, 1, 2).float() / 255
