"""What is computed of a candidate without building it is what is built, for every architecture."""

from __future__ import annotations

import gc
import hashlib
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.masking import masked_output
from tests.spaces.nets import TIMM, calibrated, everywhere, make, named, pictures
from tests.spaces.odd_nets import ODD_NETS
from tests.spaces.recompiled import recompiled
from tightfit import WEIGHT_OPERATORS, Blueprint, Candidate, SpecError
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.metrics import SIZE_ERROR, SIZE_ERROR_KB, compute_static
from tightfit.objectives.models.torchvision_models import torchvision_names
from tightfit.objectives.profile import CPU
from tightfit.objectives.runtimes import OnnxRuntime, predict
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import (
    DecompositionSettings,
    DepthSettings,
    InputSizeSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

QUICK = ("odd", "resnet18", "small_vit", *(net.__name__ for net in ODD_NETS))
SLOW = (
    "mobilenet_v3_small", "squeezenet1_1", "efficientnet_b0", "shufflenet_v2_x0_5",
    "regnet_y_400mf", "mnasnet0_5",
)  # fmt: skip
CALM = (*QUICK, "squeezenet1_1")
SIGMOIDS = ("efficientnet_b0",)
"""A runtime's sigmoid differs from torch's in the last bits; of the quick and the slow, this one's
goes on through roundings."""
FLOATS_BETWEEN = ("small_vit",)
"""So do sums and exponentials of attention, on processors with AVX2 alone. All others compute the
same codes as their files."""
CHAOTIC = {
    "mobilenet_v3_small": 1.0,
    "efficientnet_b0": 0.8,
    "densenet121": 0.7,
    "efficientnet_b7": 1.2,
    "timm:mobileone_s0": 1.3,
}
"""Random weights behind many gates or norms amplify whatever is rounded in front; those that are
neither here nor calm are amplified by up to as much as their outputs vary."""
BEYOND = ("regnet_y_128gf", "vit_h_14", "vit_l_16", "vit_l_32", "vgg11", "vgg11_bn", "vgg13",
          "vgg13_bn", "vgg16", "vgg16_bn", "vgg19", "vgg19_bn", "convnext_large",
          "efficientnet_v2_l", "regnet_x_32gf", "regnet_y_32gf", "wide_resnet101_2")  # fmt: skip
"""Of over 100 million parameters: one candidate's blueprint and surgery."""
MATRIX = tuple(name for name in (*torchvision_names(), *TIMM) if name not in (*SLOW, *BEYOND))
METADATA = {"mean": "0.286", "std": "0.353", "labels": "0 1 2 3 4 5 6 7 8 9"}

ALL = SpaceSettings(
    pruning=PruningSettings(),
    quantization=QuantizationSettings(),
    decomposition=DecompositionSettings(),
    depth=DepthSettings(),
    input_size=InputSizeSettings(),
)


@dataclass(frozen=True)
class Subject:
    """A model, and its space with every technique."""

    name: str
    model: nn.Module
    shape: tuple[int, int, int]
    space: CompressionSpace
    digest: str

    def whole(self, candidate: Candidate) -> Network:
        """Return the baseline for pictures of the candidate's size."""
        space = self.space.search_space
        size = {
            name: choice
            for name, choice in space.choices(candidate).items()
            if name == "input.size"
        }
        return self.space.build(space.from_choices(size)) if size else self.space.baseline_network()

    def candidates(self, n: int, *, without: tuple[str, ...] = ()) -> list[Candidate]:
        """Return random candidates, hparams whose names end in ``without`` at the baseline's."""
        space = self.space.search_space
        batch = space.random(n, np.random.default_rng(3))
        for column, hparam in enumerate(space.hparams):
            if without and hparam.name.endswith(without):
                batch[:, column] = 0
        return [space.candidate(row) for row in batch]


def everything(
    model: nn.Module, shape: tuple[int, ...], settings: SpaceSettings = ALL
) -> CompressionSpace:
    """Return the space with every technique, the input's size where it can change."""
    example = torch.zeros(1, *shape)
    try:
        return CompressionSpace(model, example, settings=settings)
    except SpecError as error:
        if "'input.size' cannot change" not in str(error):
            raise
        return CompressionSpace(model, example, settings=replace(settings, input_size=None))


def digest(model: nn.Module) -> str:
    hashed = hashlib.sha256()
    for name, tensor in model.state_dict().items():
        hashed.update(name.encode() + tensor.numpy().tobytes())
    return hashed.hexdigest()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(
    scope="module",
    params=[
        *QUICK,
        *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW),
        *(pytest.param(name, marks=pytest.mark.matrix) for name in MATRIX),
    ],
)
def subject(request: pytest.FixtureRequest) -> Subject:
    model, shape = make(request.param)
    before = digest(model)
    space = everything(model, shape)
    return Subject(request.param, model, shape, space, before)


def layer_shapes(network: Network) -> list[tuple[int, ...]]:
    state = network.state_dict()
    return [
        tuple(state[node.parameters["weight"]].shape)
        for node in network.graph.nodes
        if node.operator in WEIGHT_OPERATORS
    ]


def predicted_shapes(blueprint: Blueprint) -> list[tuple[int, ...]]:
    found: list[tuple[int, ...]] = []
    for operation in blueprint.operations:
        if operation.operator not in WEIGHT_OPERATORS or not operation.present[0]:
            continue
        outer, inner = int(operation.out_channels[0]), int(operation.in_channels[0])
        inner, thin = inner // int(operation.groups[0]), operation.operator == "linear"
        if operation.operator == "conv_transpose":
            outer, inner = inner, outer
        found.append((outer, inner) if thin else (outer, inner, *operation.kernel))
    return found


def executed_macs(network: Network) -> int:
    """Return the products that one more picture takes, of weights and of activations.

    What is the same for every picture, such as a table that layers compute, a runtime computes
    once, when it loads the file.
    """
    return products(network, 2) - products(network, 1)


def products(network: Network, n: int) -> int:
    """Return the products that ``n`` pictures take together."""
    values, state = network.activations(pictures(network.input_shape, n)), network.state_dict()
    total = 0
    for node in network.graph.nodes:
        result = values[node.name].numel()
        match node.operator:
            case "linear":
                total += result * state[node.parameters["weight"]].shape[1]
            case "conv":
                total += result * state[node.parameters["weight"]][0].numel()
            case "conv_transpose":
                weight = state[node.parameters["weight"]]
                total += values[node.inputs[0]].numel() * weight[0].numel()
            case "matmul":
                total += result * values[node.inputs[0]].shape[-1]
            case "attention":
                query, key, value = (values[name] for name in node.inputs[:3])
                pairs = query.shape[:-1].numel() * key.shape[-2]
                total += pairs * (query.shape[-1] + value.shape[-1])
            case "aten":
                total += n * node.integer("macs")
    return total


def test_parameters_macs_and_every_shape_are_the_blueprints(subject: Subject) -> None:
    for candidate in [subject.space.search_space.baseline(), *subject.candidates(4)]:
        network = subject.space.build(candidate)
        blueprint = subject.space.blueprint(np.array([candidate.indices]))
        assert layer_shapes(network) == predicted_shapes(blueprint)
        assert sum(p.numel() for p in network.parameters()) == int(blueprint.params[0])
        with torch.no_grad():
            assert executed_macs(network) == int(blueprint.macs[0])
            values = network.activations(pictures(network.input_shape, 1))
            pair = network.activations(pictures(network.input_shape, 2))
        for name, activation in blueprint.activations.items():
            if name in values:  # a constant, the same for one picture and for two, lies in flash
                lives = values[name].numel() if pair[name].numel() > values[name].numel() else 0
                assert lives == int(activation.elements[0]), name


def test_every_static_metric_is_that_of_the_built_graph(subject: Subject) -> None:
    for candidate in subject.candidates(4):
        expected = compute_static(recompiled(subject.space.build(candidate)), CPU)
        found = compute_static(subject.space.blueprint(np.array([candidate.indices])), CPU)
        for name, value in expected.items():
            # Names of nodes stand in a file, and those of a decomposed layer's parts differ.
            names = max(0.1, 0.001 * float(value[0])) if name in ("size_kb", "flash_kb") else 0.0
            assert float(found[name][0]) == pytest.approx(float(value[0]), abs=names), name


def test_a_batch_is_what_its_candidates_are_alone(subject: Subject) -> None:
    candidates = subject.candidates(8)
    together = subject.space.blueprint(subject.space.search_space.batch(candidates))
    alone = [subject.space.blueprint(np.array([c.indices])) for c in candidates]
    assert together.params.tolist() == [int(each.params[0]) for each in alone]
    assert together.macs.tolist() == [int(each.macs[0]) for each in alone]


def test_the_baselines_blueprint_is_the_models(subject: Subject) -> None:
    expected = sum(parameter.numel() for parameter in subject.model.parameters())
    assert int(subject.space.baseline_blueprint().params[0]) == expected


def test_a_pruned_network_is_the_masked_baseline(subject: Subject) -> None:
    pruned = []
    for candidate in subject.candidates(3, without=(".bits", ".rank")):
        network = subject.space.build(candidate).double()
        inputs = pictures(network.input_shape, 2).double()
        with torch.no_grad():
            whole, kept = subject.whole(candidate).double(), subject.space.kept(candidate)
            zeroed = subject.space.zeroed(candidate)
            expected = masked_output(whole, kept, inputs, zeroed=zeroed)
            found = network(inputs)
        pruned.append(sum(parameter.numel() for parameter in network.parameters()))
        assert (found - expected).abs().max() <= 1e-6 * expected.abs().max()
    assert min(pruned) < int(subject.space.baseline_blueprint().params[0])


def test_the_traced_network_is_the_model(subject: Subject) -> None:
    network = subject.space.baseline_network().double()
    model = make(subject.name)[0].double()
    inputs = pictures(network.input_shape, 2).double()
    with torch.no_grad():
        assert torch.allclose(network(inputs), model(inputs), rtol=1e-9, atol=1e-9)


def test_factors_at_full_rank_are_the_baseline(subject: Subject) -> None:
    if not any(hparam.name.endswith(".rank") for hparam in subject.space.search_space.hparams):
        pytest.skip("no layer of it can be split")
    settings = SpaceSettings(decomposition=DecompositionSettings(ranks=(None, 1.0)))
    space = CompressionSpace(subject.model, torch.zeros(1, *subject.shape), settings=settings)
    network = space.build(everywhere(space, "rank", 1.0))
    assert len(network.graph.nodes) > len(space.baseline_network().graph.nodes)
    # The factors are numbers of float32, and deep networks amplify the rounding: ResNet-152 itself
    # is off by 4e-4 in float32, EfficientNet-B7 by 6e-2.
    inputs = pictures(subject.shape, 4)
    with torch.no_grad():
        rounded = space.baseline_network()(inputs)
        expected = space.baseline_network().double()(inputs.double())
        found = network.double()(inputs.double())
    largest, rounding = expected.abs().max(), (rounded - expected).abs().max()
    assert (found - expected).abs().max() <= max(1e-4 * largest, rounding)


def loss_of(network: Network, inputs: Tensor) -> Tensor:
    return F.cross_entropy(network(inputs).float(), torch.arange(len(inputs)) % 7)


@pytest.mark.parametrize("half", [False, True])
def test_a_training_step_gives_every_parameter_a_finite_gradient(
    subject: Subject, half: bool
) -> None:
    candidate = subject.candidates(1)[0]
    network = calibrated(subject.space.build(candidate), n=4).train()
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        loss_of(network, pictures(network.input_shape, 8)).backward()  # type: ignore[no-untyped-call]
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.isfinite().all()), name


def error(found: Tensor, expected: Tensor) -> float:
    """Return the root mean square of the difference, as a share of the outputs' deviation."""
    return float((found - expected).square().mean().sqrt() / expected.std())


def test_eight_bits_are_near_the_float_outputs(subject: Subject) -> None:
    network = calibrated(subject.space.build(everywhere(subject.space, "bits", 8)))
    inputs = pictures(subject.shape, 128, seed=2)
    with torch.no_grad():
        found, expected = network(inputs), subject.model(inputs)
    assert error(found, expected) < CHAOTIC.get(subject.name, 0.3 if subject.name in CALM else 1.0)


def test_a_float_candidates_file_is_its_network(subject: Subject, tmp_path: Path) -> None:
    network = subject.space.build(subject.candidates(1, without=(".bits",))[0])
    write_onnx(network.program(), tmp_path / "model.onnx", metadata=METADATA)
    inputs = pictures(network.input_shape, 8)
    found = predict(OnnxRuntime().open(tmp_path / "model.onnx"), inputs.numpy())
    with torch.no_grad():
        expected = network(inputs).numpy()
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.parametrize("bits", [8, 4, None])
def test_a_quantized_candidates_file_is_its_network(
    subject: Subject, tmp_path: Path, bits: int | None
) -> None:
    """With the same bits everywhere, and with bits by lot among all other techniques."""
    mixed = subject.candidates(1)[0]
    candidate = everywhere(subject.space, "bits", bits) if bits else mixed
    network = calibrated(subject.space.build(candidate))
    write_onnx(network.program(), tmp_path / "model.onnx", metadata=METADATA)
    inputs = pictures(network.input_shape, 128, seed=2)
    found = torch.from_numpy(predict(OnnxRuntime().open(tmp_path / "model.onnx"), inputs.numpy()))
    with torch.no_grad():
        expected = network(inputs)
        network.quantization = False
        whole = network(inputs)
    # What is computed in floats may fall on the next level, and what follows turns it into more.
    # Grids that differed would be further off than the rounding is.
    assert error(found, expected) < 0.9 * error(expected, whole) + 1e-5
    if bits is None:  # Layers of floats lie between those of codes, and their sums differ.
        assert error(found, expected) < 0.5 * error(expected, whole) + 1e-5
    elif subject.name in FLOATS_BETWEEN:
        assert error(found, expected) < 0.1 * error(expected, whole)
    elif subject.name in (*QUICK, *SLOW) and subject.name not in SIGMOIDS:
        assert error(found, expected) < 1e-3


def moved(network: Network) -> Network:
    """Return a network none of whose trained tensors is constant, as after some training.

    Equal tensors stand in a file once, and untrained norms and layer scales are.
    """
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.numel() > 1 and bool((parameter == parameter.flatten()[0]).all()):
                parameter.add_(0.01 * torch.randn(parameter.shape, generator=generator))
    return network


def test_the_predicted_size_is_that_of_the_file(subject: Subject, tmp_path: Path) -> None:
    for candidate in subject.candidates(3):
        blueprint = subject.space.blueprint(np.array([candidate.indices]))
        predicted = float(compute_static(blueprint, CPU)["size_kb"][0])
        network = calibrated(moved(subject.space.build(candidate)), n=2)
        size = write_onnx(network.program(), tmp_path / "m.onnx", metadata=METADATA) / 1000
        assert abs(predicted - size) <= max(SIZE_ERROR * size, SIZE_ERROR_KB)


def test_the_baseline_is_left_as_it_was(subject: Subject) -> None:
    for candidate in subject.candidates(2):
        network = calibrated(subject.space.build(candidate), n=2)
        for parameter in network.parameters():
            parameter.data.zero_()
    assert digest(subject.model) == subject.digest
    untouched = subject.space.baseline_network().state_dict()
    left = {*untouched} & {*subject.model.state_dict()}
    # What a network only counts with, such as the index of a table, is computed when it is traced.
    assert left >= {name for name, _ in subject.model.named_parameters()}
    for name in left:
        assert torch.equal(untouched[name], subject.model.state_dict()[name]), name


def weak_references(network: Network) -> dict[str, weakref.ref[Tensor] | weakref.ref[nn.Module]]:
    """Return by name what refers to a network's modules, parameters and buffers, keeping none."""
    tensors = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    return {
        **{f"module {name!r}": weakref.ref(module) for name, module in network.named_modules()},
        **{name: weakref.ref(tensor) for name, tensor in tensors.items()},
    }


def test_nothing_of_a_dropped_candidate_is_alive(subject: Subject) -> None:
    candidate = subject.candidates(1)[0]
    network = calibrated(subject.space.build(candidate), n=4).train()
    loss_of(network, pictures(network.input_shape, 8)).backward()  # type: ignore[no-untyped-call]
    network.eval().program()
    referred = weak_references(network)
    assert {f"module {''!r}", *network.state_dict()} <= referred.keys()
    del network
    gc.collect()
    assert [name for name, refer in referred.items() if refer() is not None] == []


@pytest.mark.matrix
@pytest.mark.parametrize("name", BEYOND)
def test_a_candidate_of_a_very_large_network_is_what_its_blueprint_says(name: str) -> None:
    factory, shape = named(name)
    settings = SpaceSettings(pruning=PruningSettings(), quantization=QuantizationSettings())
    space = CompressionSpace(factory().eval(), torch.zeros(1, *shape), settings=settings)
    row = space.search_space.random(1, np.random.default_rng(0))
    network, blueprint = space.build(space.search_space.candidate(row[0])), space.blueprint(row)
    assert layer_shapes(network) == predicted_shapes(blueprint)
    assert sum(p.numel() for p in network.parameters()) == int(blueprint.params[0])
