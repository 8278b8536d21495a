"""What the search proposes: one choice for every hparam."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Candidate:
    """The index of the choice made for every hparam of a space, in the space's order.

    Made by :meth:`tightfit.SearchSpace.candidate`, which puts inactive hparams at their canonical
    choice, so that two candidates that mean the same network are equal.
    """

    indices: tuple[int, ...]

    @property
    def key(self) -> str:
        """A digest of twelve hexadecimal digits, equal in every process and on every machine."""
        text = ",".join(str(index) for index in self.indices)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
