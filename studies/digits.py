"""How many digits of a number are printed, and which of two numbers its digits show as larger."""

from __future__ import annotations

from dataclasses import dataclass, replace

LARGE_COUNT = 10_000
"""From where on a number without a unit is read in thousands, millions and so on."""
SUFFIXES = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))
"""Of such a number, by what it is divided by."""

SIGNIFICANT = 3
MOST_DECIMALS = 6
_MOST_APART = 9
"""Decimals of two numbers that are read side by side and differ by little."""


@dataclass(frozen=True, slots=True)
class Form:
    """How numbers are printed: multiplied, divided, with so many decimals and a suffix.

    Attributes:
        decimals: Of what is printed.
        times: 100 for a share that is read as a percentage.
        per: 1e6 for a count that is read in millions.
        suffix: Of the digits, for such a count.
    """

    decimals: int
    times: float = 1.0
    per: float = 1.0
    suffix: str = ""

    def scaled(self, value: float) -> float:
        """Return what is printed of a value, with all its digits."""
        return self.times * value / self.per

    def printed(self, value: float) -> float:
        """Return the value that a reader sees."""
        return round(self.scaled(value), self.decimals) * self.per / self.times

    def text(self, value: float) -> str:
        """Return the value in digits: as ``1e−7`` where all its decimals would be zeros."""
        scaled = self.scaled(value)
        if scaled and self.decimals >= MOST_DECIMALS and round(scaled, self.decimals) == 0:
            digits, _, exponent = f"{scaled:.{SIGNIFICANT}g}".partition("e")
            return f"{digits}e{int(exponent)}".replace("-", "−")
        return plain(scaled, self.decimals) + self.suffix

    def one_way(self, value: float, *, up: bool) -> str:
        """Return the value in digits, never rounded the other way."""
        scaled = self.scaled(value)
        found = round(scaled, self.decimals)
        step = 10.0**-self.decimals
        if up and found < scaled:
            found += step
        elif not up and found > scaled:
            found -= step
        return plain(found, self.decimals) + self.suffix

    def finer(self, decimals: int) -> Form:
        """Return the form with at least so many decimals."""
        return replace(self, decimals=max(self.decimals, decimals))


def telling(value: float, form: Form, other: float, other_form: Form) -> int:
    """Return decimals of both that tell which one is larger; 0 where nothing could."""
    for decimals in range(_MOST_APART + 1):
        ours = form.finer(decimals).printed(value)
        theirs = other_form.finer(decimals).printed(other)
        if (ours < theirs and value < other) or (ours > theirs and value > other):
            return decimals
    return 0


def exponent(value: float) -> int:
    """Return the power of ten of the first digit, of a value rounded to three digits."""
    return int(f"{value:.{SIGNIFICANT - 1}e}".partition("e")[2])


def decimals_of(value: float) -> int:
    """Return decimals that leave three digits; none for whole numbers below 1,000."""
    if value == 0 or (value == round(value) and abs(value) < 1000):
        return 0
    return decimals_always(value)


def decimals_always(value: float) -> int:
    """Return decimals that leave three digits, of whole numbers too."""
    return min(MOST_DECIMALS, max(0, SIGNIFICANT - 1 - exponent(value)))


def plain(value: float, places: int) -> str:
    """Return a number with so many decimals, a comma at thousands and a true minus."""
    return f"{value:,.{places}f}".replace("-", "−")
