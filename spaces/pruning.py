"""Structured pruning: whole channels are removed, in every layer that they hang together with."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from tightfit import Choice, Hparam, IntArray
from tightfit.choice_array import pick
from tightfit.spaces.importance import magnitude
from tightfit.spaces.settings import PruningSettings
from tightfit.spaces.sites import Sites, grouped
from tightfit.spaces.ties import Ties

NARROW, NARROW_ALIGN = 32, 4


class Pruning:
    """The knob: hparams ``SITE.pruning_ratio``, widths, and the channels that stay."""

    def __init__(
        self, settings: PruningSettings, sites: Sites, tensors: Mapping[str, Tensor], ties: Ties
    ) -> None:
        self._groups = {group.name: group for group in sites.groups}
        self._align = settings.align
        self._site_of: dict[str, str] = {}
        self.hparams: list[Hparam] = []
        for site, names in grouped(sites.groups, settings.per).items():
            ratios = self._ratios(settings.ratios, names)
            if any(
                self.width(name, ratio) < self._groups[name].width
                for name in names
                for ratio in ratios
            ):
                self.hparams.append(Hparam(f"{site}.pruning_ratio", ratios))
                self._site_of.update(dict.fromkeys(names, f"{site}.pruning_ratio"))
        weight = {layer.name: layer.node.parameters["weight"] for layer in sites.layers}
        self._order = {
            name: torch.argsort(
                magnitude(
                    group.dim,
                    dict.fromkeys(weight[each] for each in (*group.producers, *group.consumers)),
                    tensors,
                    ties,
                ),
                descending=True,
                stable=True,
            )
            for name, group in self._groups.items()
            if name in self._site_of
        }

    def width(self, group: str, ratio: float) -> int:
        """Return how many channels of a group stay at a ratio."""
        members, width = self._groups[group], self._groups[group].width
        align = NARROW_ALIGN if width * members.multiplicity <= NARROW else self._align
        # Heads of 64 channels are multiples of 8 by themselves.
        align //= math.gcd(align, members.multiplicity)
        if ratio == 0 or width < align:
            return width
        return min(width, max(align, round((1 - ratio) * width / align) * align))

    def widths(self, columns: Mapping[str, int], batch: IntArray) -> dict[int, IntArray]:
        """Return by number of a group its width in each candidate of a batch, ``[n]``."""
        by_name = {hparam.name: hparam for hparam in self.hparams}
        found = {}
        for name, site in self._site_of.items():
            table = np.array([self.width(name, float(r)) for r in by_name[site].choices])  # type: ignore[arg-type]
            found[self._groups[name].dim.number] = pick(table, batch[:, columns[site]])
        return found

    def kept(self, choices: Mapping[str, Choice]) -> dict[int, Tensor]:
        """Return by number of a group the channels that stay, in order."""
        kept = {}
        for name, site in self._site_of.items():
            ratio = choices[site]
            assert isinstance(ratio, float)
            group = self._groups[name]
            stays = self._order[name][: self.width(name, ratio)]
            kept[group.dim.number] = stays.sort().values
        return kept

    def _ratios(self, ratios: tuple[float, ...], names: list[str]) -> tuple[float, ...]:
        """Leave out ratios that would leave every group as wide as another ratio does."""
        seen: dict[tuple[int, ...], float] = {}
        for ratio in sorted({0.0, *ratios} if 0 in ratios else set(ratios)):
            seen.setdefault(tuple(self.width(name, ratio) for name in names), float(ratio))
        return tuple(seen.values())
