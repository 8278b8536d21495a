"""Any module becomes a graph that computes the same, or an error that says why not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from tests.spaces.nets import OddNet, small_resnet
from tightfit import SpecError
from tightfit.spaces.network import Network
from tightfit.spaces.tracing import Traced, trace


class Written(nn.Module):
    """A module whose forward pass is a function of itself and the input."""

    def __init__(self, function: Callable[[Written, Tensor], object], **children: nn.Module):
        super().__init__()
        self.function = function
        for name, child in children.items():
            self.add_module(name, child)

    def call(self, name: str, x: Tensor) -> Tensor:
        result: Tensor = self.get_submodule(name)(x)
        return result

    def forward(self, x: Tensor) -> object:
        return self.function(self, x)


def conv(inputs: int = 3, outputs: int = 8) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def network_of(traced: Traced) -> Network:
    tensors = {name: tensor.clone() for name, tensor in traced.tensors.items()}
    return Network(
        traced.graph, tensors, trainable=traced.trainable, input_shape=traced.input_shape
    ).eval()


def attention(m: Written, x: Tensor) -> Tensor:
    tokens = m.call("c", x).flatten(2).transpose(1, 2)
    query, key, value = (m.call(name, tokens) for name in "qkv")
    weights = torch.softmax(torch.matmul(query, key.transpose(1, 2)) * 0.35, -1)
    return torch.matmul(weights, value).mean(1)


def gate(m: Written, x: Tensor) -> Tensor:
    y = m.call("c", x)
    g = torch.sigmoid(m.call("l", y.mean([2, 3])))
    return y * g.view(y.size(0), y.size(1), 1, 1).expand_as(y)


def squeezed(m: Written, x: Tensor) -> Tensor:
    pooled = F.adaptive_avg_pool2d(m.call("c", x), 1).squeeze(-1).squeeze(-1)
    return m.call("l", pooled).unsqueeze(-1).unsqueeze(-1)


def written_into_a_slice(m: Written, x: Tensor) -> Tensor:
    y = m.call("n", m.call("c", x))
    y[:, 2:5].mul_(2).add_(1)
    return y


def written_into_the_end(m: Written, x: Tensor) -> Tensor:
    y = m.call("n", m.call("c", x))
    y[:, -2:].mul_(2)
    return y


def written_into_a_turn(m: Written, x: Tensor) -> Tensor:
    y = m.call("n", m.call("c", x))
    y.transpose(1, 3).add_(m.get_parameter("c.bias"))
    return y


def written_under(part: Callable[[Tensor], Tensor]) -> Callable[[Written, Tensor], Tensor]:
    def forward(m: Written, x: Tensor) -> Tensor:
        y = m.call("c", x) * 2
        taken = part(y)
        y.relu_()
        return taken + 1

    return forward


def beside(m: Written, x: Tensor) -> Tensor:
    bias = m.get_parameter("c.bias")
    return m.call("c", x) * bias[0] + bias.view(1, -1, 1, 1).expand(len(x), -1, 8, 8)


def bounded(m: Written, x: Tensor) -> Tensor:
    y, bound = m.call("c", x), m.get_parameter("c.bias")[:, None, None]
    y.clamp_(min=bound)
    return y.clamp(-0.5 - bound.abs(), 0.5 + bound.abs())


TRACEABLE: dict[str, nn.Module] = {
    "nearest": Written(lambda m, x: F.interpolate(m.call("c", x), scale_factor=2), c=conv()),
    "bilinear": Written(
        lambda m, x: F.interpolate(
            m.call("c", x), size=(16, 24), mode="bilinear", align_corners=True
        ),
        c=conv(),
    ),
    "a module that upsamples": nn.Sequential(conv(), nn.Upsample(scale_factor=2, mode="bilinear")),
    "a view as flatten": Written(
        lambda m, x: m.call("l", m.call("c", x).view(x.size(0), -1)), c=conv(), l=nn.Linear(512, 4)
    ),
    "a reshape with -1 in front": Written(
        lambda m, x: m.call("l", m.call("c", x).reshape(-1, 512)), c=conv(), l=nn.Linear(512, 4)
    ),
    "squeeze and unsqueeze": Written(squeezed, c=conv(), l=nn.Linear(8, 4)),
    "a gate by view and expand": Written(gate, c=conv(), l=nn.Linear(8, 8)),
    "chunk": Written(lambda m, x: torch.cat(m.call("c", x).chunk(2, 1)[::-1], 1), c=conv()),
    "split": Written(lambda m, x: torch.split(m.call("c", x), [2, 6], 1)[1], c=conv()),
    "a slice of channels": Written(lambda m, x: m.call("c", x)[:, 2:-1], c=conv()),
    "a slice of rows": Written(lambda m, x: m.call("c", x)[:, :, -5:, 1:], c=conv()),
    "tokens": nn.Sequential(
        conv(), nn.Flatten(2), nn.LayerNorm(64), nn.Linear(64, 32),
        nn.GELU(approximate="tanh"), nn.Linear(32, 5),
    ),
    "attention": Written(
        attention, c=conv(), q=nn.Linear(8, 8), k=nn.Linear(8, 8), v=nn.Linear(8, 8)
    ),
    "padding in words": nn.Sequential(
        nn.Conv2d(3, 8, 3, padding="same"), nn.Conv2d(8, 8, 5, padding="valid")
    ),
    "in place": Written(lambda m, x: m.call("c", x).relu_().add_(1).mul_(2), c=conv()),
    "activations": nn.Sequential(
        conv(), nn.Hardtanh(-2, 2), nn.Hardsigmoid(), nn.Tanh(), nn.LeakyReLU(0.2), nn.SiLU(),
        nn.GELU(), nn.ReLU6(), nn.Hardswish(), nn.Identity(), nn.AvgPool2d(3, 2, 1),
    ),
    "arithmetic": Written(
        lambda m, x: (m.call("c", x) - 1) / 2 * m.call("d", x) / (m.call("d", x) + 9),
        c=conv(), d=conv(),
    ),
    "a pooling to 3x3": nn.Sequential(conv(), nn.AdaptiveAvgPool2d(3)),
    "a tensor beside": Written(beside, c=conv()),
    "a step": Written(lambda m, x: m.call("c", x)[:, ::2, 1::3], c=conv()),
    "a number less a tensor": Written(lambda m, x: 1 - m.call("c", x), c=conv()),
    "bounds that are tensors": Written(bounded, c=conv()),
    "the lower of two": Written(
        lambda m, x: torch.min(m.call("c", x), m.call("d", x)), c=conv(), d=conv()
    ),
    "a product that is added to": Written(
        lambda m, x: torch.baddbmm(m.get_parameter("c.bias"), *[m.call("c", x)[:, 0]] * 2),
        c=conv(),
    ),
    "a square": Written(lambda m, x: m.call("c", x).square(), c=conv()),
    "a step with a start": Written(lambda m, x: m.call("c", x)[:, 1::2, ::2, 1::3], c=conv()),
    "written into a slice": Written(written_into_a_slice, c=conv(), n=nn.BatchNorm2d(8)),
    "written into the end": Written(written_into_the_end, c=conv(), n=nn.BatchNorm2d(8)),
    "written into a turn": Written(written_into_a_turn, c=conv(), n=nn.BatchNorm2d(8)),
    "written under a slice": Written(written_under(lambda y: y[:, 2:]), c=conv()),
    "written under a piece": Written(written_under(lambda y: y.chunk(2, 1)[1]), c=conv()),
    "written under a turn of a slice": Written(
        written_under(lambda y: y[:, 2:].transpose(2, 3)), c=conv()
    ),
    "written into a piece": Written(
        lambda m, x: [y := m.call("c", x) * 1, torch.split(y, 4, 1)[0].relu_(), y][-1], c=conv()
    ),
    "a constant for each picture": Written(
        lambda m, x: m.call("c", x) + torch.arange(8.0).expand(len(x), 8, 8, 8).cos(), c=conv()
    ),
    "a norm without gains": nn.Sequential(conv(), nn.BatchNorm2d(8, affine=False)),
    "numbers that overflow": Written(lambda m, x: m.call("c", x).exp() * 3e38 * 1.5, c=conv()),
}  # fmt: skip


@pytest.mark.parametrize("name", TRACEABLE)
def test_the_graph_computes_what_the_module_does(name: str) -> None:
    module = TRACEABLE[name].eval()
    network = network_of(trace(module, torch.zeros(1, 3, 8, 8)))
    inputs = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(inputs), module(inputs))


def test_a_network_that_shuffles_channels_is_traced() -> None:
    module = torchvision.models.shufflenet_v2_x0_5(num_classes=5).eval()
    network = network_of(trace(module, torch.zeros(1, 3, 32, 32)))
    inputs = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(network(inputs), module(inputs))


def test_a_module_that_is_called_twice_is_two_nodes_with_the_same_weights() -> None:
    module = Written(lambda m, x: m.call("d", F.relu(m.call("d", m.call("c", x)))),
                     c=conv(), d=conv(8, 8))  # fmt: skip
    traced = trace(module, torch.zeros(1, 3, 8, 8))
    calls = [n for n in traced.graph.nodes if n.parameters.get("weight") == "d.weight"]
    assert [call.name for call in calls] == ["d", "d_1"]


def test_names_are_those_of_the_state_dict_without_counters_of_batches() -> None:
    module = small_resnet()
    traced = trace(module, torch.zeros(1, 1, 28, 28))
    expected = {name for name in module.state_dict() if "num_batches_tracked" not in name}
    assert set(traced.tensors) == expected
    assert traced.trainable == {name for name, _ in module.named_parameters()}


def test_the_module_stays_as_it_is() -> None:
    module = OddNet().train()
    module.stem.weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    trace(module, torch.zeros(1, 3, 16, 16))
    assert module.training
    assert module.drop.training
    assert not module.stem.weight.requires_grad
    assert module.left.weight.requires_grad
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def branching(m: Written, x: Tensor) -> Tensor:
    return m.call("c", x) if x.sum() > 0 else m.call("c", -x)


class Two(nn.Module):
    """Wants two inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = conv()

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        result: Tensor = self.layer(x + y)
        return result


REFUSED: dict[str, tuple[nn.Module, str]] = {
    "no weights": (nn.Sequential(nn.ReLU()), "no convolution and no linear layer"),
    "control flow": (Written(branching, c=conv()), "control flow that depends on data"),
    "two inputs": (
        Two(),
        r"the model itself \(Two\): .* missing 1 .*'y'; it must read a batch of any size, and not",
    ),
    "two outputs": (
        Written(lambda m, x: (m.call("c", x), m.call("c", x)), c=conv()),
        "must give one tensor, it gives a tuple",
    ),
    "a dictionary": (
        Written(lambda m, x: {"out": m.call("c", x)}, c=conv()),
        "must give one tensor, it gives a dict",
    ),
    "another shape": (
        conv(5), r"cannot read inputs of shape \[2, 3, 8, 8\].*\(Conv2d\): .*channels"
    ),
    "a mean of everything": (
        Written(lambda m, x: m.call("c", x).mean(), c=conv()), "a mean over every axis",
    ),
    "chance": (
        Written(lambda m, x: m.call("c", x) + torch.rand(8, 8), c=conv()),
        r"the model itself \(Written\) draws random numbers when it is evaluated; let it draw",
    ),
    "batch statistics": (
        nn.Sequential(conv(), nn.BatchNorm2d(8, track_running_stats=False)),
        r"'batch_norm' in '1' \(BatchNorm2d\): a batch norm without running statistics",
    ),
    "the batch moved": (
        Written(lambda m, x: m.call("c", x).permute(1, 0, 2, 3), c=conv()),
        "must give a row for each picture",
    ),
    "the batch joined": (
        Written(lambda m, x: m.call("c", x).view(-1, 4, 8, 8), c=conv()),
        "must give a row for each picture",
    ),
    "softmax over the batch": (
        Written(lambda m, x: torch.softmax(m.call("c", x), 0), c=conv()), "over the batch",
    ),
    "the batch split": (
        Written(lambda m, x: torch.split(m.call("c", x), 1, 0)[0], c=conv()), "batch|traced",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_traced_is_said(name: str) -> None:
    module, words = REFUSED[name]
    with pytest.raises(SpecError, match=words):
        trace(module, torch.zeros(1, 3, 8, 8))


def test_only_modules_are_traced() -> None:
    with pytest.raises(SpecError, match=r"must be a torch\.nn\.Module, got function"):
        trace(F.relu, torch.zeros(1, 3, 8, 8))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("example", "words"),
    [
        (torch.zeros(1, 3, 8, 8, device="meta"), "on the device 'meta'"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.complex64), r"of torch\.complex64"),
        (torch.zeros(1, 3, 8, 8).to_sparse(), r"of the layout torch\.sparse_coo"),
    ],
)
def test_an_example_must_have_real_numbers(example: Tensor, words: str) -> None:
    with pytest.raises(SpecError, match=f"must be a dense tensor of real numbers, got one {words}"):
        trace(conv(), example)


def test_nothing_is_printed_of_a_failed_trace(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SpecError):
        trace(REFUSED["control flow"][0], torch.zeros(1, 3, 8, 8))
    assert capfd.readouterr() == ("", "")


def amplifying(m: Written, x: Tensor) -> Tensor:
    """Let a chaotic map (May, 1976) double the rounding of what a layer gives, step after step."""
    y = torch.sigmoid(m.call("l", x.flatten(1)))
    for _ in range(24):
        y = 4 * y * (1 - y)
    return m.call("t", y)


def test_a_network_that_amplifies_rounding_is_told_from_one_that_looks_at_its_batch() -> None:
    torch.manual_seed(0)
    model = Written(amplifying, l=nn.Linear(768, 256), t=nn.Linear(256, 4)).eval()
    noise = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected, alone = model(noise)[1], model(noise[1:])[0]
    if (alone - expected).abs().max() < 0.01 * expected.abs().max():
        pytest.skip("this processor rounds an input alone as it does in a batch")
    assert "l.weight" in trace(model, noise[:1]).tensors


def writing_over(m: Written, x: Tensor) -> Tensor:
    layer = m.get_submodule("l")
    assert isinstance(layer, nn.Linear)
    bias = layer.bias.clone()
    bias[2:4].zero_()
    return F.linear(x.flatten(1), layer.weight, bias)


def test_what_a_model_writes_over_is_read_by_nothing_and_no_node() -> None:
    traced = trace(Written(writing_over, l=nn.Linear(192, 6)), torch.zeros(1, 3, 8, 8))
    read = traced.graph.consumers()
    assert [name for name in read if not read[name]] == list(traced.graph.outputs)
