"""What the README shows is what there is, and it runs."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, TypeGuard, get_args

import pytest
import torch

from tests.studies.tiny.own import make_data, make_net
from tightfit import Recipe
from tightfit.objectives import data
from tightfit.objectives.devices import Precision
from tightfit.objectives.metrics import METRICS
from tightfit.objectives.task import classification
from tightfit.objectives.training import Trainer
from tightfit.studies.cli import app
from tightfit.studies.spec import StudySpec
from tightfit.studies.spec_table import Table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_study_explained_is_the_quickstart() -> None:
    shown = tomllib.loads(block("toml"))
    assert shown == tomllib.loads((ROOT / "studies" / "quickstart.toml").read_text("utf-8"))


@pytest.mark.parametrize("page", ["ends", "devices", "microcontrollers", "your_own"])
def test_a_study_may_have_the_tables_that_a_page_shows(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
    shown = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert shown
    usual = {"model": {"name": "own:make_net"}, "space": {"pruning": {}}}
    for table in shown:
        StudySpec.model_validate(usual | tomllib.loads(table))


def keys(table: type[Table], prefix: str) -> dict[str, Any]:
    """Return each key of a table and of those within it, with its default; ``None`` for none."""
    found: dict[str, Any] = {}
    for name, field in table.model_fields.items():
        inner = next(
            (each for each in (field.annotation, *get_args(field.annotation)) if is_table(each)),
            None,
        )
        if inner is not None:
            found |= keys(inner, f"{prefix}{name}.")
        else:
            found[prefix + name] = None if field.is_required() else field.default
    return found


def is_table(annotation: object) -> TypeGuard[type[Table]]:
    return isinstance(annotation, type) and issubclass(annotation, Table)


def test_every_key_of_a_study_is_on_the_page_of_keys_with_its_default() -> None:
    shown: dict[str, Any] = {}
    table = ""
    for line in (ROOT / "docs" / "studies.md").read_text("utf-8").splitlines():
        if line.startswith("#"):
            tables = re.findall(r"`\[([\w.]+)\]`", line)
            table = f"{tables[0]}." if len(tables) == 1 else ""
        elif line.startswith("| `"):
            _, named, value, *_ = (cell.strip(" `") for cell in line.split("|"))
            default = tomllib.loads(f"value = {value}")["value"] if value else None
            for name in named.split("`, `"):
                shown[table + name] = tuple(default) if isinstance(default, list) else default
    assert shown == keys(StudySpec, "")


def test_every_page_that_a_page_names_is_there() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for name in re.findall(r"\]\(([^):#]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            assert (page.parent / name).is_file(), f"{page.name}: {name}"


def test_every_command_and_metric_is_in_the_readme() -> None:
    commands = [*app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        commands += group.typer_instance.registered_commands
    names = {command.name or command.callback.__name__ for command in commands}  # type: ignore[union-attr]
    assert {"run", "decide"} < names
    for name in names:
        assert f"tightfit {name}" in README
    for metric in METRICS:
        assert f"`{metric.name}`" in README


def test_every_file_and_folder_that_contributing_names_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = set(re.findall(r"`([\w/]+/[\w./]*)`", text))
    assert "objectives/metrics/__init__.py" in named
    for name in named:
        assert (ROOT / name).exists(), name


def test_what_a_run_needs_and_may_take_is_in_the_readme() -> None:
    for word in ("Linux or macOS", "--storage URL", "`[trial]`", "`fit = "):
        assert word in README


def test_the_training_loop_that_a_page_shows_learns() -> None:
    page = (ROOT / "docs" / "training.md").read_text("utf-8")
    found = re.search(r"```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(compile(found[1], "training.md", "exec"), names)
    train, validation, _ = make_data()
    bars = data.make_data(
        "bars", train=data.Split(*train), validation=data.Split(*validation), test=None
    )
    losses: list[float] = []
    trainer = Trainer(bars, classification(), Precision("cpu", bfloat16=False), fit=names["fit"])
    recipe = Recipe(epochs=8, learning_rate=0.1)
    torch.manual_seed(0)
    trainer(make_net(), recipe, seed=0, progress=lambda *step: losses.append(step[2]))
    assert len(losses) == 8
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.slow
def test_the_python_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    train, validation, test = make_data()
    names: dict[str, Any] = {
        "model": make_net(),
        "train": train,
        "validation": validation,
        "test": test,
    }
    code = block("python").replace("trials=40", "trials=4")
    exec(compile(code, "README.md", "exec"), names)
    assert (tmp_path / "out" / "model.onnx").is_file()
