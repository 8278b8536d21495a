"""A data set in memory: what training, calibration and scoring read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tightfit import SpecError

_CHUNK = 4096


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One part of a data set.

    Attributes:
        inputs: Pixels 0..255 as uint8, or anything as float32, ``[N, C, ...]``; pictures are
            ``[N, C, H, W]``.
        targets: Classes as int64 ``[N]``, or anything else ``[N, ...]``.

    Raises:
        SpecError: No inputs, other dtypes, more or fewer targets than inputs, values that are not
            finite.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if self.inputs.dim() < 2 or self.targets.dim() < 1:
            raise SpecError(
                "inputs must have the shape [N, C, H, W] and targets [N, ...], "
                f"got {list(self.inputs.shape)} and {list(self.targets.shape)}"
            )
        if len(self.inputs) != len(self.targets):
            raise SpecError(
                f"every input needs one target, got {len(self.inputs)} inputs "
                f"and {len(self.targets)} targets"
            )
        if self.inputs.numel() == 0:
            raise SpecError(
                "a split needs at least one input with at least one value, "
                f"got inputs of shape {list(self.inputs.shape)}"
            )
        if self.inputs.dtype not in (torch.uint8, torch.float32):
            raise SpecError(
                f"inputs must be uint8 pixels (0..255) or float32, got {self.inputs.dtype}"
            )
        for what, values in (("inputs", self.inputs), ("targets", self.targets)):
            if values.is_floating_point() and not bool(torch.isfinite(values).all()):
                raise SpecError(f"{what} must be finite, got NaN or infinite values")

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def holds_classes(self) -> bool:
        """Whether the targets are numbers of classes: int64 ``[N]``."""
        return self.targets.dtype == torch.int64 and self.targets.dim() == 1

    def take(self, index: Tensor) -> Split:
        """Return the pictures at the positions ``index`` ``[n]``, in that order."""
        return Split(self.inputs[index], self.targets[index])


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """A whole data set with fixed splits. Made by :func:`make_data`.

    Attributes:
        name: For people.
        train: What networks are trained on.
        validation: What candidates are scored on during the search.
        test: What exported members are scored on, once; ``None`` when there is none.
        mean, std: Per channel, for pixels scaled to 0..1 (uint8) or for the inputs as given
            (float32).
        class_names: Of classes 0, 1, ... where they are known.
        fingerprint: Digest of all contents, equal on every machine.

    Raises:
        SpecError: Splits of other shapes or kinds, statistics that do not fit the channels, a
            target that names no class.
    """

    name: str
    train: Split
    validation: Split
    test: Split | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...] | None
    fingerprint: str

    def __post_init__(self) -> None:
        for part, split in self.splits().items():
            self._check_against_training(part, split)
            if split.holds_classes:
                self._check_classes(part, split)
        channels = self.train.inputs.shape[1]
        if len(self.mean) != channels or len(self.std) != channels:
            raise SpecError(
                f"mean and std of {self.name!r} need one value for each of {channels} channels, "
                f"got {len(self.mean)} and {len(self.std)}"
            )
        if not all(value > 0 for value in self.std):
            raise SpecError(f"std of {self.name!r} must be positive, got {list(self.std)}")

    def _check_against_training(self, part: str, split: Split) -> None:
        for what, first, other in (
            ("inputs", self.train.inputs, split.inputs),
            ("targets", self.train.targets, split.targets),
        ):
            if (first.shape[1:], first.dtype) != (other.shape[1:], other.dtype):
                raise SpecError(
                    f"the {part} split of {self.name!r} must have {what} like the training split, "
                    f"{list(first.shape[1:])} of {first.dtype}, "
                    f"got {list(other.shape[1:])} of {other.dtype}"
                )

    def _check_classes(self, part: str, split: Split) -> None:
        low, high = int(split.targets.min()), int(split.targets.max())
        limit = len(self.class_names) if self.class_names is not None else high + 1
        if low < 0 or high >= limit:
            raise SpecError(
                f"classes in the {part} split of {self.name!r} must lie in 0..{limit - 1}, "
                f"got {low}..{high}"
            )

    def splits(self) -> dict[str, Split]:
        """Return the splits that there are by name: train, validation, test."""
        known = {"train": self.train, "validation": self.validation}
        return known if self.test is None else {**known, "test": self.test}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Of one input, without the batch axis; ``(C, H, W)`` for pictures."""
        return tuple(self.train.inputs.shape[1:])

    @property
    def classes(self) -> int | None:
        """How many classes there are; ``None`` when the targets are not classes."""
        if not self.train.holds_classes:
            return None
        if self.class_names is not None:
            return len(self.class_names)
        return 1 + max(int(split.targets.max()) for split in self.splits().values())

    def normalize(self, inputs: Tensor) -> Tensor:
        """Return inputs ``[n, C, ...]`` as a network reads them: float32, standardized.

        uint8 becomes ``(x / 255 - mean) / std``, float32 becomes ``(x - mean) / std``.
        """
        shape = (1, -1) + (1,) * (inputs.dim() - 2)
        mean = torch.tensor(self.mean, device=inputs.device).view(shape)
        std = torch.tensor(self.std, device=inputs.device).view(shape)
        if inputs.dtype == torch.uint8:
            return (inputs.float() - 255 * mean) / (255 * std)
        return (inputs - mean) / std


def make_data(
    name: str,
    *,
    train: Split,
    validation: Split,
    test: Split | None,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    class_names: Sequence[str] | None = None,
) -> Data:
    """Return a data set with its fingerprint.

    Where ``mean`` and ``std`` are not given, those of the training split's pixels are taken;
    float32 inputs are then taken as standardized already (mean 0, std 1).

    Raises:
        SpecError: As for :class:`Data`; only one of ``mean`` and ``std`` is given.
    """
    if (mean is None) != (std is None):
        raise SpecError(f"{name!r} needs both mean and std, or neither of them")
    if mean is None or std is None:
        mean, std = _statistics(train.inputs)
    data = Data(
        name=name,
        train=train,
        validation=validation,
        test=test,
        mean=tuple(float(value) for value in mean),
        std=tuple(float(value) for value in std),
        class_names=None if class_names is None else tuple(class_names),
        fingerprint="",
    )
    object.__setattr__(data, "fingerprint", _fingerprint(data))
    return data


def _statistics(inputs: Tensor) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of each channel of ``inputs`` ``[N, C, ...]``."""
    channels = inputs.shape[1]
    if inputs.dtype != torch.uint8:
        return [0.0] * channels, [1.0] * channels
    count = inputs.numel() // channels
    total = torch.zeros(channels, dtype=torch.float64)
    squares = torch.zeros(channels, dtype=torch.float64)
    for chunk in torch.split(inputs, _CHUNK):
        scaled = chunk.transpose(0, 1).reshape(channels, -1).double() / 255
        total += scaled.sum(1)
        squares += scaled.square().sum(1)
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    # A channel that never changes has nothing to be scaled.
    std[std < 1e-6] = 1.0
    return mean.tolist(), std.tolist()


def _fingerprint(data: Data) -> str:
    """Return 16 hexadecimal digits over every value, shape and statistic."""
    digest = hashlib.sha256(repr((data.mean, data.std, data.class_names)).encode())
    for part, split in data.splits().items():
        for values in (split.inputs, split.targets):
            digest.update(f"{part}{values.dtype}{list(values.shape)}".encode())
            digest.update(values.contiguous().cpu().numpy().data)
    return digest.hexdigest()[:16]
