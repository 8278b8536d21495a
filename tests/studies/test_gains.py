"""Which limit binds, as a run keeps it and as people read it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from tests.studies.conftest import LATENCY, SIZE
from tightfit.search.binding import Gain
from tightfit.studies.gains import gain_lines, gains_json, keep_gains, read_gains
from tightfit.studies.report import report_html
from tightfit.studies.results import Results
from tightfit.studies.tables import front_table

GAINS = (Gain(SIZE, 0.0001, -0.0002, 0.0004), Gain(LATENCY, 0.0005, 0.0002, 0.0008))


def test_they_are_read_back_as_they_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "binding.json"
    assert read_gains(path) == ()
    keep_gains(path, GAINS)
    assert read_gains(path) == GAINS
    rows = json.loads(path.read_text())["gains"]
    path.write_text(json.dumps(rows))  # the first version kept the rows alone
    assert read_gains(path) == GAINS


def test_the_limit_that_binds_most_is_said_first_and_chance_is_said_as_chance(
    results: Results,
) -> None:
    first, second = gain_lines(replace(results, gains=GAINS))
    assert "latency ≤ 0.421 ms: +0.050 (+0.020 to +0.080) points of accuracy" in first
    assert "as predicted" in first
    assert "size ≤ 894 kB: no gain of accuracy can be told" in second
    assert gain_lines(results) == ()
    (nothing,) = gain_lines(replace(results, gains=(Gain(SIZE, 0.0, 0.0, 0.0),)))
    assert nothing.endswith(
        "no gain of accuracy can be told, the best that is predicted stays what it is"
    )


def test_the_front_the_document_and_the_report_have_them(results: Results) -> None:
    bound = replace(results, gains=GAINS)
    console = Console(width=200)
    with console.capture() as capture:
        console.print(front_table(bound))
    assert "One per cent more of latency" in capture.get()
    rows = gains_json(bound)
    assert [row["measurable"] for row in rows] == [False, True]
    assert all(row["kind"] == "predicted" for row in rows)
    assert "Which limit binds" in report_html(bound)
    assert "Which limit binds" not in report_html(results)
