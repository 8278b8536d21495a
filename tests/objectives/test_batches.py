from __future__ import annotations

import torch

from tests.objectives.learning import FLOAT, fashion
from tightfit.objectives.augmentation import FLIP_AND_SHIFT, PLAIN, Augment
from tightfit.objectives.batches import Batches
from tightfit.objectives.teacher import Teacher, make_views

DATA = fashion(100, 50)


def batches(
    *,
    teacher: Teacher | None = None,
    augment: Augment = PLAIN,
    size: int = 32,
    seed: int = 0,
    shape: tuple[int, ...] = (1, 28, 28),
) -> Batches:
    return Batches(
        DATA,
        augment=augment,
        teacher=teacher,
        precision=FLOAT,
        input_shape=shape,
        size=size,
        seed=seed,
    )


def numbered_teacher(views: int) -> Teacher:
    """A teacher whose output is the number of the view and of the picture."""
    pictures = make_views(DATA.train.inputs, augment=FLIP_AND_SHIFT, views=views, seed=0)
    numbers = torch.cartesian_prod(torch.arange(views), torch.arange(100))
    return Teacher(pictures, numbers.view(views, 100, 2).float())


def test_an_epoch_has_whole_batches_of_different_pictures() -> None:
    source = batches(teacher=numbered_teacher(1))
    epoch = list(source.epoch())
    assert len(source) == len(epoch) == 3
    seen = torch.cat([batch.teacher[:, 1] for batch in epoch if batch.teacher is not None])
    assert len(seen) == len(set(seen.tolist())) == 96


def test_the_order_changes_from_epoch_to_epoch_and_follows_the_seed() -> None:
    source, same, other = batches(), batches(), batches(seed=1)
    first, second = (torch.cat([b.targets for b in source.epoch()]) for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(first, torch.cat([b.targets for b in same.epoch()]))
    assert not torch.equal(first, torch.cat([b.targets for b in other.epoch()]))


def test_fewer_pictures_than_a_batch_make_one_batch() -> None:
    source = batches(size=1000)
    assert [len(batch.inputs) for batch in source.epoch()] == [100]


def test_a_batch_holds_the_view_that_its_teacher_saw() -> None:
    teacher = numbered_teacher(4)
    seen: set[int] = set()
    for batch in batches(teacher=teacher).epoch():
        assert batch.teacher is not None
        view, picture = batch.teacher.long().unbind(1)
        assert torch.equal(batch.inputs, DATA.normalize(teacher.views[view, picture]))
        assert torch.equal(batch.targets, DATA.train.targets[picture])
        seen |= set(view.tolist())
    assert seen == {0, 1, 2, 3}


def test_without_a_teacher_every_epoch_is_augmented_anew() -> None:
    source = batches(augment=FLIP_AND_SHIFT, size=100)
    (first,), (second,) = list(source.epoch()), list(source.epoch())
    assert first.teacher is None
    assert not torch.allclose(first.inputs.mean((0, 1)), second.inputs.mean((0, 1)))


def test_a_network_of_a_smaller_input_gets_smaller_pictures() -> None:
    source = batches(teacher=numbered_teacher(2), shape=(1, 14, 14))
    assert all(batch.inputs.shape == (32, 1, 14, 14) for batch in source.epoch())
    assert all(inputs.shape == (32, 1, 14, 14) for inputs in source.unchanged(2))


def test_pictures_to_calibrate_with_are_not_augmented() -> None:
    source = batches(augment=FLIP_AND_SHIFT)
    given = torch.cat(list(source.unchanged(2)))
    known = DATA.normalize(DATA.train.inputs)
    assert len(given) == 64
    assert all(bool((known == picture).flatten(1).all(1).any()) for picture in given)


def test_there_are_no_more_batches_to_calibrate_with_than_pictures() -> None:
    assert sum(1 for _ in batches().unchanged(50)) == 3


def test_a_part_of_the_inputs_is_the_same_every_time_and_has_all_classes() -> None:
    source, other = batches(size=10, seed=0), batches(size=10, seed=1)
    few = [torch.cat([b.inputs for b in each.epoch(0.3)]) for each in (source, source, other)]
    assert [len(each) for each in few] == [30, 30, 30]
    assert not torch.equal(few[0], few[1])
    assert len({_members(each) for each in few}) == 1
    whole = torch.cat([batch.inputs for batch in source.epoch()])
    smaller = torch.cat([batch.inputs for batch in source.epoch(0.2)])
    assert _members(smaller) < _members(few[0]) < _members(whole)
    every = torch.bincount(DATA.train.targets, minlength=10)
    own = torch.bincount(torch.cat([b.targets for b in source.epoch(0.3)]), minlength=10)
    assert (own - 0.3 * every).abs().max() <= 1


def test_a_part_that_is_less_than_a_batch_is_a_batch() -> None:
    assert [len(batch.inputs) for batch in batches(size=32).epoch(0.01)] == [32]


def _members(inputs: torch.Tensor) -> frozenset[bytes]:
    return frozenset(each.numpy().tobytes() for each in inputs)
