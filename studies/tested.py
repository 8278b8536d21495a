"""What the report says of the test split: validation beside test, and what selection cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tightfit import Metric, Reading
from tightfit.studies import wording
from tightfit.studies.final import Final, shrinkage
from tightfit.studies.results import Results
from tightfit.studies.standing import Standing, members


@dataclass(frozen=True, slots=True)
class TestedRow:
    """A network's quality on both splits with 95 % intervals, and paired with the baseline's."""

    name: str
    picks: tuple[str, ...]
    validation: str
    test: str
    beside: str


def final_words(quality: Metric, picked: Standing | None, final: Final | None) -> str:
    """Return what the picked member reached on the test split; nothing where it is not known."""
    if picked is None or picked.trial is None or final is None:
        return ""
    tested = final.reached(picked.record.candidate)
    if tested is None:
        return ""
    beside = ""
    if final.baseline is not None:
        beside = f" ({wording.relation(quality, tested.reading.value, final.baseline.value)})"
    return f" On the test split: {wording.reading_text(quality, tested.reading)}{beside}."


def tested_rows(
    quality: Metric, results: Results, everyone: Sequence[Standing], final: Final
) -> tuple[TestedRow, ...]:
    """Return the baseline and the members that were measured on the test split, best first."""
    rows = []
    if final.baseline is not None:
        validation = _with_interval(quality, results.baseline[quality.name])
        test = _with_interval(quality, final.baseline)
        rows.append(TestedRow("baseline", (), validation, test, ""))
    on_front = members(everyone)
    left = dict(final.members)  # one row each, also where a candidate has several trials
    for each in (*on_front, *(other for other in everyone if not other.member)):
        if each.trial is None or not each.evaluated:
            continue
        tested = left.pop(each.record.candidate.key, None)
        if tested is not None:
            validation = _with_interval(quality, each.record.measurement[quality.name])
            test = _with_interval(quality, tested.reading)
            beside = ""
            if tested.paired is not None:
                paired = tested.paired
                beside = wording.difference_text(quality, paired.difference, paired.interval)
            rows.append(TestedRow(each.name, each.picks, validation, test, beside))
    return tuple(rows)


def _with_interval(metric: Metric, reading: Reading) -> str:
    value = wording.quantity(metric, reading.value)
    return f"{value} ({wording.interval_text(metric, reading.interval)})"


def shrinkage_words(
    quality: Metric, results: Results, everyone: Sequence[Standing], final: Final
) -> str:
    """Return in words how much of the validation split's quality was luck of the selected."""
    pairs = [
        (each.record.measurement.value(quality.name), tested.reading.value)
        for each in members(everyone)
        if (tested := final.reached(each.record.candidate)) is not None
    ]
    if final.baseline is None or not pairs:
        return ""
    splits = (results.baseline.value(quality.name), final.baseline.value)
    found = shrinkage(pairs, baseline=splits)
    drop, baseline, selection = (
        wording.change_text(quality, -value)
        for value in (found.drop, found.baseline, found.selection)
    )
    whose = (
        f"the {found.members} members change on average"
        if found.members > 1
        else ("the member changes")
    )
    return (
        f"From validation to test {whose} by {drop}, and the baseline, which nothing selected, by "
        f"{baseline}. The rest, {selection}, is the shrinkage from selection."
    )
