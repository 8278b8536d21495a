"""Limits as people write them: ``latency_ms <= 0.5 * baseline``.

The bound is a number or simple arithmetic (``+ - * /``, parentheses) in numbers and ``baseline``,
which stands for the uncompressed network's reading of the same metric.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tightfit import Constraint, Sense, SpecError
from tightfit.objectives.metrics import METRICS
from tightfit.objectives.nearest import nearest
from tightfit.objectives.quality_metrics import QUALITY_METRICS

_PATTERN = re.compile(
    r"^\s*(?P<metric>[A-Za-z_][\w.]*)\s*(?P<sense><=|>=|==|<|>|=)\s*(?P<bound>.+)$"
)
_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_OURS = frozenset(
    {"accuracy"}
    | {metric.name for metric in METRICS}
    | {each.metric.name for each in QUALITY_METRICS}
)


@dataclass(frozen=True, slots=True)
class Limit:
    """One line of a study's ``constraints``, its bound not yet a number.

    Attributes:
        metric: Name of the bounded metric.
        sense: On which side of the bound it must lie.
        bound: The expression as written.
    """

    metric: str
    sense: Sense
    bound: str

    @property
    def relative(self) -> bool:
        """Whether the bound depends on the baseline."""
        return any(
            isinstance(node, ast.Name) for node in ast.walk(ast.parse(self.bound, mode="eval"))
        )

    def resolve(self, baseline: Callable[[str], float], *, confident: bool = False) -> Constraint:
        """Return the constraint with its bound as a number.

        Args:
            baseline: Gives the baseline's value of a metric; asked only when the bound needs it.
            confident: Whether the whole 95 % interval of what is measured must keep it.

        Raises:
            SpecError: The bound is not a finite number other than zero.
        """
        value = baseline(self.metric) if self.relative else math.nan
        bound = _evaluate(ast.parse(self.bound, mode="eval").body, value, self)
        if self.metric == "accuracy" and not 0 < bound <= 1:
            raise SpecError(
                f"the limit {str(self)!r} comes to {bound:g}; an accuracy is a share in 0..1, "
                "e.g. accuracy >= 0.9"
            )
        if bound <= 0 and self.sense is Sense.AT_MOST and never_negative(self.metric):
            raise SpecError(
                f"the limit {str(self)!r} comes to {bound:g}, which nothing can keep; "
                "write a bound above 0"
            )
        return Constraint(self.metric, self.sense, bound, confident)

    def __str__(self) -> str:
        return f"{self.metric} {self.sense.value} {self.bound}"


def parse_limit(text: str, metrics: Collection[str]) -> Limit:
    """Read one limit.

    Args:
        text: ``METRIC <= BOUND`` or ``METRIC >= BOUND``.
        metrics: Names that may be bounded.

    Raises:
        SpecError: Not of that form, an unknown metric or operator, or a bound that cannot be.
    """
    found = _PATTERN.match(text)
    if found is None:
        raise SpecError(
            f"the limit {text!r} must read METRIC <= BOUND or METRIC >= BOUND, "
            "e.g. 'size_kb <= 0.1 * baseline'"
        )
    metric, sense, bound = found["metric"], found["sense"], found["bound"].strip()
    if sense not in ("<=", ">="):
        raise SpecError(f"the limit {text!r} uses {sense!r}; write '<=' or '>='")
    if metric not in metrics:
        raise SpecError(f"the limit {text!r} names {unknown('metric', metric, metrics)}")
    limit = Limit(metric, Sense(sense), bound)
    try:
        tree = ast.parse(bound, mode="eval").body
    except SyntaxError:
        raise SpecError(
            f"the bound of {text!r} must be a number or arithmetic in 'baseline', got {bound!r}"
        ) from None
    # A trial evaluation at 1 finds forbidden names and bounds that no baseline can mend.
    _evaluate(tree, 1.0, limit)
    if not limit.relative:
        limit.resolve(lambda _: math.nan)
    return limit


def never_negative(metric: str) -> bool:
    """Whether no value lies below 0: ours are counts, bytes, times and shares.

    A user's own score, a log-likelihood for one, may.
    """
    return metric in _OURS


def check_contradictions(constraints: Collection[Constraint]) -> None:
    """Refuse limits of one metric that no value can keep together.

    Raises:
        SpecError: A lower bound lies above an upper one, or the same limit stands twice.
    """
    for upper in constraints:
        for lower in constraints:
            same = upper.metric == lower.metric
            if same and upper.sense is Sense.AT_MOST and lower.sense is Sense.AT_LEAST:
                if lower.bound > upper.bound:
                    raise SpecError(
                        f"the limits '{lower}' and '{upper}' contradict each other: "
                        "no value keeps both; change one of them"
                    )
            elif same and upper is not lower and upper.sense is lower.sense:
                raise SpecError(
                    f"{upper.metric!r} has two limits on the same side, '{upper}' and '{lower}'; "
                    "keep the tighter one"
                )


def unknown(what: str, name: str, known: Collection[str]) -> str:
    """Return the words for a name that is not known, with the nearest right one."""
    near = nearest(name, known, cutoff=0.4)
    hint = f"did you mean {near!r}?" if near else f"known are {', '.join(sorted(known))}"
    return f"the unknown {what} {name!r}; {hint}"


def _evaluate(tree: ast.expr, baseline: float, limit: Limit) -> float:
    match tree:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            value = float(number)
        case ast.Name(id="baseline"):
            value = baseline
        case ast.Name(id=name) if name.lower() in ("nan", "inf", "infinity"):
            raise SpecError(f"the bound of {str(limit)!r} must be finite, got {name}")
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            value = -_evaluate(operand, baseline, limit)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            a, b = _evaluate(left, baseline, limit), _evaluate(right, baseline, limit)
            if isinstance(op, ast.Div) and b == 0:
                raise SpecError(f"the bound of {str(limit)!r} divides by zero")
            value = _BINARY[type(op)](a, b)
        case _:
            raise SpecError(
                f"the bound of {str(limit)!r} may hold numbers, 'baseline' and + - * / only, "
                f"got {ast.unparse(tree)!r}"
            )
    if not math.isfinite(value):
        raise SpecError(f"the bound of {str(limit)!r} must be finite, got {value}")
    return value
