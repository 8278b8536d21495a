"""How far one limit can be tightened: a bracket that closes, step by step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tightfit import Candidate, Metric, SearchSpace, Sense
from tightfit.studies import wording
from tightfit.studies.cells import NOISY_MARK, NOISY_WORDS
from tightfit.studies.limit_words import as_limit
from tightfit.studies.limits import never_negative


def still_tried(not_found: Sequence[float], reached: float | None, sense: Sense) -> float | None:
    """Return the bound that was not found nearest to what is reached; ``None`` where there is none.

    One that a later witness keeps says nothing any longer.
    """
    if sense is Sense.AT_MOST:
        return max((each for each in not_found if reached is None or each < reached), default=None)
    return min((each for each in not_found if reached is None or each > reached), default=None)


def next_bound(metric: str, sense: Sense, reached: float, ends: Sequence[float]) -> float | None:
    """Return the bound to ask for next; ``None`` where the bracket is closed.

    Args:
        metric: Whose limit it is.
        sense: Of the limit.
        reached: The tightest bound that is kept.
        ends: What is proven and what was not found; where there is neither, and 0 is no floor, the
            bracket reaches as far beyond as 0 lies from what is reached.
    """
    sign = 1.0 if sense is Sense.AT_MOST else -1.0
    ends = [*ends, 0.0] if sense is Sense.AT_MOST and never_negative(metric) else ends
    end = max((sign * each for each in ends), default=sign * reached - (abs(reached) or 1.0))
    if end >= sign * reached:
        return None
    if sense is Sense.AT_MOST and end > 0:
        bound = math.sqrt(end * reached)
    else:
        # No limit has the bound 0, which a bracket of a score may have in its middle.
        bound = (sign * end + reached) / 2 or reached / 2
    return float(f"{bound:.5g}")


@dataclass(frozen=True, slots=True)
class Step:
    """A bound that was asked for.

    Attributes:
        bound: ``None`` where the limit was left out.
        found: Whether a candidate kept it and the other limits.
        trained: Candidates that were trained for it.
        tried: The nearest bound that is not reached and was not found within its trainings, so far.
        reached: The tightest bound that is kept by a witness, so far.
    """

    bound: float | None
    found: bool
    trained: int
    tried: float | None
    reached: float | None


@dataclass(frozen=True, slots=True)
class Bracket:
    """What is known of the tightest bound that the other limits allow.

    Attributes:
        metric: Whose limit it is.
        sense: Of the limit.
        others: The other limits, as text.
        proven: No candidate that keeps the limits of ``under`` passes it; ``None`` where no such
            bound is proven.
        under: The static ones of the other limits, as text, where a proof is about them.
        conflict: Whether it is proven that no candidate keeps those.
        why: Why nothing is proven; empty where something is.
        reached: The tightest bound that the witness keeps: its reading, or the worse end of the
            interval where the study asks for that; ``None`` without one.
        witness: That keeps the other limits and has it.
        trial: Its number in the run; ``None`` without a witness.
        known: What the records had before anything was trained; ``None`` where nothing.
        steps: In order.
        message: Why it ended.
        seconds: Wall time.
        noisy: Those of the other limits that the witness keeps within noise, as text.
    """

    metric: str
    sense: Sense
    others: tuple[str, ...]
    proven: float | None
    under: tuple[str, ...]
    conflict: bool
    why: str
    reached: float | None
    witness: Candidate | None
    trial: int | None
    known: float | None
    steps: tuple[Step, ...]
    message: str
    seconds: float
    noisy: tuple[str, ...] = ()

    @property
    def trained(self) -> int:
        """Candidates that were trained for it."""
        return sum(step.trained for step in self.steps)

    @property
    def tried(self) -> float | None:
        """The nearest bound that was not reached within its trainings; this is no proof."""
        return self.steps[-1].tried if self.steps else None

    def to_json(self, space: SearchSpace) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "metric": self.metric,
            "sense": self.sense.value,
            "other_limits": list(self.others),
            "reached": self.reached,
            "trial": self.trial,
            "kept_within_noise": list(self.noisy),
            "choices": None if self.witness is None else dict(space.active_choices(self.witness)),
            "not_found_within_its_trainings": self.tried,
            "proven": self.proven,
            "proven_under": list(self.under),
            "other_limits_conflict": self.conflict,
            "unproven": self.why or None,
            "known_before": self.known,
            "steps": [
                {
                    "bound": step.bound,
                    "found": step.found,
                    "trained": step.trained,
                    "tried": step.tried,
                    "reached": step.reached,
                }
                for step in self.steps
            ],
            "message": self.message,
            "cost": {"trained": self.trained, "seconds": round(self.seconds, 1)},
        }

    def view(self, metrics: Mapping[str, Metric]) -> RenderableType:
        """Return what a terminal shows."""
        metric = metrics[self.metric]

        def text(value: float | None) -> str:
            return "–" if value is None else wording.quantity(metric, value)

        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for heading in ("bound asked for", "answer", "trained", "not found", "reached"):
            table.add_column(heading, justify="left" if heading == "answer" else "right")
        if self.known is not None:
            table.add_row("", "records", "", "", text(self.known))
        for step in self.steps:
            asked = "none" if step.bound is None else text(step.bound)
            answer = Text("yes", "green") if step.found else Text("not found", "yellow")
            table.add_row(asked, answer, str(step.trained), text(step.tried), text(step.reached))
        return Group(table, *(Text(line) for line in self._lines(text)))

    def _lines(self, text: Callable[[float | None], str]) -> list[str]:
        lines = []
        if self.conflict:
            lines.append("Proven: the other limits conflict; run 'tightfit decide' for the proof.")
        elif self.reached is None:
            lines.append(f"No candidate that keeps the other limits was found: {self.message}.")
        else:
            where = "" if self.trial is None else f" by trial {self.trial}"
            # Written as a limit is, and not rounded to a bound that is not kept.
            lines.append(f"{as_limit(self.metric, self.sense, self.reached)} is kept{where}.")
            if self.noisy:
                limits = wording.listed(list(self.noisy))
                lines.append(f"{NOISY_MARK} {limits} {NOISY_WORDS}.")
        if self.tried is not None:
            lines.append(
                f"{text(self.tried)} was not reached within its trainings, which is no proof."
            )
        if self.proven is not None:
            whose = "that keeps the other static limits" if self.under else "of the space"
            lines.append(f"Proven: no candidate {whose} passes {text(self.proven)}.")
        elif self.why:
            lines.append(f"Nothing is proven: {self.why}.")
        if self.reached is not None:
            lines.append(f"It ended: {self.message}.")
        lines.append(f"{self.trained} trained, {self.seconds:.0f} s.")
        return lines
