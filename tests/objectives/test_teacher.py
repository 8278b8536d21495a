from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.objectives.learning import FLOAT, SmallNet, fashion, outlines, steady, steady_pixels
from tightfit import SpecError
from tightfit.objectives.augmentation import FLIP_AND_SHIFT, Augment
from tightfit.objectives.data import Data
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.teacher import Teacher, make_views, prepare_teacher

DATA = fashion(200, 50)


class Counting(SmallNet):
    """A teacher that counts the pictures it is asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.asked += len(inputs)
        return super().forward(inputs)


def teacher(
    model: torch.nn.Module,
    folder: Path,
    *,
    data: Data = DATA,
    views: int = 4,
    seed: int = 0,
    key: str = "baseline",
    augment: Augment = FLIP_AND_SHIFT,
) -> Teacher:
    told: list[tuple[int, int]] = []
    result = prepare_teacher(
        model,
        data,
        augment=augment,
        views=views,
        seed=seed,
        precision=FLOAT,
        folder=folder,
        key=key,
        progress=lambda done, total: told.append((done, total)),
    )
    assert told in ([], [(view + 1, views) for view in range(views)])
    return result


def test_outputs_are_the_models_for_each_view(tmp_path: Path) -> None:
    net = steady()
    found = teacher(net, tmp_path)
    assert found.views.shape == (4, 200, 1, 28, 28)
    assert found.views.dtype == torch.uint8
    assert found.outputs.shape == (4, 200, 10)
    with torch.no_grad():
        expected = net(prepare_inputs(DATA, found.views[3, 150:], DATA.input_shape))
    assert torch.allclose(found.outputs[3, 150:], expected, atol=1e-5)


def test_the_first_view_is_the_input_and_the_others_differ() -> None:
    views = make_views(DATA.train.inputs, augment=FLIP_AND_SHIFT, views=3, seed=0)
    assert torch.equal(views[0], DATA.train.inputs)
    assert not torch.equal(views[1], views[0])
    assert not torch.equal(views[1], views[2])


def test_views_follow_from_the_seed() -> None:
    once, again, other = (
        make_views(DATA.train.inputs, augment=FLIP_AND_SHIFT, views=2, seed=seed)
        for seed in (5, 5, 6)
    )
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


def test_more_views_begin_with_the_fewer() -> None:
    few, many = (
        make_views(DATA.train.inputs, augment=FLIP_AND_SHIFT, views=views, seed=0)
        for views in (2, 4)
    )
    assert torch.equal(few, many[:2])


def test_a_second_asking_runs_no_teacher(tmp_path: Path) -> None:
    net = Counting()
    first = teacher(net, tmp_path)
    assert net.asked == 800
    second = teacher(net, tmp_path)
    assert net.asked == 800
    assert torch.equal(first.outputs, second.outputs)
    assert torch.equal(first.views, second.views)


@pytest.mark.parametrize(
    "change", [{"views": 5}, {"seed": 1}, {"key": "another"}, {"data": fashion(150, 50)}]
)
def test_what_depends_on_something_else_is_asked_anew(
    tmp_path: Path, change: dict[str, object]
) -> None:
    net = Counting()
    teacher(net, tmp_path)
    asked = net.asked
    teacher(net, tmp_path, **change)  # type: ignore[arg-type]
    assert net.asked > asked
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_is_not_whole_is_made_again(tmp_path: Path) -> None:
    net = Counting()
    first = teacher(net, tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    again = teacher(net, tmp_path)
    assert net.asked == 1600
    assert torch.equal(first.outputs, again.outputs)


def test_a_teacher_of_pixels_sees_pictures_that_were_not_moved(tmp_path: Path) -> None:
    data = outlines(60, 20)
    found = teacher(steady_pixels(), tmp_path, data=data)
    assert found.outputs.shape == (4, 60, 3, 28, 28)
    assert torch.equal(found.views[3], data.train.inputs)


def test_an_augmentation_that_does_not_fit_is_said_before_the_teacher_runs(tmp_path: Path) -> None:
    net = Counting()
    with pytest.raises(SpecError, match="'augment' must return inputs like those it gets"):
        teacher(net, tmp_path, augment=lambda inputs, _: inputs[:, :, ::2])
    assert net.asked == 0


def test_outputs_of_other_views_are_refused() -> None:
    with pytest.raises(SpecError, match=r"views \[2, 3\] and outputs \[2, 4\]"):
        Teacher(torch.zeros(2, 3, 1, 5, 5), torch.zeros(2, 4, 10))
