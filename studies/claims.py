"""Claims of an export beside what was found anew, and which of them hold.

What is found may differ from the claim by chance, and by what is no defect of the file:

- bytes must be the same;
- a time is the ratio to the baseline, and may be ``LATENCY_MARGIN`` worse, or by
  ``LATENCY_GRAIN_MS`` where that is more: readings of different hours agree no better, and a clock
  around a call tells no shorter times apart; one that a disturbed machine has told too badly
  refutes a claim only where it is surely longer, and confirms none;
- memory may be ``MEMORY_MARGIN`` worse, as another system hands it out in other pieces;
- an arena may be ``ARENA_MARGIN`` larger, as versions of the runtime differ in their tables;
- on the same pictures a file may lose ``SAME_PICTURES`` of them, as processors round differently;
- on other pictures the two 95 % intervals must meet.

What is found better than claimed holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tightfit import Constraint, Direction, Interval, Kind, Metric, Reading, Stage
from tightfit.objectives import latency, tail
from tightfit.objectives.meter.taking import DISTURBED
from tightfit.objectives.metrics import latency_ms, latency_p99_ms, load_ms

LATENCY_MARGIN = 0.05
LATENCY_GRAIN_MS = 0.005
MEMORY_MARGIN = 0.10
MEMORY_GRAIN_KB = 512.0
ARENA_MARGIN = 0.02
SAME_PICTURES = 0.005

LATENCY = "latency / baseline"
LATENCY_MS = latency_ms.METRIC.name
FOOTPRINT = {
    latency_p99_ms.METRIC.name: "slowest runs / baseline",
    load_ms.METRIC.name: "load time / baseline",
}
"""What is claimed beside the latency, where the study measured it, by metric."""
LATENCY_RATIO = Metric(
    "latency_ratio",
    "",
    Direction.MINIMIZE,
    Stage.RUNTIME,
    Kind.MEASURED,
    "latency as a share of the baseline's, measured in the same seconds",
)
MEMORY = Metric(
    "memory_kb",
    "kB",
    Direction.MINIMIZE,
    Stage.RUNTIME,
    Kind.MEASURED,
    "peak resident memory of loading and running the file, above an empty runtime",
)


class Verdict(StrEnum):
    """What became of a claim."""

    HOLDS = "holds"
    BROKEN = "does not hold"
    UNCHECKED = "not checked"


class Kept(StrEnum):
    """How a number keeps a limit, given its 95 % interval."""

    KEPT = "kept"
    NOISE = "within noise"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Value:
    """A number with its 95 % interval."""

    value: float
    interval: Interval

    @classmethod
    def of(cls, reading: Reading) -> Value:
        """Return a reading's value with its interval."""
        return cls(reading.value, reading.interval)

    @property
    def half_width(self) -> float:
        """Half of the interval, as a share of the value."""
        return self.interval.width / 2 / abs(self.value)

    def scaled(self, factor: float) -> Value:
        """Return the number in another unit."""
        ends = Interval(self.interval.low * factor, self.interval.high * factor)
        return Value(self.value * factor, ends)

    def widened(self, share: float) -> Value:
        """Return the number with an interval that reaches further by a share of the value."""
        more = share * abs(self.value)
        return Value(self.value, Interval(self.interval.low - more, self.interval.high + more))

    def to_json(self) -> dict[str, float]:
        """Return the number as JSON values."""
        return {"value": self.value, "low": self.interval.low, "high": self.interval.high}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Value:
        """Read back what :meth:`to_json` wrote; what stands beside it is passed over."""
        return cls(float(values["value"]), Interval(float(values["low"]), float(values["high"])))


@dataclass(frozen=True, slots=True)
class Claim:
    """One number of an export, claimed and found.

    Attributes:
        name: What is claimed, for people.
        metric: Says how the number is written and which way is better.
        kind: How far the claimed number can be trusted.
        claimed: ``None`` where nothing was claimed.
        found: ``None`` where it could not be read.
        verdict: Whether it holds.
        why: Why it could not be checked, or by what rule it does not hold.
        difference: Whether it is a difference from the baseline.
    """

    name: str
    metric: Metric
    kind: Kind
    claimed: Value | None
    found: Value | None
    verdict: Verdict
    why: str = ""
    difference: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the claim as JSON values."""
        return {
            "name": self.name,
            "unit": self.metric.unit,
            "kind": self.kind.value,
            "claimed": None if self.claimed is None else self.claimed.to_json(),
            "found": None if self.found is None else self.found.to_json(),
            "verdict": self.verdict.value,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """How far a found number may be worse than the claimed one.

    Attributes:
        margin: In the metric's unit, beside what chance explains.
        chance: Whether the intervals' widths are allowed for.
        words: The rule as people say it.
    """

    margin: float
    chance: bool
    words: str


def same_bytes() -> Rule:
    """Return the rule for the size of a file."""
    return Rule(0.0, chance=False, words="the bytes must be the same")


def latency_rule(claimed: Value, *, baseline_ms: float) -> Rule:
    """Return the rule for a latency's ratio to a baseline that takes so many milliseconds."""
    margin = max(LATENCY_MARGIN * claimed.value, LATENCY_GRAIN_MS / baseline_ms)
    words = f"beyond chance it may be {100 * margin / claimed.value:.2g} % longer"
    return Rule(margin, chance=True, words=words)


def memory_rule(claimed: Value) -> Rule:
    """Return the rule for a peak of memory."""
    margin = max(MEMORY_MARGIN * claimed.value, MEMORY_GRAIN_KB)
    return Rule(margin, chance=True, words=f"it may take {margin:,.0f} kB more")


def arena_rule(claimed: Value) -> Rule:
    """Return the rule for an arena."""
    margin = ARENA_MARGIN * claimed.value
    return Rule(margin, chance=False, words=f"it may take {100 * ARENA_MARGIN:g} % more")


def other_pictures() -> Rule:
    """Return the rule for a quality on pictures that the claim was not made on."""
    return Rule(0.0, chance=True, words="on other pictures the 95 % intervals must meet")


def accuracy_rule(pictures: int) -> Rule:
    """Return the rule for an accuracy, or what it loses, on the pictures of the claim."""
    margin = max(SAME_PICTURES, 1.5 / pictures)
    words = f"on the same pictures it may lose {100 * margin:.1f} points"
    return Rule(margin, chance=False, words=words)


def score_rule(claimed: Value) -> Rule:
    """Return the rule for a user's own score on the pictures of the claim."""
    words = f"on the same pictures it may be {100 * SAME_PICTURES:g} % worse"
    return Rule(SAME_PICTURES * abs(claimed.value), chance=False, words=words)


def judged(
    name: str,
    metric: Metric,
    *,
    kind: Kind,
    claimed: Value,
    found: Value,
    rule: Rule,
    difference: bool = False,
) -> Claim:
    """Return a claim with its verdict."""
    if metric.direction is Direction.MINIMIZE:
        excess = found.value - claimed.value
        gap = found.interval.low - claimed.interval.high
    else:
        excess = claimed.value - found.value
        gap = claimed.interval.low - found.interval.high
    broken = excess > rule.margin + 1e-9 and (gap > 0 or not rule.chance)
    verdict = Verdict.BROKEN if broken else Verdict.HOLDS
    why = rule.words if broken else ""
    return Claim(name, metric, kind, claimed, found, verdict, why, difference)


def claimed_latency(report: Mapping[str, Any], name: str = LATENCY_MS) -> Value:
    """Return the latency that a report claims, as a ratio to the baseline's."""
    baseline = report["baseline"]["metrics"][name]["value"]
    return Value.from_json(report["metrics"][name]).scaled(1 / baseline)


def latency_title(name: str = LATENCY_MS) -> str:
    """Return what people call the claim of a time: ``latency / baseline in openvino``."""
    if name in FOOTPRINT:
        return FOOTPRINT[name]
    runtime = name.partition(".")[2]
    return f"{LATENCY} in {runtime}" if runtime else LATENCY


def elsewhere(report: Mapping[str, Any], machine: Mapping[str, str]) -> str:
    """Return in words that times and memory are claimed of another machine; empty if of this one.

    A ratio to the baseline is one of a processor: another has other instructions and caches.

    Args:
        report: Of an export. One that is being made does not name its machine yet.
        machine: Where it was read now.
    """
    facts = report.get("measured_on")
    if facts is None:
        return ""
    before, now = facts["processor"] or facts["architecture"], machine["processor"]
    if (before, facts["architecture"]) == (now, machine["architecture"]):
        return ""
    return f"it was measured on {before}, and this is {now}; name that device with --connect"


def judged_latency(report: Mapping[str, Any], found: Reading, name: str = LATENCY_MS) -> Claim:
    """Return the claim of a report's latency with its verdict; ``found`` is a ratio."""
    claimed, baseline = claimed_latency(report, name), report["baseline"]["metrics"][name]
    ratio = Value.of(found)
    claim = judged(
        latency_title(name),
        LATENCY_RATIO,
        kind=Kind.MEASURED,
        claimed=claimed,
        found=ratio,
        rule=latency_rule(claimed, baseline_ms=baseline["value"]),
    )
    known = ratio.half_width
    told = known <= _too_wide(name) or not found.note.startswith(DISTURBED)
    if claim.verdict is Verdict.BROKEN or told:
        return claim
    why = f"it is known to ±{100 * known:.0f} % only: end what else runs there and check it again"
    return replace(claim, verdict=Verdict.UNCHECKED, why=why)


def _too_wide(name: str) -> float:
    """Return half of an interval, as a share, beyond which a disturbed machine tells nothing."""
    return tail.TOO_WIDE if name in FOOTPRINT else latency.TOO_WIDE


def unchecked(
    name: str,
    metric: Metric,
    *,
    kind: Kind,
    claimed: Value | None,
    why: str,
    found: Value | None = None,
) -> Claim:
    """Return a claim that could not be checked."""
    return Claim(name, metric, kind, claimed, found, Verdict.UNCHECKED, why)


def kept(limit: Constraint, value: Value) -> Kept:
    """Return how a number keeps a limit: surely, within noise on either side, or surely not."""
    over = [limit.excess(end) > 0 for end in (value.interval.low, value.interval.high)]
    if all(over):
        return Kept.BROKEN
    return Kept.NOISE if any(over) else Kept.KEPT
