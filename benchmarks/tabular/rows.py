"""The rows of the tabular benchmark: one training each."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

TABLE = Path(__file__).with_name("table.csv")


@dataclass(frozen=True, slots=True)
class Row:
    """One training.

    Attributes:
        candidate: The numbers of its choices, separated by spaces.
        seed: Of the training.
        accuracy: Of its file, on the 3,000 pictures of the validation and the test split.
        quarter: The same of the network in floats, after a quarter of its steps.
        half: After half of them.
        size_kb: Of its file.
        macs: Of the network.
        ram_kb: That it needs.
        seconds: Of processor time for the training, the two scores on its way not counted.
    """

    candidate: str
    seed: int
    accuracy: float
    quarter: float
    half: float
    size_kb: float
    macs: float
    ram_kb: float
    seconds: float

    @property
    def key(self) -> tuple[str, int]:
        """What no other row has."""
        return self.candidate, self.seed

    @property
    def indices(self) -> tuple[int, ...]:
        """The numbers of the candidate's choices."""
        return tuple(map(int, self.candidate.split()))


def candidate_text(indices: Iterable[int]) -> str:
    """Return the numbers of a candidate's choices as the table has them."""
    return " ".join(map(str, indices))


def read_rows(path: Path = TABLE) -> list[Row]:
    """Return the rows of a table; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [
            Row(
                line.pop("candidate"),
                int(line.pop("seed")),
                **{name: float(value) for name, value in line.items()},
            )
            for line in csv.DictReader(file)
        ]


def noise(rows: Iterable[Row]) -> float:
    """Return the standard deviation of a candidate's accuracy over seeds, pooled.

    Raises:
        ValueError: No candidate was trained with more than one seed.
    """
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(row.candidate, []).append(row.accuracy)
    variances = [np.var(values, ddof=1) for values in groups.values() if len(values) > 1]
    if not variances:
        raise ValueError("no candidate of the table was trained with more than one seed")
    return math.sqrt(float(np.mean(variances)))
