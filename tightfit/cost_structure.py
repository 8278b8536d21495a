"""How a cost is made of choices: what an exact minimization over a whole space needs to know."""

from __future__ import annotations

from dataclasses import dataclass

from tightfit.choice_array import ChoiceArray


@dataclass(frozen=True, slots=True, eq=False)
class Total:
    """The sum of parts, or the largest of them and 0. Two metrics can be made of one total.

    Attributes:
        parts: Each depends on a few choices.
        largest: Whether the largest part counts, and not their sum.
    """

    parts: tuple[ChoiceArray, ...]
    largest: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class LinearCase:
    """Where a metric is a weighted sum of totals, and its weights.

    Attributes:
        weights: Of each total, in the metric's unit for one of the total's.
        offset: Added to it, in the metric's unit.
        within: Totals with the least and the largest value for which this holds.
    """

    weights: tuple[tuple[Total, float], ...]
    offset: float = 0.0
    within: tuple[tuple[Total, float, float], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class CostStructure:
    """A metric of every candidate of a space.

    Attributes:
        metric: Its name.
        cases: For each candidate exactly one of them holds.
    """

    metric: str
    cases: tuple[LinearCase, ...]
