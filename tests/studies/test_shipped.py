"""The studies that come with Tightfit run from their name to an exported file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.studies.command_line import tightfit
from tightfit.studies.run_folder import RunFolder


def run_and_export(name: str, folder: Path, *options: object) -> None:
    assert tightfit("run", name, "--to", folder / "run", *options) == 0
    assert tightfit("export", folder / "run", "--to", folder / "out") == 0
    size = (folder / "out" / "model.onnx").stat().st_size / 1000
    results = RunFolder(folder / "run").results()
    bound = next(each.bound for each in results.constraints if each.metric == "size_kb")
    assert size <= bound


@pytest.mark.slow
def test_a_users_own_network_and_data(tmp_path: Path) -> None:
    run_and_export("custom_model", tmp_path, "--trials", 2)


@pytest.mark.matrix
@pytest.mark.parametrize("name", ["quickstart", "mobilenet", "custom_model"])
def test_a_shipped_study_as_it_is(name: str, tmp_path: Path) -> None:
    run_and_export(name, tmp_path)
