from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.objectives.learning import fashion, outlines
from tightfit import SpecError
from tightfit.objectives.augmentation import (
    FLIP_AND_SHIFT,
    PLAIN,
    Augment,
    Augmentation,
    apply,
    suited,
)


def draw(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def numbered(count: int = 64, channels: int = 2, side: int = 24) -> Tensor:
    """Pictures in which every pixel has its own value, none of them zero."""
    values = torch.arange(1, channels * side * side + 1, dtype=torch.float32)
    return values.view(1, channels, side, side).repeat(count, 1, 1, 1)


def test_the_same_seed_gives_the_same_views_and_another_seed_others() -> None:
    pictures = fashion().train.inputs[:50]
    augment = Augmentation(erase=0.5)
    assert torch.equal(augment(pictures, draw()), augment(pictures, draw()))
    assert not torch.equal(augment(pictures, draw()), augment(pictures, draw(1)))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_shape_and_dtype_stay(dtype: torch.dtype) -> None:
    pictures = torch.randint(0, 255, (6, 3, 20, 31), generator=draw()).to(dtype)
    views = Augmentation(erase=1.0)(pictures, draw())
    assert (views.shape, views.dtype) == (pictures.shape, dtype)


def test_the_pictures_that_come_in_are_not_written_to() -> None:
    pictures = fashion().train.inputs[:20].clone()
    before = pictures.clone()
    Augmentation(erase=1.0)(pictures, draw())
    assert torch.equal(pictures, before)


def test_a_flip_mirrors_about_half_of_the_pictures() -> None:
    pictures = numbered(400)
    views = Augmentation(flip=0.5, shift=0.0)(pictures, draw())
    mirrored = (views == pictures.flip(3)).flatten(1).all(1)
    kept = (views == pictures).flatten(1).all(1)
    assert bool((mirrored ^ kept).all())
    assert 0.4 < float(mirrored.float().mean()) < 0.6


def test_a_shift_moves_all_channels_together_by_at_most_its_share() -> None:
    pictures = numbered(300, side=24)
    views = Augmentation(flip=0.0, shift=1 / 12)(pictures, draw())
    offsets = set()
    for view in views:
        row, column = divmod(int(view[0, 12, 12]) - 1, 24)
        down, right = row - 12, column - 12
        offsets.add((down, right))
        assert torch.equal(
            view[:, 2:-2, 2:-2], pictures[0][:, 2 + down : 22 + down, 2 + right : 22 + right]
        )
    assert offsets == {(down, right) for down in range(-2, 3) for right in range(-2, 3)}


def test_what_moves_in_at_an_edge_is_zero() -> None:
    views = Augmentation(flip=0.0, shift=0.25)(numbered(100), draw())
    moved_in = (views == 0).flatten(1).any(1)
    assert float(moved_in.float().mean()) > 0.9


def test_erasing_takes_one_rectangle_out_of_all_channels() -> None:
    pictures = numbered(200, side=24)
    views = Augmentation(flip=0.0, shift=0.0, erase=0.5, erased_side=0.25)(pictures, draw())
    erased = (views == 0).flatten(2).sum(2)
    assert set(erased.flatten().tolist()) == {0, 6 * 6}
    assert torch.equal(erased[:, 0], erased[:, 1])
    assert 0.4 < float((erased[:, 0] > 0).float().mean()) < 0.6


def test_plain_views_are_the_pictures() -> None:
    pictures = fashion().train.inputs[:5]
    assert torch.equal(PLAIN(pictures, draw()), pictures)


def test_inputs_that_are_no_pictures_stay_as_they_are() -> None:
    series = torch.randn(4, 3, 50, generator=draw())
    assert torch.equal(FLIP_AND_SHIFT(series, draw()), series)


def test_masks_are_not_parted_from_their_pictures() -> None:
    erasing = Augmentation(erase=0.3)
    assert suited(erasing, fashion().train) == erasing
    assert suited(erasing, outlines().train) == Augmentation(flip=0.0, shift=0.0, erase=0.3)


def test_a_users_own_augmentation_is_left_as_it_is() -> None:
    def own(inputs: Tensor, _generator: torch.Generator) -> Tensor:
        return inputs.flip(2)

    assert suited(own, outlines().train) is own


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Augmentation(flip=1.5), r"'flip' must lie in 0..1, got 1.5"),
        (lambda: Augmentation(erase=-0.1), r"'erase' must lie in 0..1, got -0.1"),
        (lambda: Augmentation(shift=0.5), r"'shift' must be below 0.5, got 0.5"),
    ],
)
def test_numbers_out_of_range_are_refused(make: Callable[[], Augmentation], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        make()


@pytest.mark.parametrize(
    ("own", "message"),
    [
        (lambda inputs, _: inputs[:, :, :10], r"must return inputs like those it gets"),
        (lambda inputs, _: inputs.double(), r"uint8, got \[3, 1, 28, 28\] of torch.float64"),
        (lambda inputs, _: inputs @ inputs[0, 0, 0, :3], r"it failed: "),
        (lambda inputs: inputs, r"it failed: .*takes 1 positional argument"),
        (lambda _inputs, _generator: None, r"it failed: 'NoneType'"),
    ],
)
def test_a_users_augmentation_that_does_not_fit_is_named(own: Augment, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        apply(own, fashion().train.inputs[:3], draw())


def test_running_out_of_memory_is_not_blamed_on_the_augmentation() -> None:
    def greedy(_inputs: Tensor, _generator: torch.Generator) -> Tensor:
        raise torch.OutOfMemoryError("16 GiB more than there is")

    with pytest.raises(torch.OutOfMemoryError, match="16 GiB"):
        apply(greedy, fashion().train.inputs[:3], draw())
