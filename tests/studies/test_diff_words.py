"""Two programs side by side in words: what a reader is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.objectives.test_instruction_view import CONV, QUANTIZED, WEIGHTS, other, program
from tests.studies.test_report import Elements
from tightfit.objectives.instruction_view import side_by_side
from tightfit.objectives.runtimes.instructions import Instruction, Part
from tightfit.studies.diff_table import diff_table
from tightfit.studies.diff_words import NOTHING, diff_of_member, diff_page
from tightfit.studies.diffing import Diff
from tightfit.studies.report import report_html
from tightfit.studies.results import Results
from tightfit.studies.standing import chosen, standings


def made_up(*b: Instruction) -> Diff:
    return Diff(
        names=("the baseline", "trial 7"),
        paths=(Path("a.onnx"), Path("b.onnx")),
        latencies=(2.0, 1.5),
        ratio=0.75,
        ratio_stderr=0.012,
        view=side_by_side(program(CONV), program(*b)),
    )


@pytest.fixture
def diff() -> Diff:
    """A layer in 8 bits, behind it an activation by itself; its weights are made in every run."""
    weights = other(
        "DequantizeLinear", 15.0, part=Part.WEIGHTS, inputs=(), constants=(WEIGHTS,), outputs=()
    )
    return made_up(weights, QUANTIZED, other("HardSwish", 5.0))


def test_the_headline_says_how_much_faster(diff: Diff) -> None:
    assert diff_page(diff).headline == (
        "Compared with the baseline, trial 7 takes 0.75 ±0.01 of the time: 1.5 ms against 2 ms, "
        "one picture in a runtime."
    )


@pytest.mark.parametrize(
    ("ratio", "stderr", "words"),
    [
        (1.03, 0.004, "takes 1.030 ±0.004 of"),
        (1.0, 0.02, "takes 1.00 ±0.02 of"),
        (0.5, 0.0, "takes 0.500 of"),
    ],
)
def test_a_ratio_has_the_decimals_of_its_error(
    diff: Diff, ratio: float, stderr: float, words: str
) -> None:
    assert words in diff_page(replace(diff, ratio=ratio, ratio_stderr=stderr)).headline


def test_findings_are_sentences_with_their_share(diff: Diff) -> None:
    baseline, trial = diff_page(diff).programs
    assert baseline.findings == ("1 instruction in float (Conv): 100 % of the time, at conv1",)
    assert trial.findings == (
        (
            "1 instruction computed from constants in every run (DequantizeLinear): "
            "38 % of the time, at conv1"
        ),
        "1 instruction in float (HardSwish): 12 % of the time, at conv1",
        "1 instruction not fused (HardSwish): 12 % of the time, at conv1",
    )


def test_many_layers_are_counted() -> None:
    layers = [replace(CONV, layer=f"conv{k}") for k in range(1, 9)]
    (sentence,) = diff_page(made_up(*layers)).programs[1].findings
    assert sentence.endswith("at conv1, conv2, conv3, conv4 and 4 more")


def test_rows_say_what_each_side_does(diff: Diff) -> None:
    weights, conv, activation = diff_page(diff).rows
    assert (weights.layer, weights.a) == ("weights of conv1", NOTHING)
    assert (conv.layer, conv.a.kernel, conv.b.kernel) == (
        "conv1",
        "Conv + Relu",
        "QLinearConv + Relu",
    )
    assert (conv.a.bits, conv.b.bits) == ("32×32", "8×8 (4)")
    assert conv.b.shapes == "1×16×32×32 → 1×16×32×32"
    assert (conv.b.microseconds, conv.b.share) == ("20", "50.0 %")
    assert (activation.layer, activation.b.bits) == ("behind conv1", "32")


def test_a_terminal_shows_it_all(diff: Diff) -> None:
    console = Console(width=160)
    with console.capture() as shown:
        console.print(diff_table(diff_page(diff)))
    for words in ("B is trial 7: 1.5 ms, 3 instructions", "8×8 (4)", "compare shares"):
        assert words in shown.get()


def test_the_report_has_it_for_baseline_and_pick(diff: Diff, results: Results) -> None:
    page = Elements(report_html(results, diff=diff_page(diff)))
    words = " ".join(page.words.split())
    assert "Why is it not faster?" in words
    assert "trial 7: 3 instructions in 1.5 ms" in words
    assert "QLinearConv + Relu" in words
    assert "compare shares" in words


def test_the_report_says_why_it_was_not_measured(results: Results) -> None:
    page = Elements(report_html(results, diff="onnxruntime could not load it"))
    assert "Not measured: onnxruntime could not load it" in " ".join(page.words.split())


def test_a_run_without_files_has_nothing_to_show(results: Results) -> None:
    picked = chosen(standings(results))
    assert picked is not None
    assert diff_of_member(results, picked) is None
    assert "Why is it not faster?" not in report_html(results)


def test_files_that_do_not_run_are_told_and_end_nothing(results: Results) -> None:
    picked = chosen(standings(results))
    assert picked is not None
    member = results.folder / "candidates" / picked.record.candidate.key
    for folder in (results.folder / "baseline", member):
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"nothing")
    assert "could not load" in str(diff_of_member(results, picked))
