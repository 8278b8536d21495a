"""An upper bound of the accuracy under attack.

Projected gradient ascent in the L-infinity ball around each picture, from a random start (Madry et
al., "Towards deep learning models resistant to adversarial attacks", ICLR 2018). The gradients are
those of the torch twin, through its rounding as if that were the identity; what was found is then
shown to the file, and only what the file still answers rightly counts. A stronger attack may find
more: no accuracy under attack can be larger than this one, but it may well be smaller.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from tightfit import Direction, Kind, Metric, Reading, Stage
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.quality_metrics.pixels import PixelScale
from tightfit.objectives.quality_metrics.quality_metric import Needs, QualityMetric, share
from tightfit.objectives.quality_metrics.settings import Attack
from tightfit.objectives.quality_metrics.subject import Subject

SEED = 0
STEP_FACTOR = 2.5
"""Steps together reach this many times the strength, so that a start at the rim gets across."""

_CHUNK = 125


def measure(subject: Subject) -> Reading:
    """Return the share that stays right, plain and attacked, with its binomial standard error."""
    generator = torch.Generator().manual_seed(SEED)
    attack, scale = subject.settings.attack, PixelScale.of(subject.data)
    shape = subject.runtime.open(subject.file).input_shapes[0]

    def outputs(pixels: Tensor) -> Tensor:
        inputs = prepare_inputs(subject.data, scale.from_unit(pixels), shape)
        found: Tensor = subject.model(inputs)
        return found

    chosen = torch.randperm(len(subject.split), generator=generator)[: attack.pictures]
    right = 0
    for some in torch.split(chosen, _CHUNK):
        pixels = scale.to_unit(subject.split.inputs[some]).clamp(0, 1)
        targets = subject.split.targets[some]
        found = attacked(outputs, pixels, targets, attack=attack, generator=generator)
        stays = subject.answers_to(scale.from_unit(found)) == targets
        right += int((stays & subject.right[some]).sum())
    return share(right, len(chosen))


ACCURACY_ADVERSARIAL = QualityMetric(
    Metric(
        name="accuracy_adversarial",
        unit="",
        direction=Direction.MAXIMIZE,
        stage=Stage.LEARNED,
        kind=Kind.MEASURED,
        summary="an upper bound: the file's accuracy on pictures that an attack (PGD, L-infinity) "
        "on the same network in torch has changed; a stronger attack may find less",
    ),
    measure,
    Needs.CLASSES | Needs.PICTURES,
    upper_bound=True,
)


def attacked(
    outputs: Callable[[Tensor], Tensor],
    pixels: Tensor,
    targets: Tensor,
    *,
    attack: Attack,
    generator: torch.Generator,
) -> Tensor:
    """Return pictures near the given ones on which a network does worse.

    Args:
        outputs: From pixels ``[n, C, H, W]`` in 0..1 to ``[n, classes]``, differentiable.
        pixels: Where to start, in 0..1.
        targets: The right classes, ``[n]``.
        attack: How far and how long.
        generator: Of the random start.
    """
    low = (pixels - attack.strength).clamp(0, 1)
    high = (pixels + attack.strength).clamp(0, 1)
    step = STEP_FACTOR * attack.strength / attack.steps
    found = low + (high - low) * torch.rand(pixels.shape, generator=generator)
    for _ in range(attack.steps):
        found.requires_grad_(True)
        with torch.enable_grad():
            loss = F.cross_entropy(outputs(found).float(), targets, reduction="sum")
            (gradient,) = torch.autograd.grad(loss, found)
        found = (found.detach() + step * gradient.sign()).clamp(low, high)
    return found
