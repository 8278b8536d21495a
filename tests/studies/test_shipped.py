"""The studies that come with Tightfit run from their name to an exported file."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime
import pytest
import torch

from tests.studies.command_line import tightfit, tiny_study
from tests.studies.tiny import own, tokens
from tightfit.studies import load
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.study_file import find_study, read_study

SHIPPED = ("quickstart", "mobilenet", "mobilenetv4", "vit", "custom_model")


def skip_without_its_library(name: str) -> None:
    if read_study(find_study(name)).spec.model.name.startswith("timm:"):
        pytest.importorskip("timm")


def run_and_export(name: str, folder: Path, *options: object) -> None:
    assert tightfit("run", name, "--to", folder / "run", *options) == 0
    assert tightfit("export", folder / "run", "--to", folder / "out") == 0
    size = (folder / "out" / "model.onnx").stat().st_size / 1000
    results = RunFolder(folder / "run").results()
    bound = next(each.bound for each in results.constraints if each.metric == "size_kb")
    assert size <= bound


@pytest.mark.slow
def test_a_users_own_network_and_data(tmp_path: Path) -> None:
    run_and_export("custom_model", tmp_path, "--trials", 2, "--set", "device.seconds=0.5")


@pytest.mark.slow
def test_a_transformer_is_searched_with_adamw_and_its_export_loads_again(tmp_path: Path) -> None:
    options = [
        "model.name=tokens:make_net",
        "references.small_nets=[]",
        "training.optimizer=adamw",
        "space.schedule.learning_rates=[0.002]",
        "space.pruning.per=layer",
    ]
    overrides = [part for option in options for part in ("--set", option)]
    study = tiny_study(tmp_path)
    assert tightfit("run", study, "--to", tmp_path / "run", "--trials", 3, *overrides) == 0
    assert tightfit("export", tmp_path / "run", "--to", tmp_path / "out") == 0
    names = {hparam.name for hparam in RunFolder(tmp_path / "run").results().space.hparams}
    assert [name for name in names if name.endswith(".heads.pruning_ratio")]
    report = json.loads((tmp_path / "out" / "report.json").read_text("utf-8"))
    assert report["test_accuracy"]["value"] > 0.6
    session = onnxruntime.InferenceSession(tmp_path / "out" / "model.onnx")
    mean, std = (torch.tensor(report["input"][key])[:, None, None] for key in ("mean", "std"))
    inputs = (own.make_data()[2][0] - mean) / std
    outputs = session.run(None, {session.get_inputs()[0].name: inputs.numpy()})[0]
    with torch.no_grad():
        found = load(tmp_path / "out", model=tokens.make_net)(inputs)
    # Where a value lies between two steps, one of the two may round it up and the other down.
    assert float((found - torch.from_numpy(outputs)).abs().mean()) < 0.01
    assert (found.argmax(1).numpy() == outputs.argmax(1)).mean() > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_study_has_no_mistake_and_room_under_its_limits(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    skip_without_its_library(name)
    assert tightfit("check", name, "--json") == 0
    checked = json.loads(capsys.readouterr().out)
    assert checked["possible"]
    assert checked["share_within_static_limits"] > 0.01


@pytest.mark.matrix
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_study_as_it_is(name: str, tmp_path: Path) -> None:
    skip_without_its_library(name)
    run_and_export(name, tmp_path)
