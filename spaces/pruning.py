"""Structured pruning: whole channels are removed, in every layer that they hang together with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from tightfit import Choice, Hparam, IntArray
from tightfit.choice_array import pick
from tightfit.spaces.alignment import steps
from tightfit.spaces.importance import Importance
from tightfit.spaces.settings import PruningSettings
from tightfit.spaces.sites import Sites, grouped
from tightfit.spaces.ties import Ties

CRITERION = "pruning.criterion"


class Pruning:
    """The knob: hparams ``SITE.pruning_ratio``, widths, and the channels that stay.

    Attributes:
        hparams: The ratios.
        criterion: Which channels stay, where a study has several criteria.

    Raises:
        SpecError: A criterion that this network has nothing for.
    """

    def __init__(
        self, settings: PruningSettings, sites: Sites, ties: Ties, importance: Importance
    ) -> None:
        self._importance = importance
        self._criteria = settings.criteria
        for criterion in settings.criteria:
            importance.check(criterion)
        self._groups = {group.name: group for group in sites.groups}
        self._steps = steps(sites, ties, settings.align)
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
        self.criterion: list[Hparam] = []
        if self.hparams and len(settings.criteria) > 1:
            self.criterion.append(Hparam(CRITERION, settings.criteria, self._prunes()))

    def width(self, group: str, ratio: float) -> int:
        """Return how many channels of a group stay at a ratio.

        In a site of several groups, those that are too narrow for the site's ratio keep as few as
        they may.
        """
        width, step = self._groups[group].width, self._steps[group]
        if ratio == 0 or width < step:
            return width
        return min(width, max(step, round((1 - ratio) * width / step) * step))

    def _reaches(self, group: str, ratio: float) -> bool:
        """Whether a ratio leaves a group at least as many channels as they are counted by."""
        width, step = self._groups[group].width, self._steps[group]
        return ratio == 0 or round((1 - ratio) * width / step) >= 1

    def widths(self, columns: Mapping[str, int], batch: IntArray) -> dict[int, IntArray]:
        """Return by number of a group its width in each candidate of a batch, ``[n]``."""
        by_name = {hparam.name: hparam for hparam in self.hparams}
        found = {}
        for name, site in self._site_of.items():
            table = np.array([self.width(name, float(r)) for r in by_name[site].choices])  # type: ignore[arg-type]
            found[self._groups[name].dim.number] = pick(table, batch[:, columns[site]])
        return found

    def layers_of(self, hparam: str) -> list[str]:
        """Return the layers that give or read the channels that an hparam is about."""
        groups = [self._groups[name] for name, site in self._site_of.items() if site == hparam]
        return [name for group in groups for name in (*group.producers, *group.consumers)]

    def kept(self, choices: Mapping[str, Choice]) -> dict[int, Tensor]:
        """Return by number of a group the channels that stay, in order.

        Raises:
            SpecError: The criterion looks at pictures, and there are none.
        """
        criterion = str(choices.get(CRITERION, self._criteria[0]))
        kept = {}
        for name, count in self._counts(choices).items():
            group = self._groups[name]
            if count == group.width:
                stays = torch.arange(count)
            else:
                stays = self._importance.order(criterion, group)[:count].sort().values
            kept[group.dim.number] = stays
        return kept

    def first(self, choices: Mapping[str, Choice]) -> dict[int, Tensor]:
        """Return as many channels of each group as stay, the first ones: for shapes alone."""
        return {
            self._groups[name].dim.number: torch.arange(count)
            for name, count in self._counts(choices).items()
        }

    def _counts(self, choices: Mapping[str, Choice]) -> dict[str, int]:
        """Return by group how many channels stay."""
        found = {}
        for name, site in self._site_of.items():
            ratio = choices[site]
            assert isinstance(ratio, float)
            found[name] = self.width(name, ratio)
        return found

    def _prunes(self) -> tuple[str, tuple[int, ...]] | None:
        """Return when the criterion matters: where one ratio is for all, when it prunes at all."""
        if len(self.hparams) > 1:
            return None
        ratios = self.hparams[0].choices
        return self.hparams[0].name, tuple(i for i, ratio in enumerate(ratios) if ratio)

    def _ratios(self, ratios: tuple[float, ...], names: list[str]) -> tuple[float, ...]:
        """Leave out ratios that no group reaches, or that give the widths of a milder one."""
        seen: dict[tuple[int, ...], float] = {}
        for ratio in sorted(set(ratios)):
            if not any(self._reaches(name, ratio) for name in names):
                continue
            seen.setdefault(tuple(self.width(name, ratio) for name in names), float(ratio))
        return tuple(seen.values())
