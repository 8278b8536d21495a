from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from tightfit import Constraint, Measurement, Sense
from tightfit.studies.cells import cell
from tightfit.studies.results import Results
from tightfit.studies.standing import TIGHTENED
from tightfit.studies.tables import front_rows, front_table
from tightfit.studies.verdict import shown_metrics


def printed(results: Results, width: int) -> str:
    console = Console(width=width, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as capture:
        console.print(front_table(results))
    return capture.get()


def test_rows_are_the_baseline_then_the_front_then_the_references(results: Results) -> None:
    rows = front_rows(results)

    roles = [row.role for row in rows]
    assert roles == ["baseline"] + ["member"] * 8 + ["reference"] * 5
    assert rows[1].picks == ("accuracy",)
    assert rows[-1].trial is None
    assert rows[-1].choices == {}


def test_what_was_trained_for_a_tighter_limit_and_is_no_member_takes_no_row(
    results: Results,
) -> None:
    again = tuple(replace(each, origin=TIGHTENED) for each in results.records if each.feasible)

    rows = front_rows(replace(results, records=(*results.records, *again)))

    assert again
    assert rows == front_rows(results)


def test_an_empty_front_gives_the_nearest_misses_instead(empty_front: Results) -> None:
    rows = front_rows(empty_front)

    assert [row.role for row in rows][:5] == ["baseline", "miss", "miss", "miss", "reference"]
    assert len({row.key for row in rows}) == len(rows)


def test_rows_are_json_with_units_and_kinds(results: Results) -> None:
    row = front_rows(results)[1]

    values = json.loads(json.dumps(row.to_json(results.metrics, results.baseline)))

    assert values["trial"] == 0
    assert values["picks"] == ["accuracy"]
    assert values["choices"]["layer1.bits"] == 8
    size = values["metrics"]["size_kb"]
    assert size["unit"] == "kB"
    assert size["kind"] == "counted"
    assert size["of_baseline"] == pytest.approx(722.438 / 44712)


def test_what_the_baseline_lacks_has_no_share_of_it(results: Results) -> None:
    row = front_rows(results)[1]

    values = row.to_json({}, Measurement())

    assert '"of_baseline": null' in json.dumps(values)
    assert '"unit": ""' in json.dumps(values)


def test_rows_make_a_data_frame_of_scalars(results: Results) -> None:
    frame = pd.DataFrame([row.flat() for row in front_rows(results)])

    assert len(frame) == 14
    assert frame["accuracy_stderr"].notna().sum() == 13
    assert frame.loc[frame["picks"] == "knee", "trial"].item() == 24


@pytest.mark.parametrize("width", [80, 100, 140])
def test_the_table_fits_the_terminal_and_cuts_no_number(results: Results, width: int) -> None:
    text = printed(results, width)

    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    for words in ("90.9 ±0.8 −2.5 pt", "✗88.1 ±0.8", "0.240 ±0.009 5.7 %", "◆\u00a0knee"):
        assert words in text


def test_the_table_marks_each_broken_limit_and_names_the_bounds(results: Results) -> None:
    text = printed(results, 100)

    assert "≥ 88.5 %" in text
    assert "≤ 894 kB" in text
    assert "✗5,612" in text
    assert "✗44,712" not in text


def test_an_empty_front_says_what_to_relax(empty_front: Results) -> None:
    text = printed(empty_front, 120)

    assert "None of 40 trials keeps all limits." in text
    assert "Trial 0 needs accuracy ≥ 94.5 % relaxed to 90.9 %" in text


def test_a_run_without_trials_has_a_table_too(results: Results) -> None:
    text = printed(replace(results, records=(), references=()), 80)

    assert "No trial is finished yet." in text
    assert "44,712" in text


def five_metrics(results: Results) -> Results:
    """Return the run with limits on five metrics."""
    more = (
        Constraint("energy_mj", Sense.AT_MOST, 0.2),
        Constraint("ram_kb", Sense.AT_MOST, 300.0),
    )
    return replace(results, constraints=(*results.constraints, *more))


def two_metrics(results: Results) -> Results:
    """Return the run with a limit on its size alone."""
    return replace(results, constraints=results.constraints[:1])


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 140])
@pytest.mark.parametrize("fewer_or_more", [two_metrics, five_metrics])
def test_no_name_and_no_number_is_cut_at_any_width(
    results: Results, width: int, fewer_or_more: Callable[[Results], Results]
) -> None:
    run = fewer_or_more(results)
    text = printed(run, width)

    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    words = text.split()
    for row in front_rows(run):
        for name in shown_metrics(run):
            found = cell(run, run.metrics[name], row.measurement, baseline=row.role == "baseline")
            assert found.mark + found.value in words
            assert found.spread in text
        assert set(row.origin.split()) <= set(words)
    for whole in ("baseline", "from", "squeezenet1_1", "≤ 894 kB", "◆\u00a0knee"):
        assert whole in text


def test_shares_of_the_baseline_go_first_where_the_terminal_is_narrow(results: Results) -> None:
    run = five_metrics(results)

    assert "≈89.6 ±0.8 −3.9 pt" in printed(run, 140)
    narrow = printed(run, 80)
    assert "−3.9 pt" not in narrow
    (line,) = [each for each in narrow.splitlines() if "knee" in each]
    assert line.split() == [
        *("24", "gp", "◆", "knee", "≈89.6", "±0.8", "256", "0.240", "±0.009", "0.0266", "156")
    ]


def test_a_metric_without_a_limit_has_its_unit_where_there_are_no_shares(results: Results) -> None:
    headings = printed(two_metrics(results), 40).splitlines()[1:3]

    assert headings[0].split() == ["accuracy", "size_kb"]
    assert headings[1].split()[-4:] == ["%", "≤", "894", "kB"]


def test_a_broken_limit_is_not_rounded_until_it_seems_kept(results: Results) -> None:
    bound = Constraint("size_kb", Sense.AT_MOST, 722.41)
    text = printed(replace(results, constraints=(bound, *results.constraints[1:])), 100)

    assert "✗722.44" in text
    assert "≤ 722.41 kB" in text
    assert "✗5,612" in text
