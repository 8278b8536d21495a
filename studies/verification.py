"""What a verification found: the claims, the limits, and how a terminal shows both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tightfit import Conditions, Constraint, Metric
from tightfit.studies import wording
from tightfit.studies.claims import LATENCY_RATIO, Claim, Kept, Value, Verdict

_STYLES = {Verdict.HOLDS: "green", Verdict.BROKEN: "bold red", Verdict.UNCHECKED: "yellow"}
_LIMIT_STYLES = {Kept.KEPT: "green", Kept.NOISE: "yellow", Kept.BROKEN: "bold red"}
NOTHING = "–"


@dataclass(frozen=True, slots=True)
class LimitFound:
    """A limit with what was found of its metric.

    Attributes:
        limit: With its bound as a number.
        metric: Its metric.
        found: ``None`` where the metric is not read again.
        kept: How what was found keeps it; ``None`` likewise, and where it was found on another
            machine than the limit is for.
        pictures: What people call the pictures that a quality was found on. Its limit is meant for
            the validation split, so that what is found on these decides nothing. Empty for other
            metrics.
    """

    limit: Constraint
    metric: Metric
    found: Value | None
    kept: Kept | None
    pictures: str = ""

    @property
    def read(self) -> tuple[float, ...]:
        """What the bound is read beside: the value that was found, if one was."""
        return () if self.found is None else (self.found.value,)

    def to_json(self) -> dict[str, Any]:
        """Return the limit as JSON values."""
        return {
            "limit": str(self.limit),
            "found": None if self.found is None else self.found.to_json(),
            "kept": None if self.kept is None else self.kept.value,
            "decides": not self.pictures,
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """Claims and limits of an export beside what a fresh process found.

    Attributes:
        title: Of the export.
        claims: In the order in which they are shown.
        limits: Of the study.
        runtime: Its name with version and threads.
        machine: Processor and system.
        conditions: Of the machine while the latency was read.
        modules: What the process had loaded beside Python's own.
        notes: What could not be checked, and why; one line each.
    """

    title: str
    claims: tuple[Claim, ...]
    limits: tuple[LimitFound, ...]
    runtime: str
    machine: Mapping[str, str]
    modules: tuple[str, ...]
    notes: tuple[str, ...]
    conditions: Conditions = field(default_factory=Conditions)

    @property
    def broken(self) -> tuple[str, ...]:
        """Names of claims that do not hold and of limits that are surely broken."""
        claims = [each.name for each in self.claims if each.verdict is Verdict.BROKEN]
        limits = [each for each in self.limits if each.kept is Kept.BROKEN and not each.pictures]
        return (*claims, *(str(each.limit) for each in limits))

    @property
    def holds(self) -> bool:
        """Whether nothing that could be checked is broken."""
        return not self.broken

    @property
    def place(self) -> str:
        """Where it was found, for people: runtime, processor, and its clock and temperature."""
        processor = self.machine.get("processor", "an unknown processor")
        state = f" at {self.conditions}" if str(self.conditions) else ""
        return f"{self.runtime}, {processor}{state}"

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "holds": self.holds,
            "claims": [claim.to_json() for claim in self.claims],
            "limits": [limit.to_json() for limit in self.limits],
            "runtime": self.runtime,
            "machine": dict(self.machine),
            "conditions": self.conditions.to_json(),
            "modules": list(self.modules),
            "notes": list(self.notes),
        }

    def view(self) -> RenderableType:
        """Return what a terminal shows."""
        parts: list[RenderableType] = [Text(self.title, "bold"), self._claims_table()]
        if self.limits:
            parts.append(self._limits_table())
        where = f"Found by a fresh process with {', '.join(self.modules)} alone: {self.place}."
        parts.append(Text(where, "dim"))
        parts += [Text(f"Note: {note}.") for note in self.notes]
        parts.append(self._conclusion())
        return Group(*parts)

    def _claims_table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("claim", overflow="fold")
        table.add_column("claimed", justify="right")
        table.add_column("found", justify="right")
        table.add_column("")
        for claim in self.claims:
            table.add_row(
                claim.name,
                value_text(claim, claim.claimed),
                value_text(claim, claim.found),
                Text(claim.verdict.value, _STYLES[claim.verdict]),
            )
        return table

    def _limits_table(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        table.add_column("limit", overflow="fold")
        table.add_column("found", justify="right")
        table.add_column("")
        for each in self.limits:
            table.add_row(
                wording.limit(each.limit, each.metric, apart=each.read),
                limit_text(each),
                limit_verdict(each),
            )
        return table

    def _conclusion(self) -> Text:
        checked = [each for each in self.claims if each.verdict is not Verdict.UNCHECKED]
        if self.holds:
            return Text(f"All {len(checked)} claims that could be checked hold.", "bold green")
        words = wording.listed(list(self.broken))
        whys = [each.why for each in self.claims if each.verdict is Verdict.BROKEN]
        rules = f" ({'; '.join(dict.fromkeys(whys))})" if whys else ""
        plural = "do" if len(self.broken) > 1 else "does"
        return Text(f"{wording.capital(words)} {plural} not hold{rules}.", "bold red")


def value_text(claim: Claim, value: Value | None) -> str:
    """Return a number of a claim with its interval, as people read it."""
    if value is None:
        return NOTHING
    if claim.difference:
        return wording.difference_text(claim.metric, value.value, value.interval)
    if claim.metric is LATENCY_RATIO:
        ends = (value.value, value.interval.low, value.interval.high)
        middle, low, high = wording.together(*ends)
        return f"{middle} ({low} to {high})"
    text = wording.quantity(claim.metric, value.value)
    if value.interval.width == 0:
        return text
    return f"{text} ({wording.interval_text(claim.metric, value.interval)})"


def limit_text(each: LimitFound) -> str:
    """Return what was found of a limit's metric."""
    if each.found is None:
        return NOTHING
    return wording.quantity(each.metric, each.found.value, apart=(each.limit.bound,))


def limit_verdict(each: LimitFound) -> Text:
    """Return how a limit is kept, in its colour."""
    if each.kept is None:
        return Text("not measured again" if each.found is None else "on another machine", "dim")
    if each.kept is Kept.BROKEN and each.pictures:
        return Text(f"not kept on {each.pictures}", "yellow")
    return Text(each.kept.value, _LIMIT_STYLES[each.kept])
