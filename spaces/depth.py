"""Depth: whole residual blocks are dropped, and their readers read what the block read.

Networks work on without some of their residual blocks (Veit et al., "Residual networks behave like
ensembles of relatively shallow networks", 2016). Blocks that share a choice go from the last one
on (Cai et al., "Once-for-all: train one network and specialize it", 2020, section 3.2).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from tightfit import BoolArray, Choice, Hparam, IntArray
from tightfit.spaces.blocks import Block
from tightfit.spaces.settings import DepthSettings


class Depth:
    """The knob: hparams ``SITE.depth``, which count the blocks of the site that stay.

    Args:
        settings: What shares an hparam. Blocks within others stay where stages share one.
        blocks: That may be dropped, outer ones before those within them.
    """

    def __init__(self, settings: DepthSettings, blocks: Sequence[Block]) -> None:
        sites: dict[str, list[Block]] = {}
        for block in blocks:
            if settings.per == "block":
                sites[f"{block.name}.depth"] = [block]
            elif not any(block.nodes < other.nodes for other in blocks):
                sites.setdefault(f"{block.stage}.depth", []).append(block)
        self.blocks = tuple(block for members in sites.values() for block in members)
        self._sites = sites
        self.hparams: list[Hparam] = []
        for name, members in sites.items():
            hparam = Hparam(name, tuple(range(len(members), -1, -1)))
            self.hparams.append(self.conditioned(hparam, [n for b in members for n in b.layers]))

    def dropped(self, columns: Mapping[str, int], batch: IntArray) -> dict[str, BoolArray]:
        """Return by block whether each candidate drops it, ``[n]``."""
        found: dict[str, BoolArray] = {}
        for name, members in self._sites.items():
            gone = batch[:, columns[name]]  # choices fall from all blocks to none
            for position, block in enumerate(reversed(members)):
                found[block.name] = gone > position
        return found

    def chosen(self, choices: Mapping[str, Choice]) -> frozenset[str]:
        """Return the names of the blocks that are dropped."""
        stays = {name: choices[name] for name in self._sites}
        return frozenset(
            block.name
            for name, members in self._sites.items()
            for position, block in enumerate(members)
            if position >= int(stays[name])  # type: ignore[arg-type]
        )

    def conditioned(self, hparam: Hparam, layers: Collection[str]) -> Hparam:
        """Return an hparam that is active only while one of the layers it is about is there.

        It hangs on the innermost blocks that have all of them; where several sites share the
        layers it is always active. One that hangs on another hparam already is as active as that.
        """
        if hparam.active_if is not None:
            return hparam
        for site in reversed(self.hparams):
            members = self._sites[site.name]
            least = [
                next((at for at, block in enumerate(members, 1) if name in block.layers), None)
                for name in layers
            ]
            if least and None not in least:
                needed = min(at for at in least if at is not None)
                active = tuple(i for i, stay in enumerate(site.choices) if int(stay) >= needed)  # type: ignore[arg-type]
                return replace(hparam, active_if=(site.name, active))
        return hparam
