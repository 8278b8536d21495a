"""What the quality metrics are taken at: strengths, steps, repeats."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shifts:
    """How strongly pictures are changed; pixels lie in 0..1.

    The defaults are the mildest severity of ImageNet-C (Hendrycks and Dietterich, "Benchmarking
    neural network robustness to common corruptions and perturbations", ICLR 2019).

    Attributes:
        noise: Standard deviation of Gaussian noise on each value.
        blur: Standard deviation of a Gaussian blur, in pixels.
        brightness: Added to each value.
        contrast: Factor on the distance from each channel's mean.
        jpeg: Quality of a JPEG file, 1 to 100, that the picture goes through.
    """

    noise: float = 0.08
    blur: float = 1.0
    brightness: float = 0.1
    contrast: float = 0.4
    jpeg: int = 25


@dataclass(frozen=True, slots=True)
class Attack:
    """How strongly and how long pictures are attacked.

    Attributes:
        strength: Largest change of each value, pixels in 0..1 (the L-infinity norm).
        steps: Of projected gradient ascent.
        pictures: Of the split, drawn once; all of them when there are fewer.
    """

    strength: float = 2 / 255
    steps: int = 10
    pictures: int = 500


@dataclass(frozen=True, slots=True)
class QualitySettings:
    """What all quality metrics are taken at.

    Attributes:
        shifts: For ``accuracy_shifted``.
        attack: For ``accuracy_adversarial``.
        repeats: Fine-tunings with seeds of their own for ``accuracy_std``, at least 2.
    """

    shifts: Shifts = Shifts()
    attack: Attack = Attack()
    repeats: int = 3
