"""Weights of one candidate for another: what is the same channel of the baseline is taken over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import torch
from torch import Tensor

from tightfit.spaces.axes import Axis
from tightfit.spaces.ties import changes, positions

Kept: TypeAlias = Mapping[int, Tensor]
"""By number of a dim, its positions that stay."""


def inherited(
    own: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    axes: Mapping[str, tuple[Axis | None, ...]],
    *,
    kept: Kept,
    given_kept: Kept,
) -> dict[str, Tensor]:
    """Return tensors with a donor's values at every position that the donor has as well.

    Args:
        own: By name; left as they are.
        given: The donor's, by the same names.
        axes: By name, what the axes of a tensor are about. ``None`` is the rank of a factor, whose
            first places mean the same at every rank; trailing axes that are not named are alike.
            What is not named here is not taken over.
        kept: Which positions of the baseline the tensors have.
        given_kept: The same for the donor's.
    """
    result = dict(own)
    for name in axes.keys() & own.keys() & given.keys():
        mine, theirs = own[name], given[name]
        places = _places(mine, theirs, axes[name], kept, given_kept)
        if places is None:
            continue
        values, index = theirs, []
        for number, (here, there) in enumerate(places):
            values = values.index_select(number, there)
            index.append(here.reshape(-1, *[1] * (mine.dim() - number - 1)))
        result[name] = mine.clone()
        result[name][tuple(index)] = values.to(mine.dtype)
    return result


def _places(
    mine: Tensor, theirs: Tensor, axes: tuple[Axis | None, ...], kept: Kept, given_kept: Kept
) -> list[tuple[Tensor, Tensor]] | None:
    """Return along each axis where what both have lies in each; ``None`` where they do not fit."""
    if mine.dim() != theirs.dim():
        return None
    found = []
    for number, (size, given_size) in enumerate(zip(mine.shape, theirs.shape, strict=True)):
        axis = axes[number] if number < len(axes) else None
        if axis is None or not changes(axis, kept):
            shared = torch.arange(min(size, given_size))
            if axis is not None and size != given_size:
                return None
            found.append((shared, shared))
            continue
        here, there = positions(axis, kept), positions(axis, given_kept)
        found.append((_members(here, there), _members(there, here)))
    return found


def _members(some: Tensor, others: Tensor) -> Tensor:
    """Return where in ``some`` those stand that are in ``others`` as well."""
    return torch.isin(some, others).nonzero()[:, 0]
