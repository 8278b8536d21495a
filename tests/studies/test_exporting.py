"""What a run found is handed over with what it was begun with, and with nothing else."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from tests.studies.command_line import tightfit, tiny_study
from tests.studies.conftest import plan_of
from tests.studies.test_same_run import begin, live
from tightfit import SpecError
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.export_config import export_config
from tightfit.studies.export_report import Member
from tightfit.studies.exporting import Exported, export_member, run_assembly
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.standing import chosen, standings
from tightfit.studies.study_file import read_study
from tightfit.studies.verification import Verification


def test_nothing_is_handed_over_with_other_data_than_the_run_had(
    tmp_path: Path, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    begin(run, assemble(read_study(study)), study_path=study)
    assert run_assembly(run, None).data.name == "own:make_data"
    moved = study.rename(tmp_path / "moved.toml")
    with pytest.raises(SpecError, match=r"is not at .*tiny\.toml; name it with --study"):
        run_assembly(run, None)
    assert run_assembly(run, moved).data.name == "own:make_data"
    own = tmp_path / "own.py"
    own.write_text(own.read_text().replace("manual_seed(0)", "manual_seed(1)"))
    for name in [each for each in sys.modules if each.endswith("__own")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SpecError, match="begun with other weights, data, code of yours"):
        run_assembly(run, moved)
    monkeypatch.setattr(RunFolder, "results", lambda _run: results)
    moved.rename(study)
    with pytest.raises(SpecError, match="begun with other weights, data, code of yours"):
        export_member(run, pick="knee", to=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_of_live_objects_says_how_it_is_exported(
    tmp_path: Path,
    results: Results,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = RunFolder(tmp_path / "run")
    begin(run, live())
    monkeypatch.setattr(RunFolder, "results", lambda _run: results)
    for arguments in (
        ("export", run.path, "--to", tmp_path / "out"),
        ("export", run.path, "--to", tmp_path / "out", "--study", tiny_study(tmp_path)),
        ("whatif", run.path, "--limits", "size_kb <= 100"),
    ):
        assert tightfit(*arguments) == 2
        said = " ".join(capsys.readouterr().err.split())
        assert "was made from Python" in said
        assert "and use result.export(...)" in said


def test_what_a_notebook_shows_of_an_export_is_short(results: Results) -> None:
    standing = chosen(standings(results))
    assert standing is not None
    verification = Verification("", (), (), "onnxruntime", {}, (), ())
    exported = Exported(Path("out"), standing, {"many": "claims"}, verification)
    assert repr(exported) == f"Exported({standing.name}, folder='out')"


def test_what_a_network_is_rebuilt_from_is_toml_whatever_its_path_is_called(
    results: Results,
) -> None:
    standing = chosen(standings(results))
    assert standing is not None
    model = {"name": "own:make_net", "weights": "/runs/🙂/net.safetensors", "stem_stride": 2}
    plan = plan_of(results, {"model": model, "space": {"pruning": {"per": "layer"}}})
    device = SimpleNamespace(target_cpu="portable")
    assembly = SimpleNamespace(
        data=SimpleNamespace(input_shape=(1, 28, 28), classes=10),
        study=SimpleNamespace(spec=SimpleNamespace(device=device)),
    )
    member = Member(results, plan, cast(Assembly, assembly), standing)
    assert tomllib.loads(export_config(member))["model"] == model
