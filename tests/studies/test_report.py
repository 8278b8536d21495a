from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tightfit import Constraint, Kind, Measurement, Reading, Sense, SpecError, Stage
from tightfit.studies import tested
from tightfit.studies.final import Final, FinalScore
from tightfit.studies.paired import Paired
from tightfit.studies.report import report_html, write_report
from tightfit.studies.report_page import groups, ordered_metrics
from tightfit.studies.results import Results
from tightfit.studies.standing import members, standings


class Elements(HTMLParser):
    """Collects the tags and their attributes, and the text of the page's visible part."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._hidden = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        self._hidden = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden = self._hidden and tag not in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words += f"{data} "


def accuracy(value: float) -> Reading:
    return Reading(value, kind=Kind.MEASURED, stage=Stage.LEARNED, stderr=0.008, repeats=1500)


def final_score(value: float) -> FinalScore:
    return FinalScore(accuracy(value), Paired(both=1320, lost=80, gained=19, neither=81))


def words(results: Results, final: Final | None = None) -> str:
    return " ".join(Elements(report_html(results, final=final)).words.split())


def figures(page: str) -> dict[str, object]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', page, re.S)
    assert found is not None
    values: dict[str, object] = json.loads(found[1])
    return values


def test_the_report_is_one_file_that_asks_nothing_of_the_network(
    results: Results, tmp_path: Path
) -> None:
    path = write_report(results, tmp_path / "report.html")

    page = path.read_text("utf-8")
    elements = Elements(page).found
    assert not [a for tag, a in elements if tag in ("link", "img", "iframe") or "src" in a]
    assert "default-src 'none'" in page
    assert page.count("plotly.js v") == 1
    assert [*tmp_path.iterdir()] == [path]


def test_the_report_says_what_was_reached(results: Results) -> None:
    text = words(results)

    assert "Trial 24 keeps all limits: accuracy 89.6 % (−3.9 points)" in text
    assert "finished, 34 trials trained" in text
    assert "Compressing was worth it against small net squeezenet1_1" in text
    assert "Reference point: accuracy 88.5 % and size 894 kB." in text
    assert "Failed: the loss was not finite at step 12." in text
    assert "Trial 24, layer by layer" in text
    assert "onnxruntime" in text


def test_every_metric_has_its_kind(results: Results) -> None:
    text = words(results)

    for row in (
        "latency_ms measured before training",
        "params counted before building",
        "ram_kb computed before building",
        "energy_mj estimated before building",
        "accuracy measured after training",
    ):
        assert row in text


def test_the_test_split_stands_in_the_headline_and_beside_validation(results: Results) -> None:
    trial_24 = results.records[24].candidate
    final = Final("accuracy", accuracy(0.931), {trial_24.key: final_score(0.893)})

    text = words(results, final)

    assert "On the test split: 89.3 ±0.8 % (−3.8 points)." in text
    assert "trial 24 knee 89.6 %" in text
    assert "The search never sees the test split, and nothing is chosen by it" in text
    assert "89.3 % (87.7 to 90.9) −4.1 points (−5.4 to −2.8)" in text


def test_networks_stand_in_the_same_order_on_both_splits(results: Results) -> None:
    on_front = members(standings(results))
    final = Final(
        "accuracy",
        accuracy(0.931),
        {each.record.candidate.key: final_score(0.89) for each in on_front},
    )

    rows = tested.tested_rows(results.metrics["accuracy"], results, standings(results), final)

    listed = next(group for group in groups(results) if group.title == "on the front, best first")
    assert [row.name for row in rows] == ["baseline", *(row.name for row in listed.rows)]


def test_a_metric_that_no_network_has_read_takes_no_column(results: Results) -> None:
    unread = replace(results.metrics["latency_ms"], name="latency_ms.openvino")
    with_it = replace(results, metrics={**results.metrics, unread.name: unread})

    assert unread not in ordered_metrics(with_it)
    assert "openvino" not in words(with_it).partition("Versions")[0]
    limit = Constraint(unread.name, Sense.AT_MOST, 1.0)
    limited = replace(with_it, constraints=(*results.constraints, limit))
    assert unread in ordered_metrics(limited)


def test_failures_of_one_kind_are_counted_together(results: Results) -> None:
    failed = tuple(
        replace(
            results.records[20],
            reason=f"OSError: /runs/x/trial-{n}/model.onnx has {n + 3} bytes too few",
        )
        for n in range(9)
    )

    page = report_html(replace(results, records=(*results.records, *failed)))

    text = " ".join(Elements(page).words.split())
    assert (
        "Failed: 9 trials, the first: OSError: /runs/x/trial-0/model.onnx has 3 bytes too few. "
        "the loss was not finite at step 12." in text
    )
    assert "trial-1/" not in text


def test_without_a_test_split_it_says_not_measured(results: Results) -> None:
    assert "Not measured: this run has no test split" in words(results)

    final = Final("accuracy")
    assert "Not measured: no member has been exported yet, or" in words(results, final)
    only_baseline = Final("accuracy", accuracy(0.93))
    assert "On the test split: " not in words(results, only_baseline)
    trial_24 = results.records[24].candidate
    unmeasured_baseline = Final("accuracy", None, {trial_24.key: final_score(0.893)})
    assert "On the test split: 89.3 ±0.8 %." in words(results, unmeasured_baseline)


def test_every_figure_that_the_page_has_a_place_for_is_there(results: Results) -> None:
    page = report_html(results)

    places = {a["data-figure"] for _, a in Elements(page).found if "data-figure" in a}
    assert places == set(figures(page))


def test_another_member_may_be_picked(results: Results) -> None:
    assert "Trial 0 keeps all limits" in report_html(results, pick="accuracy")
    with pytest.raises(SpecError, match="no member 'best'"):
        report_html(results, pick="best")


def test_an_empty_front_says_what_to_relax(empty_front: Results) -> None:
    text = words(empty_front)

    assert "None of 40 trials keeps all limits." in text
    assert "nearest to keeping all limits" in text
    assert "Trial 0 needs accuracy ≥ 94.5 % relaxed to 90.9 %" in text
    assert "layer by layer" not in text


def test_a_run_that_has_just_begun_has_a_report(results: Results) -> None:
    begun = replace(results, records=(), references=(), finished=False)

    text = words(begun)

    assert "not finished, 0 trials trained" in text
    assert "No trial is finished yet." in text


def test_what_the_baseline_lacks_is_a_dash(results: Results) -> None:
    readings = {n: r for n, r in results.baseline.readings.items() if n != "energy_mj"}
    unread = replace(results, baseline=Measurement(readings))

    assert "energy_mj estimated before building – " in words(unread)


def test_one_trial_is_not_called_trials(results: Results) -> None:
    assert "1 trial trained" in words(replace(results, records=results.records[:1]))


def test_what_comes_from_the_user_is_never_markup(results: Results) -> None:
    evil = "</script><script>alert(1)</script>"
    reference = replace(results.references[0], origin=evil)
    failed = replace(results.records[20], reason=evil)
    page = report_html(
        replace(
            results,
            name=evil,
            references=(reference,),
            records=(*results.records[:20], failed, *results.records[21:]),
        )
    )

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert len([tag for tag, _ in Elements(page).found if tag == "script"]) == 5
    assert figures(page)


def test_a_folder_that_cannot_be_written_is_an_error_that_names_it(
    results: Results, tmp_path: Path
) -> None:
    with pytest.raises(SpecError, match=r"'report.html' could not be written"):
        write_report(results, tmp_path / "missing" / "report.html")
