"""A network executes its graph, keeps its state, and says what its file is."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.spaces.nets import calibrated, everywhere, make, pictures
from tightfit import CandidateError
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import (
    DecompositionSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

SETTINGS = SpaceSettings(
    quantization=QuantizationSettings(),
    decomposition=DecompositionSettings(ranks=(None, 0.5)),
)
SHAPE = (3, 16, 16)


@pytest.fixture(scope="module")
def space() -> CompressionSpace:
    model, shape = make("odd")
    return CompressionSpace(model, torch.zeros(1, *shape), settings=SETTINGS)


@pytest.fixture
def coded(space: CompressionSpace) -> Network:
    return calibrated(space.build(everywhere(space, "bits", 4)))


def same_program(first: Network, second: Network) -> bool:
    one, two = first.program(), second.program()
    return one.graph == two.graph and all(
        np.array_equal(tensor, two.tensors[name]) for name, tensor in one.tensors.items()
    )


def test_a_copy_computes_the_same_and_shares_nothing(coded: Network) -> None:
    copied = copy.deepcopy(coded)
    inputs = pictures(SHAPE, 4)
    with torch.no_grad():
        expected = coded(inputs)
        assert torch.equal(copied(inputs), expected)
        for parameter in copied.parameters():
            parameter.zero_()
        assert torch.equal(coded(inputs), expected)
        assert not torch.equal(copied(inputs), expected)


@pytest.mark.parametrize(
    ("kind", "sides"),
    [
        (nn.Dropout, (8, 6, 6)),
        (nn.Dropout1d, (8, 36)),
        (nn.Dropout2d, (8, 6, 6)),
        (nn.Dropout3d, (8, 2, 3, 6)),
        (nn.AlphaDropout, (8, 6, 6)),
        (nn.FeatureAlphaDropout, (8, 6, 6)),
    ],
)
def test_dropouts_act_in_training_alone(kind: type[nn.Module], sides: tuple[int, ...]) -> None:
    model = nn.Sequential(
        nn.Linear(4, 288), nn.Unflatten(1, sides), kind(0.5), nn.Flatten(), nn.Linear(288, 5)
    )
    space = CompressionSpace(model, torch.zeros(1, 4), settings=SETTINGS)
    network = space.baseline_network().eval()
    inputs = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(network(inputs), model.eval()(inputs))
    given = network.train().activations(inputs)["2.dropout"].flatten(2)
    whole_channels = bool((given == given[..., :1]).all(2).any())
    assert whole_channels == (kind not in (nn.Dropout, nn.AlphaDropout))
    assert not torch.equal(network(inputs), network(inputs))
    written = {node.operator for node in network.program().graph.nodes}
    assert written == {"linear", "reshape", "flatten"}


def test_a_loaded_state_is_the_same_program(space: CompressionSpace, coded: Network) -> None:
    loaded = space.build(everywhere(space, "bits", 4))
    assert set(loaded.state_dict()) == set(coded.state_dict())
    loaded.load_state_dict(coded.state_dict())
    with pytest.raises(CandidateError, match="must be calibrated before it has a file"):
        loaded.program()
    loaded.mark_calibrated()
    assert same_program(loaded, coded)


def test_the_baselines_state_has_the_models_names(space: CompressionSpace) -> None:
    model, _ = make("odd")
    network = space.baseline_network()
    missing, unexpected = network.load_state_dict(model.state_dict(), strict=False)
    assert not missing
    assert all(name.endswith("num_batches_tracked") for name in unexpected)


def test_a_network_of_another_precision_computes_and_has_its_file(coded: Network) -> None:
    inputs = pictures(SHAPE, 8)
    with torch.no_grad():
        expected = coded(inputs)
        double = copy.deepcopy(coded).double()
        found = double(inputs.double())
    assert found.dtype == torch.float64
    assert (found - expected).abs().max() < 0.1 * expected.std()
    assert all(t.dtype != np.float64 for t in double.program().tensors.values())
    assert same_program(double, coded)


def test_quantization_can_be_switched_off_and_on(space: CompressionSpace, coded: Network) -> None:
    inputs = pictures(SHAPE, 8)
    with torch.no_grad():
        rounded = coded(inputs)
        coded.quantization = False
        torch.testing.assert_close(coded(inputs), space.baseline_network()(inputs))
        coded.quantization = True
        assert torch.equal(coded(inputs), rounded)
    assert coded.quantized
    assert not space.baseline_network().quantized


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("quantization", [False, True])
def test_calibration_leaves_mode_switch_and_weights(
    space: CompressionSpace, training: bool, quantization: bool
) -> None:
    network = space.build(everywhere(space, "bits", 8)).train(training)
    network.quantization = quantization
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    mean = network.get_buffer("stem_norm.running_mean").clone()
    network.calibrate([pictures(SHAPE, 4), pictures(SHAPE, 2, seed=3)])
    assert (network.training, network.quantization) == (training, quantization)
    assert all(torch.equal(p, before[name]) for name, p in network.named_parameters())
    assert torch.equal(network.get_buffer("stem_norm.running_mean"), mean)


def test_an_activation_that_is_not_finite_cannot_be_calibrated(space: CompressionSpace) -> None:
    network = space.build(everywhere(space, "bits", 8)).train()
    network.get_parameter("left.bias").data.fill_(float("inf"))
    with pytest.raises(CandidateError, match="is not finite"):
        network.calibrate([pictures(SHAPE, 2)])
    assert network.training


def test_calibration_needs_a_batch(space: CompressionSpace) -> None:
    with pytest.raises(CandidateError, match="needs at least one batch, got none"):
        space.build(everywhere(space, "bits", 8)).calibrate([])


def test_norms_are_recalibrated_to_the_plain_mean(space: CompressionSpace) -> None:
    network = space.baseline_network().train()
    batches = [pictures(SHAPE, 8, seed=seed) for seed in range(3)]
    with torch.no_grad():
        stems = [nn.functional.conv2d(b, network.get_parameter("stem.weight"), padding=1)
                 for b in batches]  # fmt: skip
    network.recalibrate_norms(batches)
    assert network.training
    mean = torch.stack([stem.mean((0, 2, 3)) for stem in stems]).mean(0)
    variance = torch.stack([stem.var((0, 2, 3)) for stem in stems]).mean(0)
    torch.testing.assert_close(network.get_buffer("stem_norm.running_mean"), mean)
    torch.testing.assert_close(network.get_buffer("stem_norm.running_var"), variance)


def test_training_moves_the_statistics_as_torch_does(space: CompressionSpace) -> None:
    model, _ = make("odd")
    network = space.baseline_network().train()
    model.train()
    inputs = pictures(SHAPE, 8)
    torch.manual_seed(0)
    expected = model(inputs)
    torch.manual_seed(0)
    torch.testing.assert_close(network(inputs), expected)
    for name, buffer in network.named_buffers():
        torch.testing.assert_close(buffer, model.get_buffer(name))


@pytest.mark.parametrize("bits", [8, 4])
def test_a_program_has_whole_numbers_within_their_bits(space: CompressionSpace, bits: int) -> None:
    program = calibrated(space.build(everywhere(space, "bits", bits))).program()
    operators = [node.operator for node in program.graph.nodes]
    assert "dropout" not in operators
    assert operators.count("batch_norm") == 1  # behind the concatenation, with nothing to go into
    limit = {8: 63, 4: 7}[bits]  # within 7 bits: right on every processor
    for node in program.graph.nodes:
        if "weight_bits" in node.attributes:
            codes = program.tensors[node.parameters["weight"]]
            scale = program.tensors[node.parameters["weight_scale"]]
            assert (codes.dtype.name, scale.dtype.name) == ("int8", "float32")
            assert scale.shape == codes.shape[:1]
            assert np.abs(codes).max() == limit
            assert (scale > 0).all()


def test_a_gain_of_zero_or_below_has_a_file(space: CompressionSpace) -> None:
    network = space.build(everywhere(space, "bits", 8))
    gains = network.get_parameter("stem_norm.weight").data
    gains[0], gains[1] = 0, -gains[1]
    calibrated(network)
    program = network.program()
    assert all(np.isfinite(tensor).all() for tensor in program.tensors.values())
    scale = program.tensors["stem.weight_scale"]
    assert (scale > 0).all()
    plain = program.tensors["stem.weight"][1]
    network.get_parameter("stem_norm.weight").data[1].neg_()
    assert np.array_equal(network.program().tensors["stem.weight"][1], -plain)


def test_steps_of_few_bits_learn_and_are_no_parameters(space: CompressionSpace) -> None:
    network = calibrated(space.build(everywhere(space, "bits", 4)))
    layers = [node for node in network.graph.nodes if "weight_bits" in node.attributes]
    steps = network.train().learned_steps()
    assert len(steps) == len(layers) > 0
    assert not {id(step) for step in steps} & {id(each) for each in network.parameters()}
    network(torch.randn(2, *network.input_shape)).sum().backward()
    assert all(step.grad is not None and step.grad.abs().sum() > 0 for step in steps)
    assert not space.build(everywhere(space, "bits", 8)).learned_steps()


class Confusing(nn.Module):
    """Its parts have the names of what a network has of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.graph, self.quantization = nn.Linear(6, 16), nn.BatchNorm1d(16)
        self.activations = nn.ModuleList([nn.PReLU(16), nn.PReLU(16)])
        self.program = nn.ModuleDict({"deployed": nn.Linear(16, 16)})
        self.input_shape = nn.Parameter(torch.randn(16))
        self.tensor = nn.Linear(16, 4)
        self.calibrate = nn.Buffer(torch.randn(16))
        self._seen = nn.Parameter(torch.randn(4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.activations[0](self.quantization(self.graph(x)))
        x = self.activations[1](self.program["deployed"](x) + self.input_shape * self.calibrate)
        scores: Tensor = self.tensor(x) + self._seen
        return scores


def test_a_models_parts_may_have_the_names_of_a_networks_own() -> None:
    torch.manual_seed(0)
    model, inputs = Confusing().eval(), torch.randn(32, 6)
    settings = SpaceSettings(
        pruning=PruningSettings(), quantization=QuantizationSettings(bits=(None, 8, 2))
    )
    space = CompressionSpace(model, torch.zeros(1, 6), settings=settings)
    network = space.baseline_network()
    state = model.state_dict()
    assert {name for name, _ in network.named_parameters()} == {
        name for name, _ in model.named_parameters()
    }
    assert state.keys() - network.state_dict().keys() == {"quantization.num_batches_tracked"}
    assert network.get_parameter("activations.0.weight") is network.tensor("activations.0.weight")
    for bits in (None, 2):
        candidate = everywhere(space, "bits", bits)
        built, loaded = space.build(candidate).train(), space.blank(candidate).double().float()
        built(inputs).sum().backward()
        assert all(each.grad is not None for each in built.parameters())
        built.eval().calibrate([inputs])
        built.correct_biases(inputs)
        loaded.load_state_dict(copy.deepcopy(built).state_dict())
        loaded.mark_calibrated()
        built.quantization = loaded.quantization = bits is not None
        with torch.no_grad():
            wanted = built(inputs)
            assert torch.equal(loaded(inputs), wanted)
            off = 0.05 * wanted.abs().max() if bits else 1e-5
            assert (loaded.deployed()(inputs) - wanted).abs().max() <= off


def test_what_a_network_does_not_hold_is_named() -> None:
    network = CompressionSpace(Confusing().eval(), torch.zeros(1, 6), settings=SETTINGS)
    with pytest.raises(AttributeError, match=r"no tensors under 'graph\.other'"):
        network.baseline_network().get_submodule("graph.other")
