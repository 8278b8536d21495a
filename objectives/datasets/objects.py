"""Data sets that are there as objects: tensors, torch data sets and loaders of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import pil_to_tensor

from tightfit import SpecError
from tightfit.objectives.data import Data, Split, make_data
from tightfit.objectives.datasets.splitting import VALIDATION_SHARE, hold_out
from tightfit.objectives.seeding import seeded
from tightfit.objectives.user_code import load_object

Source: TypeAlias = Split | tuple[Tensor, Tensor] | Dataset[Any] | DataLoader[Any]
"""What a split may be given as. Pairs of data sets and batches of loaders are (inputs, targets)."""


def from_objects(
    train: Source,
    validation: Source | None = None,
    test: Source | None = None,
    *,
    name: str = "objects",
    seed: int = 0,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    class_names: Sequence[str] | None = None,
) -> Data:
    """Return a data set of live objects, read once into memory.

    Transforms of a data set are applied once; what is random in them through torch is seeded.
    uint8 inputs are pixels, standardized by the training split's statistics where none are given;
    floats are taken as they come. Without ``validation`` a tenth of ``train`` is held out by seed.

    Raises:
        SpecError: Nothing in a split, pictures of several shapes, a thing that is no data set.
    """
    read = {
        part: _split(part, source, seed=seed)
        for part, source in (("train", train), ("validation", validation), ("test", test))
        if source is not None
    }
    if "validation" not in read:
        read["train"], read["validation"] = hold_out(
            read["train"], share=VALIDATION_SHARE, seed=seed
        )
    return make_data(
        name,
        train=read["train"],
        validation=read["validation"],
        test=read.get("test"),
        mean=mean,
        std=std,
        class_names=class_names,
    )


def load_from_user_code(name: str, *, folder: Path, seed: int) -> Data:
    """Return what the user's own function ``module:function`` gives.

    It takes no arguments and returns ``(train, validation, test)``, each as for
    :func:`from_objects`, or a :class:`Data`.

    Raises:
        SpecError: No such function, it fails, or it returns something else.
    """
    function = load_object(name, folder=folder)
    if not callable(function):
        raise SpecError(f"the data {name!r} must be a function, got {type(function).__name__}")
    try:
        with seeded(seed):
            returned = cast(Callable[[], object], function)()
    except Exception as error:
        raise SpecError(f"the data {name!r} failed: {type(error).__name__}: {error}") from error
    if isinstance(returned, Data):
        return returned
    if not isinstance(returned, tuple | list) or len(returned) != 3:
        raise SpecError(
            f"the data {name!r} must return (train, validation, test), test may be None, "
            f"got {type(returned).__name__}"
        )
    train, validation, test = returned
    if train is None:
        raise SpecError(f"the data {name!r} must return a training split, got None")
    return from_objects(train, validation, test, name=name, seed=seed)


def _split(part: str, source: Source, *, seed: int) -> Split:
    try:
        if isinstance(source, Split):
            return source
        with seeded(seed):
            inputs, targets = _tensors(part, source)
        return Split(_as_inputs(inputs), _as_targets(targets))
    except SpecError as error:
        raise SpecError(f"the {part} split is wrong: {error}") from error


def _tensors(part: str, source: Source) -> tuple[Tensor, Tensor]:
    if isinstance(source, tuple | list):
        if len(source) != 2:
            raise SpecError(f"a pair is (inputs, targets), got {len(source)} things")
        return _stacked(source[0]), _stacked(source[1])
    if isinstance(source, DataLoader):
        batches = [_pair(batch) for batch in source]
        if not batches:
            raise SpecError("the loader gives no batch")
        return (
            _joined([_stacked(inputs) for inputs, _ in batches]),
            _joined([_stacked(targets) for _, targets in batches]),
        )
    if not (hasattr(source, "__getitem__") and hasattr(source, "__len__")):
        raise SpecError(
            f"{part} must be a torch Dataset with a length, a pair (inputs, targets) of tensors or "
            f"a DataLoader, got {type(source).__name__}"
        )
    sequence = cast(Sequence[object], source)
    # Data sets need not stop at their end by themselves, so the length says where it is.
    items = [_pair(sequence[position]) for position in range(len(sequence))]
    if not items:
        raise SpecError("the data set is empty")
    return (
        _together([_value(inputs) for inputs, _ in items]),
        _together([_value(targets) for _, targets in items]),
    )


def _pair(item: object) -> tuple[object, object]:
    if not isinstance(item, tuple | list) or len(item) != 2:
        raise SpecError(f"an item must be a pair (input, target), got {type(item).__name__}")
    return item[0], item[1]


def _value(thing: object) -> Tensor:
    """Return one picture or target as a tensor."""
    if isinstance(thing, Image.Image):
        pixels: Tensor = pil_to_tensor(thing)
        return pixels
    return _stacked(thing)


def _stacked(things: object) -> Tensor:
    if isinstance(things, Tensor):
        return things.detach().cpu()
    try:
        return torch.from_numpy(np.array(things))
    except (TypeError, ValueError) as error:
        raise SpecError(
            f"values must be tensors, arrays or numbers, got {type(things).__name__}"
        ) from error


def _together(values: list[Tensor]) -> Tensor:
    _check_same_shape(values, skip=0)
    return torch.stack(values)


def _joined(batches: list[Tensor]) -> Tensor:
    _check_same_shape(batches, skip=1)
    return torch.cat(batches)


def _check_same_shape(values: list[Tensor], *, skip: int) -> None:
    shapes = sorted({tuple(value.shape[skip:]) for value in values})
    if len(shapes) > 1:
        raise SpecError(
            "all inputs, and all targets, must have one shape, got "
            + " and ".join(str(list(shape)) for shape in shapes[:3])
        )


def _as_inputs(values: Tensor) -> Tensor:
    return values.float() if values.is_floating_point() else values


def _as_targets(values: Tensor) -> Tensor:
    """Whole numbers become int64, as classes are, and fractions float32; booleans stay."""
    if values.is_floating_point():
        return values.float()
    return values if values.dtype == torch.bool else values.long()
