from __future__ import annotations

import pytest
import torch

from tightfit import SpecError
from tightfit.objectives.data import Data, Split, make_data


def pictures(count: int = 4, *, channels: int = 3, seed: int = 0) -> Split:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 256, (count, channels, 5, 6), generator=generator)
    return Split(inputs.to(torch.uint8), torch.arange(count) % 3)


def data(train: Split | None = None, validation: Split | None = None) -> Data:
    return make_data(
        "toy", train=train or pictures(), validation=validation or pictures(seed=1), test=None
    )


def test_normalized_training_pixels_have_mean_zero_and_deviation_one() -> None:
    toy = data(pictures(200))
    normalized = toy.normalize(toy.train.inputs)
    assert normalized.dtype == torch.float32
    assert torch.allclose(normalized.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(normalized.std((0, 2, 3)), torch.ones(3), atol=1e-3)


def test_pixels_are_scaled_to_one_before_the_statistics_are_applied() -> None:
    toy = make_data(
        "toy",
        train=pictures(channels=1),
        validation=pictures(channels=1),
        test=None,
        mean=[0.5],
        std=[0.25],
    )
    values = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    assert toy.normalize(values).flatten().tolist() == pytest.approx([-2.0, 2.0])


def test_floats_are_taken_as_standardized_unless_statistics_are_given() -> None:
    floats = Split(torch.randn(4, 2, 3, 3), torch.zeros(4, dtype=torch.int64))
    plain = make_data("toy", train=floats, validation=floats, test=None)
    assert torch.equal(plain.normalize(floats.inputs), floats.inputs)
    shifted = make_data(
        "toy", train=floats, validation=floats, test=None, mean=[1.0, 2.0], std=[1.0, 2.0]
    )
    expected = (floats.inputs[:, 1] - 2.0) / 2.0
    assert torch.allclose(shifted.normalize(floats.inputs)[:, 1], expected)


def test_a_channel_that_never_changes_is_not_divided_by_zero() -> None:
    black = Split(torch.zeros(3, 1, 2, 2, dtype=torch.uint8), torch.zeros(3))
    assert data(black, black).std == (1.0,)


def test_the_fingerprint_follows_the_contents_and_nothing_else() -> None:
    first, again = data(), data()
    assert first.fingerprint == again.fingerprint
    changed = pictures()
    changed.inputs[0, 0, 0, 0] ^= 1
    assert data(changed).fingerprint != first.fingerprint
    relabelled = Split(pictures().inputs, (pictures().targets + 1) % 3)
    assert data(relabelled).fingerprint != first.fingerprint


def test_a_data_set_knows_its_shape_and_classes() -> None:
    toy = data()
    assert toy.input_shape == (3, 5, 6)
    assert toy.classes == 3
    assert list(toy.splits()) == ["train", "validation"]


def test_targets_that_are_not_classes_have_no_class_count() -> None:
    masks = Split(pictures().inputs, torch.zeros(4, 5, 6, dtype=torch.int64))
    assert data(masks, masks).classes is None


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (torch.zeros(0, 1, 2, 2), torch.zeros(0), "needs at least one input"),
        (torch.zeros(2, 0, 2, 2), torch.zeros(2), "needs at least one input"),
        (torch.zeros(2, 1, 2, 2), torch.zeros(3), "2 inputs and 3 targets"),
        (torch.zeros(2), torch.zeros(2), "must have the shape"),
        (torch.zeros(2, 1, dtype=torch.int64), torch.zeros(2), "uint8 pixels .* got torch.int64"),
        (torch.full((2, 1), torch.nan), torch.zeros(2), "inputs must be finite"),
        (torch.zeros(2, 1), torch.full((2,), torch.inf), "targets must be finite"),
    ],
)
def test_a_wrong_split_is_refused(
    inputs: torch.Tensor, targets: torch.Tensor, message: str
) -> None:
    with pytest.raises(SpecError, match=message):
        Split(inputs, targets)


def test_splits_must_have_one_shape_and_kind() -> None:
    with pytest.raises(SpecError, match="validation split of 'toy' must have inputs like"):
        data(pictures(channels=3), pictures(channels=1))
    floats = Split(pictures().inputs, torch.zeros(4))
    with pytest.raises(SpecError, match="validation split of 'toy' must have targets like"):
        data(pictures(), floats)


def test_a_target_that_names_no_class_is_refused() -> None:
    with pytest.raises(SpecError, match=r"classes in the train split .* 0\.\.1, got 0\.\.2"):
        make_data("toy", train=pictures(), validation=pictures(), test=None, class_names=("a", "b"))
    below = Split(pictures().inputs, torch.tensor([-1, 0, 1, 2]))
    with pytest.raises(SpecError, match=r"got -1\.\.2"):
        data(below)


def test_statistics_must_fit_the_channels() -> None:
    def with_statistics(mean: list[float] | None, std: list[float] | None) -> Data:
        return make_data(
            "toy", train=pictures(), validation=pictures(), test=None, mean=mean, std=std
        )

    with pytest.raises(SpecError, match="one value for each of 3 channels, got 1 and 1"):
        with_statistics([0.5], [0.5])
    with pytest.raises(SpecError, match="std of 'toy' must be positive"):
        with_statistics([0.5] * 3, [0.5, 0.0, 0.5])
    with pytest.raises(SpecError, match="both mean and std"):
        with_statistics([0.5] * 3, None)
