from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from tightfit import SpecError
from tightfit.objectives.data import Data, Split
from tightfit.objectives.datasets import from_objects, load_data


def pair(count: int) -> tuple[Tensor, Tensor]:
    inputs = torch.arange(count * 12).remainder(256).to(torch.uint8).view(count, 3, 2, 2)
    return inputs, torch.arange(count) % 2


def test_pairs_data_sets_and_loaders_give_the_same_data() -> None:
    sets = [TensorDataset(*pair(count)) for count in (6, 4, 2)]
    of_pairs = from_objects(pair(6), pair(4), pair(2))
    of_sets = from_objects(*sets)
    of_loaders = from_objects(*(DataLoader(each, batch_size=4) for each in sets))
    of_splits = from_objects(*(Split(*pair(count)) for count in (6, 4, 2)))
    assert of_pairs.classes == 2
    assert (
        of_pairs.fingerprint
        == of_sets.fingerprint
        == of_loaders.fingerprint
        == of_splits.fingerprint
    )


def test_arrays_of_doubles_and_small_integers_are_converted() -> None:
    arrays = (np.zeros((4, 1, 2, 2)), np.array([0, 1, 0, 1], np.uint8))
    data = from_objects(arrays, arrays)  # type: ignore[arg-type]
    assert data.train.inputs.dtype == torch.float32
    assert data.train.targets.dtype == torch.int64
    assert data.classes == 2


def test_masks_become_whole_numbers_and_have_no_classes() -> None:
    inputs, _ = pair(4)
    masks = torch.zeros(4, 2, 2, dtype=torch.uint8)
    data = from_objects((inputs, masks), (inputs, masks))
    assert data.train.targets.dtype == torch.int64
    assert data.classes is None
    flags = torch.zeros(4, 3, dtype=torch.bool)
    assert from_objects((inputs, flags), (inputs, flags)).train.targets.dtype == torch.bool


class Pictures(Dataset[tuple[object, object]]):
    """As torchvision gives them without a transform; the sizes may differ."""

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, position: int) -> tuple[object, object]:
        return Image.new("RGB", (self.sizes[position],) * 2, (position, 0, 0)), position % 2


def test_pictures_of_a_data_set_become_pixels() -> None:
    data = from_objects(Pictures(4, 4, 4), Pictures(4))
    assert data.train.inputs.dtype == torch.uint8
    assert data.train.inputs[:, 0, 0, 0].tolist() == [0, 1, 2]


class Noise(Dataset[tuple[object, object]]):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, position: int) -> tuple[object, object]:
        return torch.randn(1, 2, 2), position


def test_random_transforms_follow_the_seed_and_leave_no_trace() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    first = from_objects(Noise(), Noise(), seed=5)
    assert torch.equal(torch.rand(3), expected)
    torch.manual_seed(2)
    assert from_objects(Noise(), Noise(), seed=5).fingerprint == first.fingerprint
    assert from_objects(Noise(), Noise(), seed=6).fingerprint != first.fingerprint


def test_without_validation_a_tenth_is_held_out_by_seed() -> None:
    data = from_objects(pair(20), seed=3)
    assert (len(data.train), len(data.validation)) == (18, 2)
    assert sorted(data.validation.targets.tolist()) == [0, 1]
    assert data.test is None


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ((torch.zeros(0, 3, 2, 2), torch.zeros(0)), "needs at least one input"),
        (Pictures(), "the data set is empty"),
        (DataLoader(TensorDataset(torch.zeros(0, 3), torch.zeros(0))), "gives no batch"),
        ((torch.zeros(1), torch.zeros(1), torch.zeros(1)), "a pair is .* got 3 things"),
        (Pictures(3, 4), r"must have one shape, got \[3, 3, 3\] and \[3, 4, 4\]"),
        (TensorDataset(torch.zeros(2, 3)), r"an item must be a pair .* got tuple"),
        (iter([1]), "must be a torch Dataset with a length"),
        ((["a", "b"], torch.zeros(2)), "values must be tensors, arrays or numbers, got list"),
    ],
)
def test_a_wrong_split_is_refused_by_name(validation: object, message: str) -> None:
    with pytest.raises(SpecError, match=f"the validation split is wrong: .*{message}"):
        from_objects(pair(4), validation)  # type: ignore[arg-type]


def own(folder: Path, body: str) -> Data:
    (folder / "my_data.py").write_text(f"import torch\n{body}\n")
    return load_data("my_data:splits", root=None, seed=0, study_folder=folder)


def test_the_users_function_gives_its_splits(tmp_path: Path) -> None:
    data = own(
        tmp_path,
        "def splits():\n"
        "    make = lambda n: (torch.zeros(n, 1, 4, 4), torch.arange(n) % 2)\n"
        "    return make(6), make(4), None",
    )
    assert data.name == "my_data:splits"
    assert (len(data.train), len(data.validation), data.test) == (6, 4, None)


@pytest.mark.parametrize("draw", ["np.random.rand(4)", "[random.random() for _ in range(4)]"])
def test_what_the_users_function_draws_follows_the_seed_and_leaves_no_trace(
    tmp_path: Path, draw: str
) -> None:
    body = (
        "import random\nimport numpy as np\n"
        "def splits():\n"
        f"    inputs = torch.tensor({draw}).reshape(4, 1, 1, 1)\n"
        "    return (inputs, torch.arange(4)), (inputs, torch.arange(4)), None"
    )
    random.seed(1)
    np.random.seed(1)
    expected = random.random(), np.random.rand()
    found = set()
    for before in (1, 2):
        random.seed(before)
        np.random.seed(before)
        found.add(own(tmp_path, body).fingerprint)
        after = random.random(), np.random.rand()
        assert (after == expected) == (before == 1)
    assert len(found) == 1


def test_the_users_function_may_give_a_whole_data_set(tmp_path: Path) -> None:
    data = own(
        tmp_path,
        "from tightfit.objectives.datasets import from_objects\n"
        "def splits():\n"
        "    pair = torch.zeros(4, 1, 4, 4), torch.arange(4) % 2\n"
        "    return from_objects(pair, pair, mean=[0.1], std=[0.2], class_names=['a', 'b'])",
    )
    assert data.mean == (0.1,)
    assert data.class_names == ("a", "b")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("splits = 3", "must be a function, got int"),
        ("def splits(): return 1 / 0", "failed: ZeroDivisionError"),
        ("def splits(): return torch.zeros(3)", "must return .* got Tensor"),
        ("def splits(): return 1, 2", "must return .* got tuple"),
        ("def splits(): return None, None, None", "must return a training split, got None"),
        ("def other(): pass", "has no 'splits'"),
    ],
)
def test_a_wrong_function_is_reported(tmp_path: Path, body: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        own(tmp_path, body)
