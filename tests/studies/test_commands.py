"""The commands that look at things and change nothing."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.studies.command_line import TINY, tightfit, tiny_study
from tests.studies.tiny.own import make_net
from tightfit import __version__
from tightfit.objectives.metrics import METRICS
from tightfit.objectives.quality_metrics import QUALITY_METRICS
from tightfit.studies.commands import members
from tightfit.studies.exporting import Exported
from tightfit.studies.results import Results
from tightfit.studies.spec import StudySpec
from tightfit.studies.standing import standings
from tightfit.studies.verification import Verification

Capture = pytest.CaptureFixture[str]


def document(capsys: Capture, *arguments: object, code: int = 0) -> Any:
    """Run a command with ``--json``; standard output must be one JSON document."""
    assert tightfit(*arguments, "--json") == code
    return json.loads(capsys.readouterr().out)


def test_the_version_is_printed(capsys: Capture) -> None:
    assert tightfit("--version") == 0
    assert capsys.readouterr().out.strip() == __version__


def test_every_metric_is_listed_with_unit_stage_and_kind(capsys: Capture) -> None:
    rows = {row["name"]: row for row in document(capsys, "metrics")}
    named = {each.metric.name for each in QUALITY_METRICS}
    assert set(rows) == {metric.name for metric in METRICS} | {"accuracy"} | named
    assert rows["latency_ms"]["unit"] == "ms"
    assert rows["latency_ms"]["stage"] == "runtime"
    assert rows["energy_mj"]["kind"] == "estimated"
    assert tightfit("metrics") == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in rows)


def test_the_schema_names_every_key_of_a_study(capsys: Capture) -> None:
    assert tightfit("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    assert set(schema["properties"]) == set(StudySpec.model_fields)
    assert schema["additionalProperties"] is False


def test_the_schema_says_of_every_key_what_it_is(capsys: Capture) -> None:
    assert tightfit("schema") == 0
    schema = json.loads(capsys.readouterr().out)
    tables = {"StudySpec": schema, **schema["$defs"]}

    def is_described(key: dict[str, Any]) -> bool:
        references = [each["$ref"] for each in (key, *key.get("anyOf", ())) if "$ref" in each]
        inner = [tables[each.rpartition("/")[2]] for each in references]
        return "description" in key or any("description" in each for each in inner)

    keys = [
        (f"{table}.{name}", key)
        for table, described in tables.items()
        for name, key in described.get("properties", {}).items()
    ]
    assert len(keys) > 60
    assert [name for name, key in keys if not is_described(key)] == []


def test_what_a_users_function_prints_is_not_in_the_document(
    tmp_path: Path, capsys: Capture
) -> None:
    study, own = tiny_study(tmp_path), tmp_path / "own.py"
    says = 'def make_net() -> nn.Module:\n    print("loading")\n'
    own.write_text(own.read_text().replace("def make_net() -> nn.Module:\n", says))
    assert tightfit("check", study, "--json") == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["possible"]
    assert "loading" in said.err
    assert tightfit("check", study) == 0
    assert "loading" in capsys.readouterr().out


def test_names_outside_of_the_basic_plane_are_written_as_toml_has_them(capsys: Capture) -> None:
    name, data = "nets_🙂:make_net", 'imagefolder:/data/"🐈"'
    assert tightfit("init", "--model", name, "--data", data) == 0
    study = tomllib.loads(capsys.readouterr().out)
    assert (study["model"]["name"], study["data"]["name"]) == (name, data)


def test_init_writes_a_study_that_can_be_checked(tmp_path: Path, capsys: Capture) -> None:
    name = "torchvision:squeezenet1_1"
    assert tightfit("init", "--model", name, "--data", "fashion_mnist_10k") == 0
    text = capsys.readouterr().out
    assert tomllib.loads(text)["model"]["name"] == name
    study = tmp_path / "study.toml"
    study.write_text(text)
    found = document(capsys, "check", study)
    assert found["possible"]
    assert any("trains it first" in note for note in found["notes"])


def test_check_says_what_a_study_means_and_trains_nothing(tmp_path: Path, capsys: Capture) -> None:
    study = tiny_study(tmp_path)
    found = document(capsys, "check", study)
    assert found["possible"]
    assert found["baseline"]["params"]["value"] == sum(
        tensor.numel() for tensor in make_net().parameters()
    )
    assert 0 < found["share_within_static_limits"] < 1
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
    assert tightfit("check", study) == 0
    shown = capsys.readouterr().out
    assert "random candidates keep the limits" in shown
    assert "combinations" in shown


@pytest.mark.parametrize(
    ("limit", "possible", "words"),
    [
        ("size_kb <= 0.2", False, "No candidate keeps them, which is proven"),
        # The greatest value of a maximum is no linear program.
        ("ram_kb >= 1e6", None, "none was found, which is no proof"),
    ],
)
def test_check_says_impossible_only_where_that_is_proven(
    tmp_path: Path, capsys: Capture, limit: str, possible: bool | None, words: str
) -> None:
    question = ("check", tiny_study(tmp_path), "--set", f'constraints=["{limit}"]')
    found = document(capsys, *question, code=1)
    assert found["possible"] is possible
    assert (found["unproven"] is None) == (possible is False)
    assert tightfit(*question) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert words in shown
    assert ("'tightfit decide' looks further" in shown) == (possible is None)


def test_check_of_limits_that_no_candidate_keeps_ends_with_1(
    tmp_path: Path, capsys: Capture
) -> None:
    study = tiny_study(tmp_path)
    limits = ("--set", 'constraints=["params <= 20"]')
    assert document(capsys, "check", study, *limits, code=1)["least_violation"] > 0
    assert tightfit("check", study, *limits) == 1
    assert "No candidate keeps them" in capsys.readouterr().out


def test_inspect_counts_layer_by_layer(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(TINY)
    arguments = ("inspect", "own:make_net", "--input", "1x16x16", "--classes", 3)
    found = document(capsys, *arguments)
    state = make_net().state_dict().values()
    assert found["params"] == sum(tensor.numel() for tensor in make_net().parameters())
    assert found["state_dict_kb"] == sum(t.numel() * t.element_size() for t in state) / 1000
    layers = {layer["name"]: layer for layer in found["layers"]}
    assert layers["inner"]["macs"] == 16 * 16 * 16 * 16 * 9
    assert layers["widen"]["shape"] == [32, 16, 3, 3]
    # The residual sum ties the stem's channels to those of the inner convolution.
    tied = next(group for group in found["groups"] if "stem" in group["producers"])
    assert set(tied["producers"]) == {"stem", "inner"}
    assert layers["head"]["group"] is None
    assert found["blocks"] == [{"name": "inner", "layers": ["inner"]}]
    assert tightfit(*arguments) == 0
    shown = capsys.readouterr().out
    assert "widen" in shown
    assert "channel groups can be pruned, 1 residual block can be dropped" in shown


def test_a_run_without_anything_feasible_is_not_exported_which_is_no_wrong_input(
    empty_front: Results, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = SimpleNamespace(results=lambda: empty_front)
    monkeypatch.setattr(members, "open_run", lambda _: run)
    assert tightfit("export", tmp_path / "run", "--to", tmp_path / "out") == 1
    assert "run has nothing feasible to export; 'tightfit front" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_export_lists_what_it_wrote_and_nothing_else(
    results: Results, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_run: object, *, to: Path, **_others: object) -> Exported:
        (to / "proof").mkdir()
        for name in ("model.onnx", "report.json", "proof/test.npz"):
            (to / name).write_text("written")
        found = Verification("a title", (), (), "onnxruntime", {}, (), ())
        return Exported(to, standings(results)[0], {}, found)

    run = SimpleNamespace(results=lambda: results)
    monkeypatch.setattr(members, "open_run", lambda _: run)
    monkeypatch.setattr(members, "export_member", write)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "journal.log").write_text("mine")
    assert tightfit("export", "run", "--to", tmp_path) == 0
    listed = capsys.readouterr().out.partition(f"is in {tmp_path}:\n")[2].splitlines()
    names = [line.split()[0] for line in listed]
    assert names == ["model.onnx", "proof/test.npz", "report.json"]


@pytest.mark.parametrize("command", ["front", "report", "dashboard"])
def test_a_run_that_is_not_there_is_said_before_anything_else(
    command: str, tmp_path: Path, capsys: Capture
) -> None:
    assert tightfit(command, tmp_path / "nowhere") == 2
    found = " ".join(capsys.readouterr().err.split())
    assert f"there is no run {tmp_path / 'nowhere'}" in found
    assert tightfit(command, tmp_path) == 2
    assert "is not a run" in " ".join(capsys.readouterr().err.split())


def test_backbones_are_compared_by_what_they_cost_and_what_was_published(
    capsys: Capture, tmp_path: Path
) -> None:
    page = tmp_path / "backbones.html"
    names = ("squeezenet1_1", "shufflenet_v2_x0_5")
    arguments = (
        "backbones", *names, "--input", "3x64x64",
        "--limits", "size_kb <= 5000", "--picture", page,
    )  # fmt: skip
    found = {row["name"]: row for row in document(capsys, *arguments)}
    assert set(found) == set(names)
    squeezed = found["squeezenet1_1"]
    assert squeezed["published_accuracy"] == 0.58178
    assert squeezed["metrics"]["params"]["value"] == 1_235_496
    assert squeezed["metrics"]["latency_ms"]["kind"] == "measured"
    assert squeezed["verdict"] == "fits"
    assert found["shufflenet_v2_x0_5"]["verdict"] == "after compression"
    assert "shufflenet_v2_x0_5" in page.read_text("utf-8")
    assert tightfit(*arguments) == 0
    assert "58.2 %" in capsys.readouterr().out


def test_a_limit_that_no_backbone_keeps_ends_with_1(capsys: Capture) -> None:
    limits = ("--limits", "params <= 10")
    (found,) = document(capsys, "backbones", "squeezenet1_1", "--input", "3x64x64", *limits, code=1)
    assert found["verdict"] == "not within reach"
    assert found["reason"].startswith("breaks params <= 10; no candidate keeps the limits (proven)")


def test_backbones_by_a_wrong_name_or_limit_are_named(capsys: Capture) -> None:
    assert tightfit("backbones", "resnet19") == 2
    assert "no classifier 'resnet19'; did you mean 'resnet1" in capsys.readouterr().err
    assert tightfit("backbones", "resnet18", "--limits", "size_kb <= 0.5 * baseline") == 2
    assert "there is no baseline" in " ".join(capsys.readouterr().err.split())
