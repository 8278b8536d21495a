"""Models as users bring them are compressed as they are, or refused in one line that says why."""

from __future__ import annotations

import copy
import gc
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.spaces.bad_models import PICTURE, Model, TiedLayers, plain
from tests.spaces.masking import masked_output
from tests.spaces.refused_models import REFUSED
from tests.spaces.working_models import ROUGH, WORKING
from tightfit import Candidate, SpecError
from tightfit.spaces import conditions, tracing
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import EVERYTHING
from tightfit.spaces.tracing import trace

pytestmark = [
    # What users bring is partly what torch gives up.
    pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning"),
    pytest.mark.filterwarnings("ignore:torch.quantize_per:UserWarning"),
    pytest.mark.filterwarnings("ignore:Please use quant_min:UserWarning"),
    pytest.mark.filterwarnings("ignore:Initializing zero-element:UserWarning"),
]


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def noise(count: int, shape: tuple[int, ...]) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, *shape, generator=generator)


def everything(model: nn.Module, shape: tuple[int, ...]) -> CompressionSpace:
    return CompressionSpace(model, torch.zeros(1, *shape), settings=EVERYTHING)


def candidates(space: CompressionSpace, n: int, *, pruned: bool = False) -> list[Candidate]:
    """Return random candidates, with nothing but channels removed where they are ``pruned``."""
    batch = space.search_space.random(n, np.random.default_rng(3))
    for column, hparam in enumerate(space.search_space.hparams):
        if pruned and not hparam.name.endswith(".pruning_ratio"):
            batch[:, column] = 0
    return [space.search_space.candidate(row) for row in batch]


def everything_of(model: nn.Module) -> dict[str, Any]:
    """Return a model's tensors, hooks and modes, as copies."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    return {
        "tensors": {name: each.detach().clone() for name, each in tensors.items()},
        "classes": [type(part) for part in model.modules()],
        "modes": [part.training for part in model.modules()],
        "frozen": [not each.requires_grad for each in model.parameters()],
        "hooks": [len(part._forward_pre_hooks) for part in model.modules()],
    }


@pytest.mark.parametrize("name", WORKING)
def test_an_unusual_model_is_compressed_as_any_other(name: str) -> None:
    maker, shape = WORKING[name]
    model = maker()
    before = everything_of(model)
    space = everything(model, shape)
    check_unchanged(before, everything_of(model))
    check_outputs(space.baseline_network(), model, shape, tolerance=ROUGH.get(name, 1e-5))
    check_pruned(space, shape)
    for candidate in candidates(space, 2):
        network = space.build(candidate)
        blueprint = space.blueprint(np.array([candidate.indices]))
        assert sum(p.numel() for p in network.parameters()) == int(blueprint.params[0])
    network = network.train()
    network(noise(4, shape)).square().sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in network.parameters() if p.grad is not None)
    assert any(p.grad is not None for p in network.parameters())


def check_unchanged(before: dict[str, Any], after: dict[str, Any]) -> None:
    tensors = before.pop("tensors"), after.pop("tensors")
    assert before == after
    assert tensors[0].keys() == tensors[1].keys()
    for name, tensor in tensors[0].items():
        assert torch.equal(tensor, tensors[1][name]), name


def check_outputs(
    network: Network, model: nn.Module, shape: tuple[int, ...], *, tolerance: float
) -> None:
    model, inputs = model.float(), noise(3, shape)
    for part in model.modules():
        part.training = False
    with torch.no_grad():
        found, expected = network(inputs.clone()), model(inputs.clone())
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()


def check_pruned(space: CompressionSpace, shape: tuple[int, ...]) -> None:
    """Check that pruned networks are the baseline without the removed channels."""
    whole, inputs = space.baseline_network().double(), noise(2, shape).double()
    for candidate in candidates(space, 1, pruned=True):
        network = space.build(candidate).double()
        with torch.no_grad():
            found = network(inputs)
            expected = masked_output(whole, space.kept(candidate), inputs)
        assert (found - expected).abs().max() <= 1e-6 * expected.abs().max()


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_compressed_is_refused_in_one_line(name: str) -> None:
    maker, shape, words = REFUSED[name]
    with pytest.raises(SpecError, match=words) as refusal:
        everything(maker(), shape)
    assert "\n" not in str(refusal.value)


def test_tied_weights_stay_tied_through_surgery_and_training() -> None:
    space = everything(TiedLayers(), (12,))
    for candidate in candidates(space, 4, pruned=True):
        network = space.build(candidate).train()
        weights = {
            node.name: node.parameters["weight"]
            for node in network.graph.nodes
            if node.name in ("mid", "out")
        }
        assert weights["mid"] == weights["out"]
        assert {"mid.bias", "out.bias"} <= {name for name, _ in network.named_parameters()}
        width = network.get_parameter("embed.weight").shape[0]
        assert network.get_parameter(weights["mid"]).shape == (width, width)
        optimizer = torch.optim.SGD(network.parameters(), 0.1)
        network(noise(8, (12,))).square().sum().backward()
        optimizer.step()
        tensors = network.program().tensors
        found = [
            tensors[node.parameters["weight"]]
            for node in network.program().graph.nodes
            if node.name in ("mid", "out")
        ]
        np.testing.assert_array_equal(found[0], found[1])


def test_wrappers_leave_no_trace_in_the_names_of_weights() -> None:
    names = set(trace(plain(), torch.zeros(1, *PICTURE)).tensors)
    for wrapped in (nn.DataParallel(plain()), torch.optim.swa_utils.AveragedModel(plain())):
        assert set(trace(wrapped, torch.zeros(1, *PICTURE)).tensors) == names


def test_frozen_parameters_are_searched_and_trained_like_the_others() -> None:
    frozen = trace(plain().requires_grad_(False), torch.zeros(1, *PICTURE))
    assert frozen.trainable == trace(plain(), torch.zeros(1, *PICTURE)).trainable


def test_a_models_default_type_and_mode_of_inference_do_not_matter() -> None:
    model = plain()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode():
            space = everything(model, PICTURE)
    finally:
        torch.set_default_dtype(torch.float32)
    network = space.build(candidates(space, 1, pruned=True)[0]).train()
    network(noise(2, PICTURE)).sum().backward()
    assert network.get_parameter("0.weight").dtype == torch.float32


def sleeping(m: Any, x: Tensor) -> Tensor:
    time.sleep(100)
    scores: Tensor = m.t(m.a(x))
    return scores


def looping(m: Any, x: Tensor) -> Tensor:
    while len(x) > 2:  # only while it is traced
        x = x + 1
    scores: Tensor = m.t(m.a(x))
    return scores


def catching(m: Any, x: Tensor) -> Tensor:
    while True:
        try:
            m.a(x)
        except Exception:  # noqa: BLE001 - it is what must not help
            continue


def one_by_one(m: Any, x: Tensor) -> Tensor:
    return torch.stack([m.t(m.a(each[None]))[0] for each in x])


@pytest.mark.parametrize("forward", [sleeping, looping, catching, one_by_one])
def test_a_model_that_goes_on_for_ever_is_stopped(
    monkeypatch: pytest.MonkeyPatch, forward: Any
) -> None:
    monkeypatch.setattr(tracing, "LIMIT_SECONDS", 0.3)
    start = time.monotonic()
    with pytest.raises(SpecError, match=r"took longer than \d\.\d s to run and trace; a loop over"):
        trace(Model(forward), torch.zeros(1, *PICTURE))
    assert time.monotonic() - start < conditions.AGAIN_SECONDS + 10


def test_it_is_stopped_in_its_own_code_and_not_within_torch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "LIMIT_SECONDS", 0.3)
    for _ in range(3):
        with pytest.raises(SpecError, match=r"took longer than \d\.\d s") as stopped:
            trace(Model(one_by_one), torch.zeros(1, *PICTURE))
        cause = stopped.value.__cause__
        assert cause is not None
        *_, place, alarm = traceback.extract_tb(cause.__traceback__)
        assert Path(alarm.filename).name == "conditions.py"
        assert Path(torch.__file__).parent not in Path(place.filename).parents


def spend(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


def waiting(m: Any, x: Tensor) -> Tensor:
    time.sleep(0.4)
    scores: Tensor = m.t(m.a(x))
    return scores


def test_a_large_network_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several runs each keeps the limit, and all together do not."""
    monkeypatch.setattr(tracing, "LIMIT_SECONDS", 1.0)
    traced = trace(Model(waiting), torch.zeros(1, *PICTURE))
    assert [node.operator for node in traced.graph.nodes if node.operator == "conv"]


class Slow:
    """An object that takes its time to go."""

    def __del__(self) -> None:
        spend(0.5)


def cleaning_up(_m: Any, _x: Tensor) -> Tensor:
    while True:
        Slow()
        spend(0.02)


def collecting(_m: Any, _x: Tensor) -> Tensor:
    while True:
        gc.collect()
        spend(0.02)


# Pytest fails a test that loses an exception.
@pytest.mark.parametrize("forward", [cleaning_up, collecting])
def test_it_is_not_stopped_where_an_exception_is_lost(
    monkeypatch: pytest.MonkeyPatch, forward: Any
) -> None:
    monkeypatch.setattr(tracing, "LIMIT_SECONDS", 0.3)
    callback: Any = lambda _phase, _info: spend(0.25)  # noqa: E731 - one of its own
    gc.callbacks.append(callback)
    try:
        with pytest.raises(SpecError, match=r"took longer than \d\.\d s"):
            trace(Model(forward), torch.zeros(1, *PICTURE))
    finally:
        gc.callbacks.remove(callback)


def leaving_a_mode_on(_m: Any, _x: Tensor) -> Tensor:
    torch._C._dispatch_tls_set_dispatch_key_included(torch._C.DispatchKey.Python, True)
    while True:
        pass


def test_tensors_can_be_made_after_a_trace_that_was_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracing, "LIMIT_SECONDS", 0.3)
    with pytest.raises(SpecError, match=r"took longer than \d\.\d s"):
        trace(Model(leaving_a_mode_on), torch.zeros(1, *PICTURE))
    assert torch.zeros(2).shape == (2,)


def test_the_callers_timer_goes_on_after_a_trace_with_what_is_left_of_it() -> None:
    rung: list[float] = []
    handler = signal.signal(signal.SIGALRM, lambda *_: rung.append(time.monotonic()))
    start = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, 60.0, 5.0)
        with conditions.time_limit(10.0):
            time.sleep(0.1)
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 60.0 - (time.monotonic() - start) - 0.05 < left < 59.95
        assert interval == pytest.approx(5.0, abs=0.01)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with conditions.time_limit(10.0):
            time.sleep(0.1)
            assert not rung
        time.sleep(0.1)
        assert len(rung) == 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


def test_another_thread_than_the_main_one_can_trace() -> None:
    found: list[int] = []
    thread = threading.Thread(
        target=lambda: found.append(len(trace(plain(), torch.zeros(1, *PICTURE)).tensors))
    )
    thread.start()
    thread.join()
    assert found == [len(plain().state_dict()) - 1]  # without the counter of batches


def test_torch_is_as_it_was_after_a_refusal() -> None:
    scope, fast = torch.autocast.__enter__, torch.backends.mha.get_fastpath_enabled()
    with pytest.raises(SpecError, match="has no rule"):
        trace(Model(lambda m, x: m.t(torch.vmap(torch.sin)(m.a(x)))), torch.zeros(1, *PICTURE))
    assert torch.autocast.__enter__ is scope
    assert torch.backends.mha.get_fastpath_enabled() is fast
    assert torch.is_grad_enabled()
    assert torch.rand(1).shape == (1,)  # a `vmap` that was left open forbids chance


def test_a_copy_is_made_of_everything_that_can_be_copied() -> None:
    model = Model()
    model.cache = model.a.weight * 2
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(model)
    assert len(trace(model, torch.zeros(1, *PICTURE)).tensors) == 4


@pytest.mark.parametrize("example", [torch.zeros(4, *PICTURE), torch.zeros(()), [1, 2]])
def test_an_example_is_one_input(example: Any) -> None:
    with pytest.raises(SpecError, match=r"one input as a tensor \[1, \.\.\.\], got"):
        trace(plain(), example)
