"""Accuracy on changed pictures, and under attack."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.objectives.quality_metrics.conftest import DATA
from tightfit.objectives.data import Split, make_data
from tightfit.objectives.quality_metrics import Attack, QualitySettings, Shifts, Subject
from tightfit.objectives.quality_metrics.accuracy_adversarial import (
    ACCURACY_ADVERSARIAL,
    attacked,
)
from tightfit.objectives.quality_metrics.accuracy_shifted import ACCURACY_SHIFTED, shifted
from tightfit.objectives.quality_metrics.pixels import PixelScale

Judged = Callable[..., Subject]
NONE = Shifts(noise=1e-6, blur=1e-3, brightness=1e-6, contrast=1.0, jpeg=100)


def changes(pixels: Tensor, shifts: Shifts) -> dict[str, Tensor]:
    return dict(shifted(pixels, shifts, torch.Generator().manual_seed(0)))


@pytest.fixture
def pixels() -> Tensor:
    return PixelScale.of(DATA).to_unit(DATA.validation.inputs[:20])


def test_each_change_is_as_strong_as_stated(pixels: Tensor) -> None:
    gray = torch.full_like(pixels, 0.5)
    found = changes(gray, Shifts(noise=0.08, brightness=0.1))
    assert float((found["noise"] - gray).std()) == pytest.approx(0.08, rel=0.05)
    torch.testing.assert_close(found["brightness"], gray + 0.1)
    torch.testing.assert_close(found["blur"], gray)
    flat = changes(pixels, Shifts(contrast=0.4))["contrast"]
    assert float(flat.std((2, 3)).mean()) == pytest.approx(
        0.4 * float(pixels.std((2, 3)).mean()), rel=0.02
    )


def test_a_blur_spreads_a_point_by_its_standard_deviation() -> None:
    point = torch.zeros(1, 1, 29, 29)
    point[0, 0, 14, 14] = 1.0
    spread = changes(point, Shifts(blur=2.0))["blur"][0, 0]
    distance = (torch.arange(29) - 14.0).square()
    assert float((spread.sum(0) * distance).sum() / spread.sum()) == pytest.approx(4.0, rel=0.05)


def test_a_worse_jpeg_is_further_from_the_picture(pixels: Tensor) -> None:
    good, bad = (changes(pixels, Shifts(jpeg=quality))["jpeg"] for quality in (95, 5))
    assert float((good - pixels).abs().mean()) < 0.5 * float((bad - pixels).abs().mean())


@pytest.mark.parametrize("shape", [(3, 3, 16, 16), (2, 1, 4, 4)])
def test_coloured_and_tiny_pictures_can_be_changed(shape: tuple[int, ...]) -> None:
    found = changes(torch.rand(shape), Shifts())
    assert list(found) == ["noise", "blur", "brightness", "contrast", "jpeg"]
    for each in found.values():
        assert each.shape == shape
        assert 0 <= float(each.min()) <= float(each.max()) <= 1


def test_shifted_accuracy_is_that_of_the_worst_change(judged: Judged, learned: nn.Module) -> None:
    plain = float(judged(learned).right.double().mean())
    untouched = judged(learned, settings=QualitySettings(shifts=NONE))
    assert ACCURACY_SHIFTED.measure(untouched).value == pytest.approx(plain, abs=0.01)
    drowned = Shifts(noise=5.0, blur=1e-3, brightness=1e-6, contrast=1.0, jpeg=100)
    worst = ACCURACY_SHIFTED.measure(judged(learned, settings=QualitySettings(shifts=drowned)))
    assert worst.value < 0.5 * plain
    assert worst.stderr == pytest.approx((worst.value * (1 - worst.value) / 300) ** 0.5)


def test_the_same_pictures_are_changed_in_the_same_way_every_time(
    judged: Judged, learned: nn.Module
) -> None:
    for metric in (ACCURACY_SHIFTED, ACCURACY_ADVERSARIAL):
        assert metric.measure(judged(learned)) == metric.measure(judged(learned))


def test_attacked_pictures_stay_near_and_are_answered_worse(
    pixels: Tensor, learned: nn.Module
) -> None:
    scale, targets = PixelScale.of(DATA), DATA.validation.targets[:20]

    def outputs(given: Tensor) -> Tensor:
        scores: Tensor = learned(DATA.normalize(scale.from_unit(given)))
        return scores

    def loss(given: Tensor) -> float:
        with torch.no_grad():
            return float(nn.functional.cross_entropy(outputs(given), targets))

    learned.zero_grad(set_to_none=True)
    attack = Attack(strength=0.02, steps=5)
    generator = torch.Generator().manual_seed(0)
    found = attacked(outputs, pixels, targets, attack=attack, generator=generator)
    assert float((found - pixels).abs().max()) <= 0.02 + 1e-6
    assert 0 <= float(found.min()) <= float(found.max()) <= 1
    assert loss(found) > 1.2 * loss(pixels)
    assert all(each.grad is None for each in learned.parameters())


def test_a_stronger_attack_leaves_less(judged: Judged, learned: nn.Module) -> None:
    accuracies = [
        ACCURACY_ADVERSARIAL.measure(
            judged(learned, settings=QualitySettings(attack=Attack(strength, 5, 200)))
        )
        for strength in (1e-4, 0.02, 0.1)
    ]
    mild, middle, strong = (each.value for each in accuracies)
    assert mild > middle > strong
    assert {each.repeats for each in accuracies} == {200}


def test_only_what_the_file_answers_rightly_counts(judged: Judged, learned: nn.Module) -> None:
    class Wrong(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            scores: Tensor = learned(inputs)
            return -scores

    subject = judged(Wrong(), model=learned)
    clean = float(subject.right.double().mean())
    assert ACCURACY_ADVERSARIAL.measure(subject).value <= clean


def test_float_pictures_are_measured_by_the_range_of_the_training_split() -> None:
    inputs = torch.linspace(-2, 2, 64).reshape(4, 1, 4, 4)
    split = Split(inputs, torch.arange(4))
    data = make_data("floats", train=split, validation=split, test=None)
    scale = PixelScale.of(data)
    pixels = scale.to_unit(inputs)
    assert (float(pixels.min()), float(pixels.max())) == (0.0, 1.0)
    torch.testing.assert_close(scale.from_unit(pixels), inputs)


def test_pixels_of_bytes_are_normalized_as_the_bytes_are(pixels: Tensor) -> None:
    scale = PixelScale.of(DATA)
    torch.testing.assert_close(
        DATA.normalize(scale.from_unit(pixels)), DATA.normalize(DATA.validation.inputs[:20])
    )
