"""Models of users' own at every door: from Python, and named in a study or on the command line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.spaces.bad_models import PICTURE, Model, TwoInputs, plain
from tests.studies.command_line import tightfit, tiny_study
from tightfit import SpecError
from tightfit.studies import compressing
from tightfit.studies.assembly import assemble
from tightfit.studies.baseline import trained_module
from tightfit.studies.compressing import compress
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.study_file import read_study

FUNCTIONS = """
import torch
from torch import nn

def net():
    pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5))
    return nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), *pool)

def half():
    return nn.DataParallel(net().half())

def parametrized():
    made = net()
    nn.utils.parametrizations.weight_norm(made[0])
    return made

def nowhere():
    return net().to("meta")

class Standardized(nn.Conv2d):
    def forward(self, x):
        spread, mean = torch.std_mean(self.weight, (1, 2, 3), keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / spread, self.bias)

class Cumulated(nn.Module):
    def forward(self, x):
        return x.cumsum(1)

def unruled():
    made = net()
    made[0] = Standardized(3, 16, 3)
    made.insert(1, Cumulated())
    return made

class Exponential(nn.Module):
    def forward(self, x):
        return torch.linalg.matrix_exp(x)

def untranslated():
    tail = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3))
    return nn.Sequential(nn.Conv2d(1, 16, 3), nn.Conv2d(16, 16, 3), Exponential(), *tail)

def whole():
    return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.Flatten(), nn.Linear(16 * 64, 5))

def lazy():
    return nn.Sequential(nn.LazyConv2d(8, 3), nn.Flatten(), nn.LazyLinear(5))

def state():
    return net().state_dict()

def quantized():
    made = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
    return torch.ao.quantization.quantize_dynamic(made, {nn.Linear})

class Leaves(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = net()

    def forward(self, x):
        raise SystemExit("no licence")

class Named(Leaves):
    def forward(self, x):
        return {"logits": self.layers(x)}

class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 16, 3, padding=1)
        self.first, self.second = (nn.Conv2d(16, 16, 3, padding=1) for _ in range(2))
        self.second.weight = self.first.weight
        self.head = nn.Linear(16, 3)

    def get_extra_state(self):
        return {"version": 1}

    def set_extra_state(self, state):
        assert state == {"version": 1}

    def forward(self, x):
        x = torch.relu(self.second(torch.relu(self.first(torch.relu(self.stem(x))))))
        return self.head(x.mean((2, 3)))
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with a module of models, in which commands are run."""
    (tmp_path / "brought.py").write_text(FUNCTIONS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "brought", raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ["half", "parametrized"])
@pytest.mark.usefixtures("own")
def test_inspect_sees_the_same_network_however_it_is_wrapped(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    found: list[dict[str, Any]] = []
    for each in ("net", name):
        arguments = (f"brought:{each}", "--input", "3x8x8", "--classes", 5, "--json")
        assert tightfit("inspect", *arguments) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["params"] == found[1]["params"] == 3 * 16 * 9 + 16 + 16 * 5 + 5
    assert found[0]["macs"] == found[1]["macs"]
    assert found[0]["layers"] == found[1]["layers"]


@pytest.mark.usefixtures("own")
def test_inspect_says_what_has_no_rule_and_what_is_computed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ("brought:unruled", "--input", "3x8x8", "--classes", 5)
    assert tightfit("inspect", *arguments, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    reason = "the operator 'cumsum' in '1' (Cumulated) has no rule"
    assert {"name": "0", "reason": reason} in found["frozen"]
    assert {"name": "1.cumsum", "reason": reason} in found["frozen"]
    assert found["computed"] == {"0.weight": ["0.weight"]}
    assert found["input_fixed"] is None
    assert tightfit("inspect", *arguments) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert f"0 keeps its channels: {reason}" in shown
    assert "0.weight is computed from 0.weight; from here on it is one weight, and trained" in shown
    assert "the input can have another size" in shown


@pytest.mark.usefixtures("own")
def test_inspect_says_why_the_input_keeps_its_size(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("brought:whole", "--input", "3x8x8", "--classes", 5)
    assert tightfit("inspect", *arguments, "--json") == 0
    assert "'input.size' cannot change to" in json.loads(capsys.readouterr().out)["input_fixed"]
    assert tightfit("inspect", *arguments) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "the input keeps its size: 'input.size' cannot change to 6x6 here" in shown


@pytest.mark.slow
@pytest.mark.usefixtures("own")
def test_a_network_that_can_have_no_file_is_refused_before_it_is_trained(
    capsys: pytest.CaptureFixture[str], own: Path
) -> None:
    pytest.importorskip("onnxscript")
    assert tightfit("check", tiny_study(own), "--set", "model.name=brought:untranslated") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "'linalg_matrix_exp' in '2' (Exponential) has no rule; torch.onnx cannot translate" in said
    )


@pytest.mark.filterwarnings("ignore:.*deprecated")
@pytest.mark.filterwarnings("ignore:torch.quantize_per")
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "cannot be put on the CPU, in float32 and evaluation mode: Cannot copy out of"),
        ("lazy", "'brought:lazy' is lazy, and its weights have no shape yet; run it once"),
        ("state", "must return a torch.nn.Module, got OrderedDict"),
        ("quantized", "'1' (Linear) is quantized by torch.ao, or prepared for it"),
        ("Leaves", "'brought:Leaves' cannot read inputs of [3, 8, 8]: no licence"),
        ("Named", "must return one tensor, got dict; wrap it in a module"),
    ],
)
@pytest.mark.usefixtures("own")
def test_inspect_refuses_in_a_line(
    capsys: pytest.CaptureFixture[str], name: str, message: str
) -> None:
    assert tightfit("inspect", f"brought:{name}", "--input", "3x8x8", "--classes", 5) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert message in said
    assert "Traceback" not in said


def test_a_baseline_with_tied_weights_is_trained_once_and_read_again(own: Path) -> None:
    study = read_study(tiny_study(own), ["model.name=brought:Tied", "training.baseline_epochs=1"])
    said: list[str] = []
    first, again = (
        trained_module(
            assemble(study), RunFolder(own / "run"), say=said.append, progress=lambda *_: None
        )
        for _ in range(2)
    )
    assert len(said) == 1
    assert again.get_submodule("first").weight is again.get_submodule("second").weight
    for name, tensor in first.named_parameters():
        assert torch.equal(tensor, again.get_parameter(name)), name


def live(model: Any, **more: Any) -> Any:
    """Compress a model for pictures of five classes."""
    inputs = torch.randn(40, *PICTURE, generator=torch.Generator().manual_seed(0))
    pair = (inputs, torch.arange(40) % 5)
    return compress(model, pair, pair, constraints=["size_kb <= 0.9 * baseline"], **more)


def sleeping(_m: Any, _x: torch.Tensor) -> torch.Tensor:
    while True:
        pass


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (plain().state_dict(), "got a state dict; build the network and give what load_state"),
        ("model.pt", r"got the path 'model\.pt'; build the network and load the weights"),
        (plain().to("meta"), r"'0\.weight' of '0' \(Conv2d\) is on the device 'meta'"),
        (nn.LazyLinear(5), r"of the model itself \(LazyLinear\) has no shape yet"),
        (TwoInputs(needed=True), r"the model itself \(TwoInputs\), line .*: no mask; it must"),
        (Model(lambda m, x: {"logits": m.t(m.a(x))}), "gives a dict of 'logits'; wrap it in"),
        (Model(lambda m, x: m.t(m.a(x)).squeeze()), r"must give 5 outputs .*, got \[5\]"),
        (Model(sleeping), r"took longer than 0\.3 s to run and trace"),
    ],
)
def test_compress_refuses_in_a_line(
    monkeypatch: pytest.MonkeyPatch, model: Any, message: str
) -> None:
    monkeypatch.setattr(compressing, "LIMIT_SECONDS", 0.3)
    with pytest.raises(SpecError, match=message) as refusal:
        live(model)
    assert "\n" not in str(refusal.value)


def test_compress_leaves_a_model_of_half_precision_in_its_wrapper(tmp_path: Path) -> None:
    model = nn.DataParallel(plain().half().train())
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    result = live(
        model, trials=1, folder=tmp_path / "run",
        space={"quantization": {"per": "network", "bits": [8]}, "schedule": {"epochs": [1]}},
        references={"single_techniques": False, "uniform": 0, "from_scratch": False},
        training={"threads": 1},
    )  # fmt: skip
    assert len(result.front) == 1
    assert model.training
    for name, tensor in model.state_dict().items():
        assert tensor.dtype == before[name].dtype
        assert torch.equal(tensor, before[name]), name
