"""The built wheel is enough: studies, data and weights come with it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FOLDERS = ("tightfit", "search", "spaces", "objectives", "studies")
SHIPPED = ("quickstart", "mobilenet", "mobilenetv4", "vit", "custom_model")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in (*FOLDERS, "pyproject.toml", "README.md", "LICENSE"):
        path = ROOT / name
        if path.is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "*_cache")
            shutil.copytree(path, source / name, symlinks=True, ignore=ignore)
        else:
            shutil.copy(path, source)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    (found,) = out.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a process that finds the wheel's packages first."""
    site = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(site), str(wheel)], check=True, capture_output=True)
    # What is installed is a copy, of which no coverage is asked.
    own = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment = own | {"PYTHONPATH": str(site)}
    where = "import tightfit.studies; print(tightfit.studies.__file__)"
    said = subprocess.run(
        [sys.executable, "-c", where], env=environment, cwd=site, check=True, capture_output=True
    )
    assert str(site) in said.stdout.decode()
    return environment


def tightfit(
    environment: dict[str, str], folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tightfit.studies", *arguments]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_types_studies_data_and_their_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "tightfit/py.typed" in names
    assert {f"tightfit/studies/{name}.toml" for name in SHIPPED} <= names
    assert {f"tightfit/studies/{name}.py" for name in ("custom_model", "vit")} <= names
    assert any(name.endswith("fashion_mnist_10k.md") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_the_installed_quickstart_runs_in_an_empty_folder(
    installed: dict[str, str], tmp_path: Path
) -> None:
    shorter = (
        "--trials", "1",
        "--set", "device.seconds=0.5",
        "--set", 'space={pruning={per="stage"}, quantization={bits=[8]}, schedule={epochs=[1]}}',
        "--set", "references={uniform=0, single_techniques=false, from_scratch=false}",
        "--set", 'constraints=["size_kb <= 0.02 * baseline"]',
    )  # fmt: skip
    done = tightfit(installed, tmp_path, "run", "quickstart", *shorter)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"runs"}
    assert (tmp_path / "runs" / "quickstart" / "report.html").is_file()
    run = str(Path("runs", "quickstart"))
    done = tightfit(installed, tmp_path, "export", run, "--to", "out")
    claims = json.loads((tmp_path / "out" / "report.json").read_text())["verified"]["claims"]
    broken = {claim["name"] for claim in claims if claim["verdict"] == "does not hold"}
    # Other tests share the cores, so a time may differ from what was claimed.
    assert broken <= {"latency / baseline"}
    assert done.returncode == bool(broken), done.stderr
    size = (tmp_path / "out" / "model.onnx").stat().st_size
    assert size < 0.02 * (tmp_path / run / "baseline" / "model.onnx").stat().st_size


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_study_can_be_checked_by_its_name(
    installed: dict[str, str], tmp_path: Path, name: str
) -> None:
    done = tightfit(installed, tmp_path, "check", name)
    assert done.returncode == 0, done.stderr
    assert "combinations" in done.stdout
