from __future__ import annotations

import re
from pathlib import Path

import pytest

from tightfit import SpecError
from tightfit.studies.assembly import assemble
from tightfit.studies.spec_space import SpaceTable
from tightfit.studies.study_file import find_study, read_study, schema, spec_to_json

MINIMAL = """
constraints = ["size_kb <= 0.1 * baseline"]
[model]
name = "resnet18"
[space.pruning]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_minimal_study_takes_its_name_from_the_file(tmp_path: Path) -> None:
    study = read_study(write(tmp_path, MINIMAL))
    assert study.name == "mine"
    assert study.folder == tmp_path
    assert study.spec.space.pruning is not None
    assert study.spec.space.quantization is None
    assert study.spec.objectives == ("accuracy", "size_kb")


def test_set_replaces_and_adds_keys(tmp_path: Path) -> None:
    study = read_study(
        write(tmp_path, MINIMAL),
        [
            "trials=7",
            "sampler=tpe",
            'model.weights="w.safetensors"',
            "space.pruning.ratios=[0, 0.5]",
        ],
    )
    assert study.spec.trials == 7
    assert study.spec.sampler == "tpe"
    assert study.spec.model.weights == "w.safetensors"
    assert study.spec.space.pruning is not None
    assert study.spec.space.pruning.ratios == (0.0, 0.5)


def test_a_shipped_study_is_found_by_its_bare_name() -> None:
    assert find_study("quickstart").name == "quickstart.toml"


def test_learning_rates_follow_the_optimizer_unless_they_are_given(tmp_path: Path) -> None:
    def rates(*overrides: str) -> tuple[float, ...]:
        return read_study(write(tmp_path, MINIMAL), overrides).spec.space.schedule.learning_rates

    adamw = "training.optimizer=adamw"
    assert rates() == rates("training.optimizer=sgd") == (0.02, 0.05)
    assert rates(adamw) == rates(adamw, "space.schedule.epochs=[2]") == (0.0005, 0.002)
    assert rates(adamw, "space.schedule.learning_rates=[0.001]") == (0.001,)


def test_a_loop_of_the_users_own_is_told_no_learning_rate_and_none_is_searched(
    tmp_path: Path,
) -> None:
    def space(*overrides: str) -> SpaceTable:
        own = "training.fit=own:fit", "space.distillation={}"
        return read_study(write(tmp_path, MINIMAL), (*own, *overrides)).spec.space

    usual = space()
    assert usual.distillation is not None
    assert (usual.schedule.learning_rates, usual.schedule.epochs) == ((0.05,), (4,))
    assert (usual.distillation.weights, usual.distillation.temperatures) == ((0.9,), (4.0,))
    assert space("training.optimizer=adamw").schedule.learning_rates == (0.002,)
    assert space("space.schedule.learning_rates=[0.01]").schedule.learning_rates == (0.01,)


@pytest.mark.parametrize(
    ("key", "choices"),
    [
        ("schedule.learning_rates", "[0.02, 0.05]"),
        ("distillation.weights", "[0.5, 0.9]"),
        ("distillation.temperatures", "[2.0, 4.0]"),
    ],
)
def test_choices_of_which_a_loop_of_the_users_own_is_not_told_are_refused(
    tmp_path: Path, key: str, choices: str
) -> None:
    overrides = ("training.fit=own:fit", f"space.{key}={choices}")
    words = f"is not told which of 'space.{key}' was chosen: give one in place of {choices}, or "
    with pytest.raises(SpecError, match=re.escape(words)):
        assemble(read_study(write(tmp_path, MINIMAL), overrides))


@pytest.mark.parametrize(
    ("overrides", "optimizer", "weight_decay"),
    [
        ((), "sgd", 5e-4),
        (("training.optimizer=adamw",), "adamw", 0.05),
        (("training.optimizer=adamw", "training.weight_decay=0.0"), "adamw", 0.0),
    ],
)
def test_networks_are_trained_as_the_study_says(
    tmp_path: Path, overrides: tuple[str, ...], optimizer: str, weight_decay: float
) -> None:
    settings = assemble(read_study(write(tmp_path, MINIMAL), overrides)).trainer(None).settings
    assert (settings.optimizer, settings.weight_decay) == (optimizer, weight_decay)


def test_equal_studies_have_equal_json(tmp_path: Path) -> None:
    first = read_study(write(tmp_path, MINIMAL)).spec
    second = read_study(write(tmp_path, MINIMAL + "\n# a comment\n")).spec
    assert spec_to_json(first) == spec_to_json(second)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty; 'tightfit init' writes one"),
        ("trials = ", "is not valid TOML"),
        ("trials = 3", "'model' is missing"),
        (MINIMAL + "[spaces]\n", "unknown table 'spaces'; did you mean 'space'"),
        ("trails = 3\n" + MINIMAL, "unknown key 'trails'; did you mean 'trials'"),
        (
            MINIMAL + "ratio = [0.5]",
            r"unknown key 'ratio'; did you mean 'ratios'\? in \[space.prun",
        ),
        (MINIMAL + "[space.prunning]", r"unknown table 'prunning'; did you mean 'pruning'"),
        ("trials = 0\n" + MINIMAL, "'trials' should be greater than or equal to 1, got 0"),
        ("trials = -4\n" + MINIMAL, "'trials' should be greater than or equal to 1, got -4"),
        ('sampler = "tpee"\n' + MINIMAL, "'sampler' must be .*'tpe'.* got 'tpee'"),
        ("objectives = []\n" + MINIMAL, r"'objectives' should have 1 or more items, got \[\]"),
        (MINIMAL + "ratios = [1.0]", "should be less than 1, got 1.0"),
        (MINIMAL + "[space.schedule]\nepochs = [0]", "greater than or equal to 1, got 0"),
        (MINIMAL + "[space.quantization]\nbits = [3]", "must be 8, 4, 2 or 'none', got 3"),
        (MINIMAL + "[space.depth]\nper = 'layer'", "'space.depth.per' must be 'block' or 'stage'"),
        (MINIMAL + "[training]\nteacher_views = 2", "greater than or equal to 4, got 2"),
        (
            'name = "a/b"\n' + MINIMAL,
            "'name' should begin with a letter or a digit and .* got 'a/b'",
        ),
        (
            MINIMAL.replace("[", "", 1).replace("]", "", 1),
            "'constraints' should be a list, e.g. .\"size_kb <= 0.1 .*, got 'size_kb <= 0.1",
        ),
        (
            MINIMAL + '[space.decomposition]\nranks = ["x"]',
            "each of 'space.decomposition.ranks' should be a number or 'none', got 'x'",
        ),
        (
            MINIMAL + "[space.decomposition]\nranks = [1.5]",
            "'space.decomposition.ranks' should be less than or equal to 1 or 'none', got 1.5",
        ),
        (MINIMAL + "ratios = 0.5", r"'space.pruning.ratios' should be a list, e.g. \[0.5\]"),
        (MINIMAL + "[training]\nthreads = 1.5", "'training.threads' should be a whole number"),
        ('model = "resnet18"\n[space.pruning]', "'model' should be a table, got 'resnet18'"),
        ('[model]\nname = "resnet18"\n[space]\n', "no compression technique is on"),
        (MINIMAL + "[training]\noptimizer = 'adam'", "must be 'sgd' or 'adamw', got 'adam'"),
        (MINIMAL + "[training]\nweight_decay = -1.0", "greater than or equal to 0, got -1.0"),
        (MINIMAL + "[training]\nbaseline_learning_rate = 0", "should be greater than 0, got 0"),
        (MINIMAL + "[data]\ndownload = 'perhaps'", "'data.download' should be true or false, got"),
    ],
)
def test_a_mistake_is_named_with_what_to_write_instead(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        read_study(write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_binary_file_is_not_a_study(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x80\x02\xff\xfe")
    with pytest.raises(SpecError, match="cannot be read: it is not text"):
        read_study(path)


def test_a_missing_study_names_the_shipped_ones() -> None:
    with pytest.raises(
        SpecError, match=r"no study file qickstart; shipped studies are .*quickstart"
    ):
        find_study("qickstart")


def test_a_folder_is_not_a_study(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="is a folder; give a study file"):
        find_study(str(tmp_path))


@pytest.mark.parametrize(
    ("override", "message"),
    [("trials", "--set takes KEY=VALUE"), ("constraints.a=3", "'constraints' is not a table")],
)
def test_a_malformed_override_is_refused(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        read_study(write(tmp_path, MINIMAL), [override])


def test_the_schema_describes_every_table() -> None:
    described = schema()
    assert {"model", "data", "space", "training", "device"} <= set(described["properties"])
    trial = described["$defs"]["TrialTable"]["properties"]
    assert "1 MB = 1,000,000 bytes" in trial["memory_mb"]["description"]
    assert "Wall time" in trial["minutes"]["description"]


def test_a_run_is_not_a_study_and_is_told_from_other_folders(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(SpecError, match="is a run; give the study file that it was begun with"):
        find_study(str(tmp_path))
