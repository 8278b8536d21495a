"""An export whose file takes pictures as they are, from the search to its card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from tests.studies.command_line import run_card, tightfit
from tests.studies.tiny.own import make_data, make_net
from tightfit import SpecError
from tightfit.objectives.datasets import from_objects
from tightfit.objectives.runtimes import RUNTIMES
from tightfit.studies import Preprocess, compress
from tightfit.studies.compressing import Result
from tightfit.studies.exporting import Exported

pytestmark = pytest.mark.slow


def pixels(part: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    inputs, targets = part
    return (128 + 50 * inputs).clamp(0, 255).to(torch.uint8), targets


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    train, validation, test = map(pixels, make_data())
    torch.manual_seed(0)
    return compress(
        make_net(), train, validation, test,
        constraints=[
            "size_kb <= 0.9 * baseline", "peak_kb <= 90000", "latency_ms.openvino <= 90 * baseline",
        ], trials=1,
        folder=tmp_path_factory.mktemp("runs") / "run",
        space={"quantization": {"per": "network", "bits": [8]}, "schedule": {"epochs": [2]}},
        references={"single_techniques": False, "uniform": 0, "from_scratch": False},
        training={"threads": 1, "batch_size": 32},
    )  # fmt: skip


@pytest.fixture(scope="module", params=[None, (48, 64)])
def exported(
    request: pytest.FixtureRequest, result: Result, tmp_path_factory: pytest.TempPathFactory
) -> Exported:
    to = tmp_path_factory.mktemp("exports") / "out"
    return result.export("knee", to, preprocess=Preprocess(request.param))


def test_the_very_file_is_claimed_and_verified(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads((exported.folder / "report.json").read_text())
    file = exported.folder / "model.onnx"
    assert report["input"]["preprocessed"]
    assert report["metrics"]["size_kb"]["value"] == file.stat().st_size / 1000
    found = {claim["name"]: claim["found"] for claim in report["verified"]["claims"]}
    mine, whole = (each["metrics"] for each in (report, report["baseline"]))
    for metric, claim in (
        ("latency_ms", "latency / baseline"),
        ("latency_ms.openvino", "latency / baseline in openvino"),
    ):
        ratio = mine[metric]["value"] / whole[metric]["value"]
        assert found[claim]["value"] == pytest.approx(ratio), claim
    assert found["memory"]["value"] == mine["peak_kb"]["value"]
    assert found["accuracy on the test split"]["value"] == report["test_accuracy"]["value"]
    capsys.readouterr()
    assert tightfit("verify", exported.folder) == 0
    assert "All 6 claims that could be checked hold." in capsys.readouterr().out


def test_it_stands_beside_itself_with_pictures_of_the_usual_size(
    exported: Exported, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert tightfit("diff", exported.folder, exported.folder, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    sides = exported.report["input"]["source"] or exported.report["input"]["pictures"][1:]
    for file in found["files"]:
        assert file["inputs"][0]["shape"][1:3] == sides


def test_the_lines_of_the_card_feed_it_pictures_as_they_are(
    result: Result, exported: Exported
) -> None:
    card = (exported.folder / "README.md").read_text("utf-8")
    assert "mean" not in card[card.index("```python") : card.index("## Check it")]
    with np.load(exported.folder / "proof" / "test.npz") as arrays:
        inputs = arrays["inputs"][:8]
    record = result.front.members[0]
    plain = result.results.folder / "candidates" / record.candidate.key / "model.onnx"
    session = onnxruntime.InferenceSession(plain)
    data = result.assembly.data
    normalized = data.normalize(torch.from_numpy(inputs)).numpy()
    outputs = session.run(None, {session.get_inputs()[0].name: normalized})[0]
    assert run_card(exported.folder) == outputs.argmax(1).tolist()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--source-size", "48x64"), "give --preprocess as well"),
        (("--preprocess", "--source-size", "48"), "--source-size takes HEIGHTxWIDTH, e.g. 480x640"),
        (("--preprocess", "--format", "litert"), "--preprocess is for files of onnxruntime"),
    ],
)
def test_options_that_do_not_fit_are_told(
    result: Result, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...], message: str,
) -> None:  # fmt: skip
    arguments = ("export", result.results.folder, "--to", tmp_path / "out", *options)
    assert tightfit(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_inputs_that_are_no_pixels_cannot_be_prepared_inside(result: Result) -> None:
    train, validation, test = make_data()
    floats = replace(result.assembly, data=from_objects(train, validation, test, seed=0))
    with pytest.raises(SpecError, match="has inputs of float32; export without --preprocess"):
        Preprocess().of(floats)


def test_files_of_other_runtimes_do_not_prepare_pictures(result: Result) -> None:
    serving = replace(result.assembly.serving, chosen=RUNTIMES["openvino"])
    with pytest.raises(SpecError, match=r"device\.runtime is 'openvino'; export without"):
        Preprocess().of(replace(result.assembly, serving=serving))
