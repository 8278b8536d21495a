"""What a network learns from, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from tightfit.objectives.augmentation import Augment, apply, suited
from tightfit.objectives.data import Data
from tightfit.objectives.devices import Precision
from tightfit.objectives.portion import balanced_order
from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.teacher import Teacher


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's material, on the device.

    Attributes:
        inputs: Normalized and of the network's size, ``[n, *input_shape]``.
        targets: ``[n, ...]``.
        teacher: The teacher's outputs for the same views, ``[n, ...]``, when there is a teacher.
    """

    inputs: Tensor
    targets: Tensor
    teacher: Tensor | None


class Batches:
    """Draws from the training split, in an order and in views that follow from a seed.

    With a teacher the views are its own, one of them drawn for each input; else every batch is
    augmented anew. Inputs beyond the last whole batch of an epoch are left out; which ones they are
    changes from epoch to epoch.

    Args:
        data: Its training split is learned from.
        augment: Used where there is no teacher.
        teacher: When the training distils.
        precision: Where the batches are wanted.
        input_shape: What the network wants, without the batch axis.
        size: Inputs of a batch; all of them when there are fewer.
        seed: Of order, views and augmentation.
    """

    def __init__(
        self,
        data: Data,
        *,
        augment: Augment,
        teacher: Teacher | None,
        precision: Precision,
        input_shape: tuple[int, ...],
        size: int,
        seed: int,
    ) -> None:
        self._data = data
        self._augment = suited(augment, data.train)
        self._teacher = teacher
        self._precision = precision
        self._input_shape = input_shape
        self._size = min(size, len(data.train))
        self._generator = torch.Generator().manual_seed(seed)
        self._balanced: Tensor | None = None

    def __len__(self) -> int:
        """How many batches an epoch has."""
        return len(self._data.train) // self._size

    def epoch(self, share: float = 1.0) -> Iterator[Batch]:
        """Yield every input's batch once, in a new order.

        Args:
            share: Of the inputs, each class giving its own: the same ones every time, those of a
                smaller share among them, and one batch at least.
        """
        for chosen in self._order() if share == 1 else self._order_of_few(share):
            targets = self._data.train.targets[chosen].to(self._precision.device)
            inputs, outputs = self._views(chosen)
            yield Batch(self._prepared(inputs), targets, outputs)

    def unchanged(self, count: int) -> Iterator[Tensor]:
        """Yield up to ``count`` batches of inputs that are not augmented, to calibrate with."""
        for chosen in self._order()[:count]:
            yield self._prepared(self._data.train.inputs[chosen])

    def _order(self) -> tuple[Tensor, ...]:
        order = torch.randperm(len(self._data.train), generator=self._generator)
        return torch.split(order[: len(self) * self._size], self._size)

    def _order_of_few(self, share: float) -> tuple[Tensor, ...]:
        if self._balanced is None:
            self._balanced = balanced_order(self._data.train)
        few = self._balanced[: max(self._size, round(share * len(self._balanced)))]
        order = few[torch.randperm(len(few), generator=self._generator)]
        return torch.split(order[: len(few) // self._size * self._size], self._size)

    def _views(self, chosen: Tensor) -> tuple[Tensor, Tensor | None]:
        if self._teacher is None:
            inputs = self._data.train.inputs[chosen]
            return apply(self._augment, inputs, self._generator), None
        views, count = self._teacher.views, len(chosen)
        view = torch.randint(len(views), (count,), generator=self._generator)
        outputs = self._teacher.outputs[view, chosen]
        return views[view, chosen], outputs.to(self._precision.device)

    def _prepared(self, inputs: Tensor) -> Tensor:
        # Pixels go to the device as bytes; they become numbers there.
        inputs = inputs.to(self._precision.device)
        return self._precision.inputs(prepare_inputs(self._data, inputs, self._input_shape))
