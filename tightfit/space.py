"""The hparams of a study together: candidates as integer arrays, and back."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tightfit.candidate import Candidate
from tightfit.errors import SpecError
from tightfit.hparam import Choice, Hparam

IntArray: TypeAlias = npt.NDArray[np.int64]
FloatArray: TypeAlias = npt.NDArray[np.float64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Everything that may be chosen. A batch of candidates is an integer array ``[n, hparams]``.

    An hparam must stand behind the one its activity depends on.

    Raises:
        SpecError: Two hparams of one name, or an activity that depends on an unknown or later one,
            or on a choice that it does not have.
    """

    hparams: tuple[Hparam, ...]
    _column: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        column: dict[str, int] = {}
        for position, hparam in enumerate(self.hparams):
            if hparam.name in column:
                raise SpecError(f"two hparams are named {hparam.name!r}; names must differ")
            if hparam.active_if is not None:
                self._check_condition(hparam.name, *hparam.active_if, column)
            column[hparam.name] = position
        object.__setattr__(self, "_column", column)

    def _check_condition(
        self, name: str, other: str, indices: tuple[int, ...], before: Mapping[str, int]
    ) -> None:
        """Check that an hparam's activity depends on choices of another one before it."""
        if other not in before:
            raise SpecError(f"{name!r} depends on {other!r}, which must stand before it")
        last = len(self.hparams[before[other]].choices) - 1
        for index in indices:
            if not 0 <= index <= last:
                raise SpecError(
                    f"{name!r} depends on choice {index} of {other!r}, whose choices have the "
                    f"indices 0..{last}"
                )

    def __len__(self) -> int:
        return len(self.hparams)

    @property
    def size(self) -> int:
        """How many combinations of choices there are, inactive ones counted apart."""
        product = 1
        for hparam in self.hparams:
            product *= len(hparam.choices)
        return product

    @property
    def choice_counts(self) -> IntArray:
        """How many choices each hparam has, ``[hparams]``."""
        return np.array([len(hparam.choices) for hparam in self.hparams], dtype=np.int64)

    def column(self, name: str) -> int:
        """Return the position of the hparam ``name`` in a batch's second axis.

        Raises:
            SpecError: No hparam has that name; the message gives the nearest one.
        """
        try:
            return self._column[name]
        except KeyError:
            near = difflib.get_close_matches(name, self._column, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SpecError(f"the space has no hparam {name!r}{hint}") from None

    def canonical(self, batch: IntArray) -> IntArray:
        """Return ``batch`` ``[n, hparams]`` with every inactive hparam at its first choice.

        What depends on an inactive hparam is inactive as well.
        """
        result = np.array(batch, dtype=np.int64)
        for name, off in self._inactive(result).items():
            result[off, self._column[name]] = 0
        return result

    def active_choices(self, candidate: Candidate) -> dict[str, Choice]:
        """Return the chosen value by name of every hparam that matters to a candidate."""
        inactive = self._inactive(self.batch([candidate]))
        return {
            name: choice
            for name, choice in self.choices(candidate).items()
            if name not in inactive or not inactive[name][0]
        }

    def _inactive(self, batch: IntArray) -> dict[str, BoolArray]:
        """Return by name of an hparam with a condition where it is inactive, ``[n]``."""
        found: dict[str, BoolArray] = {}
        for hparam in self.hparams:
            if hparam.active_if is not None:
                name, indices = hparam.active_if
                column = self._column[name]
                off = np.ones(len(self.hparams[column].choices), dtype=np.bool_)
                off[list(indices)] = False
                gone = off[batch[:, column]]
                found[hparam.name] = gone | found[name] if name in found else gone
        return found

    def baseline(self) -> Candidate:
        """Return the candidate that changes nothing."""
        return Candidate((0,) * len(self.hparams))

    def candidate(self, indices: IntArray | tuple[int, ...]) -> Candidate:
        """Return the canonical candidate of one row of choice indices ``[hparams]``.

        Raises:
            SpecError: The row is too long or short, or an index is out of its range.
        """
        row = np.asarray(indices, dtype=np.int64)
        if row.shape != (len(self.hparams),):
            raise SpecError(f"a candidate has {len(self.hparams)} indices, got {row.size}")
        outside = np.flatnonzero((row < 0) | (row >= self.choice_counts))
        if outside.size:
            hparam = self.hparams[outside[0]]
            raise SpecError(
                f"the index of {hparam.name!r} must lie in 0..{len(hparam.choices) - 1}, "
                f"got {row[outside[0]]}"
            )
        return Candidate(tuple(int(index) for index in self.canonical(row[None])[0]))

    def from_choices(self, choices: Mapping[str, Choice]) -> Candidate:
        """Return the candidate with these choices, every other hparam at its first.

        Raises:
            SpecError: An unknown hparam, or a value that is not among its choices.
        """
        row = np.zeros(len(self.hparams), dtype=np.int64)
        for name, value in choices.items():
            position = self.column(name)
            known = self.hparams[position].choices
            if value not in known:
                raise SpecError(f"{name!r} must be one of {list(known)}, got {value!r}")
            row[position] = known.index(value)
        return self.candidate(row)

    def choices(self, candidate: Candidate) -> dict[str, Choice]:
        """Return the chosen value of every hparam by name."""
        return {
            hparam.name: hparam.choices[index]
            for hparam, index in zip(self.hparams, candidate.indices, strict=True)
        }

    def batch(self, candidates: list[Candidate]) -> IntArray:
        """Return candidates as one integer array ``[n, hparams]``."""
        rows = [candidate.indices for candidate in candidates]
        return np.array(rows, dtype=np.int64).reshape(len(candidates), len(self.hparams))

    def random(self, n: int, rng: np.random.Generator) -> IntArray:
        """Draw ``n`` candidates uniformly over the choices of each hparam, ``[n, hparams]``."""
        return self.canonical(rng.integers(0, self.choice_counts, size=(n, len(self.hparams))))
