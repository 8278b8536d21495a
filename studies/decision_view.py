"""A decision in a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tightfit import Constraint, Metric, SearchSpace, Sense
from tightfit.search.forecast import Expected, Promise
from tightfit.studies import wording
from tightfit.studies.choice_words import choices_text
from tightfit.studies.decision import Answer, Decision
from tightfit.studies.fastest import Fastest
from tightfit.studies.limit_words import as_limit
from tightfit.studies.verification import LimitFound, limit_text, limit_verdict
from tightfit.studies.witness import Witness

_STYLES = {
    Answer.YES: "bold green",
    Answer.IMPOSSIBLE: "bold red",
    Answer.UNREACHABLE: "bold red",
    Answer.NOT_FOUND: "bold yellow",
}
NO_CANDIDATE = "none: they conflict"


def decision_view(
    decision: Decision, metrics: Mapping[str, Metric], space: SearchSpace
) -> RenderableType:
    """Return what a terminal shows of a decision."""
    return Group(*_parts(decision, metrics, space))


def _parts(
    decision: Decision, metrics: Mapping[str, Metric], space: SearchSpace
) -> Iterator[RenderableType]:
    answer = decision.answer
    yield Text.assemble((f"{answer.value}: ", _STYLES[answer]), decision.message)
    cost = f"{decision.seconds:.0f} s and {trainings(decision.trained)}"
    if decision.trained_before:
        cost += f", beside {decision.trained_before} of earlier runs"
    yield Text(f"Deciding took {cost}.", "dim")
    if decision.witness is not None:
        yield Text(f"The witness is in {decision.witness.folder}.")
        yield _witness_table(decision.witness, metrics)
        if _tested(decision.witness):
            yield Text("Limits are kept on the validation split; the test split decides nothing.")
    if decision.proof is not None:
        shown = _counted if "files_counted" in decision.proof else _proof
        yield from shown(decision.proof, metrics)
    for fastest in decision.fastest:
        if not fastest.reached:
            metric = metrics[fastest.limit.metric]
            yield Text(
                f"The lowest {wording.title(metric)} of {len(fastest.readings)} candidates, "
                f"untrained, beside {wording.limit(fastest.limit, metric)}:"
            )
            yield _fastest_table(fastest, metric, space)
    if decision.unproven:
        yield Text(f"The static limits are not settled by a proof: {decision.unproven}.")
    if decision.answer is Answer.NOT_FOUND:
        yield from _not_found(decision, metrics, space)


def trainings(count: int) -> str:
    """Return a number of trainings in words."""
    return f"{count} training{'' if count == 1 else 's'}"


def promise_lines(
    promise: Promise, metrics: Mapping[str, Metric], space: SearchSpace
) -> Iterator[str]:
    """Yield what a model promises, each line naming it a prediction."""
    tried = (
        f"next {promise.trials}"
        if promise.trials <= promise.looked_at
        else f"{promise.looked_at} that were looked at"
    )
    yield (
        f"Predicted from {promise.records} records: the most promising candidate keeps all limits "
        f"with a probability of {percent(promise.chance)}, one of the {tried} with "
        f"{percent(promise.within)}."
    )
    if promise.trainings is not None:
        high = promise.trainings_high
        more = f", {high} for nine chances in ten" if high is not None else ""
        yield f"Estimated: {trainings(promise.trainings)} for an even chance{more}."
    else:
        yield "Estimated: more trainings than were looked at for an even chance."
    named = [
        f"{wording.title(metrics[name])} {expected_text(metrics[name], each)}"
        for name, each in promise.expected.items()
    ]
    if named:
        yield f"Predicted of that candidate: {wording.listed(named)}."
    yield f"Its choices: {choices_text(space, promise.candidate)}."


def expected_text(metric: Metric, expected: Expected) -> str:
    """Return a prediction with its interval: ``88.1 % (86.9 to 89.3)``."""
    low, high = (wording.number(metric, each) for each in (expected.low, expected.high))
    return f"{wording.quantity(metric, expected.value)} ({low} to {high})"


def percent(share: float) -> str:
    """Return a probability for people: what rounds to nothing is below one per cent."""
    if share < 0.01:
        return "less than 1 %"
    return "more than 99 %" if share > 0.99 else f"{100 * share:.0f} %"


def _witness_table(witness: Witness, metrics: Mapping[str, Metric]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("limit")
    table.add_column("of the exported file", justify="right")
    table.add_column("")
    tested = _tested(witness)
    if tested:
        table.add_column("on the test split")
    for each in witness.checks:
        metric = metrics[each.limit.metric]
        value = wording.quantity(metric, each.value, stderr=each.stderr)
        kept = Text("kept", "green") if each.kept else Text("✗", "red")
        test = [_test_text(each.tested)] if tested else []
        table.add_row(wording.limit(each.limit, metric), value, kept, *test)
    return table


def _tested(witness: Witness) -> bool:
    return any(each.tested is not None for each in witness.checks)


def _test_text(tested: LimitFound | None) -> Text:
    if tested is None:
        return Text("")
    return Text.assemble(limit_text(tested), "  ", limit_verdict(tested))


def _proof(proof: Mapping[str, Any], metrics: Mapping[str, Metric]) -> Iterator[RenderableType]:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("limit", "the space alone", "under the other limits", ""):
        table.add_column(heading, justify="left" if heading in ("limit", "") else "right")
    limits = {each["limit"]: _limit(each) for each in proof["limits"]}
    for each in proof["limits"]:
        metric = metrics[each["metric"]]
        reach = [each["alone"], each["under_the_other_limits"]]
        values = [None if found is None else found["value"] for found in reach]
        conflict = Text("in conflict", "red") if each["limit"] in proof["conflict"] else Text("")
        table.add_row(*_beside(limits[each["limit"]], metric, values), conflict)
    yield table
    broken = [limits[text] for text in proof["conflict"]]
    names = [wording.limit(each, metrics[each.metric]) for each in broken]
    if len(names) == 1:
        yield Text(f"The space does not reach {names[0]}, whatever the other limits.")
    else:
        yield Text(
            f"No candidate keeps {wording.listed(names)} together; without any one of them some "
            "candidate keeps the rest."
        )
    for each in proof["bounds_that_would_work"]:
        yield Text(_bound_text(each, metrics[each["metric"]]))
    if not proof["bounds_that_would_work"]:
        share = proof["all_relaxed_together"]["share"]
        yield Text(
            f"No single one is enough: all limits relaxed by {_percent_up(share)} % of their "
            "bounds can be kept together."
        )


def _counted(proof: Mapping[str, Any], metrics: Mapping[str, Metric]) -> Iterator[RenderableType]:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("limit")
    table.add_column(f"the best of {proof['files_counted']} files", justify="right")
    for each in proof["limits"]:
        metric, best = metrics[each["metric"]], each["of_the_files"]["value"]
        table.add_row(*_beside(_limit(each), metric, [best]))
    yield table
    for each in proof["bounds_that_would_work"]:
        yield Text(_bound_text(each, metrics[each["metric"]]))


def _limit(each: Mapping[str, Any]) -> Constraint:
    """Return a limit of a proof with its exact bound: the one in its text is rounded."""
    name, sense, _ = each["limit"].split()
    return Constraint(name, Sense(sense), each["bound"])


def _beside(limit: Constraint, metric: Metric, values: Sequence[float | None]) -> list[str]:
    """Return a limit and values, with digits enough to tell them apart."""
    found = [each for each in values if each is not None]
    return [
        wording.limit(limit, metric, apart=found),
        *(
            NO_CANDIDATE if each is None else wording.quantity(metric, each, apart=(limit.bound,))
            for each in values
        ),
    ]


def _bound_text(found: Mapping[str, Any], metric: Metric) -> str:
    """Return a bound that is enough as a study has it: rounded it might not be."""
    limit = as_limit(found["metric"], Sense(found["sense"]), found["bound"])
    text = f"Enough, with the others as they are: {limit}"
    if found["counted"] is not None:
        counted = wording.quantity(metric, found["counted"], apart=(found["bound"],))
        text += f" as predicted; the file of that candidate, untrained, has {counted}"
        return text + "."
    return text


def _percent_up(share: float) -> str:
    """Return a share in per cent with three digits, rounded up: less would not be enough."""
    percent = Decimal(repr(share)) * 100
    digits = Decimal(1).scaleb(percent.adjusted() - 2)
    return f"{percent.quantize(digits, ROUND_CEILING).normalize():f}"


def _fastest_table(fastest: Fastest, metric: Metric, space: SearchSpace) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("measured", justify="right")
    table.add_column("95 % interval", justify="right")
    table.add_column("choices")
    for candidate, reading in fastest.shown:
        table.add_row(
            wording.reading_text(metric, reading, apart=(fastest.limit.bound,)),
            wording.interval_text(metric, reading.interval),
            choices_text(space, candidate),
        )
    return table


def _not_found(
    decision: Decision, metrics: Mapping[str, Metric], space: SearchSpace
) -> Iterator[RenderableType]:
    if decision.miss is not None:
        yield Text(f"Nearest: {decision.advice}")
    if decision.promise is None:
        yield Text(decision.unpredicted)
    else:
        yield from (Text(line) for line in promise_lines(decision.promise, metrics, space))
