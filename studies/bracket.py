"""How far one limit can be tightened: a bracket that closes, step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tightfit import Candidate, Metric, SearchSpace, Sense
from tightfit.studies import wording


def still_tried(not_found: Sequence[float], reached: float | None, sense: Sense) -> float | None:
    """Return the bound that was not found nearest to what is reached; ``None`` where there is none.

    One that a later witness keeps says nothing any longer.
    """
    if sense is Sense.AT_MOST:
        return max((each for each in not_found if reached is None or each < reached), default=None)
    return min((each for each in not_found if reached is None or each > reached), default=None)


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
        proven: No candidate of the space passes it under the static ones of the other limits;
            ``None`` where nothing is proven.
        why: Why nothing is proven, or that the other limits conflict.
        reached: The tightest bound that the witness keeps: its reading, or the worse end of the
            interval where the study asks for that; ``None`` without one.
        witness: That keeps the other limits and has it.
        trial: Its number in the run; ``None`` without a witness.
        known: What the records had before anything was trained; ``None`` where nothing.
        steps: In order.
        message: Why it ended.
        seconds: Wall time.
    """

    metric: str
    sense: Sense
    others: tuple[str, ...]
    proven: float | None
    why: str
    reached: float | None
    witness: Candidate | None
    trial: int | None
    known: float | None
    steps: tuple[Step, ...]
    message: str
    seconds: float

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
            "choices": None if self.witness is None else dict(space.active_choices(self.witness)),
            "not_found_within_its_trainings": self.tried,
            "proven": self.proven,
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
        if self.reached is None:
            lines.append(f"No candidate that keeps the other limits was found: {self.message}.")
        else:
            where = "" if self.trial is None else f" by trial {self.trial}"
            # Written as a limit is, and not rounded to a bound that is not kept.
            lines.append(f"{self.metric} {self.sense.value} {self.reached:.10g} is kept{where}.")
        if self.tried is not None:
            lines.append(
                f"{text(self.tried)} was not reached within its trainings, which is no proof."
            )
        if self.proven is not None:
            lines.append(f"Proven: no candidate of the space passes {text(self.proven)}.")
        elif self.why:
            lines.append(f"Nothing is proven: {self.why}.")
        if self.reached is not None:
            lines.append(f"It ended: {self.message}.")
        lines.append(f"{self.trained} trained, {self.seconds:.0f} s.")
        return lines
