"""What a network computes as its file does: whole numbers, and one product onto the next grid."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tests.spaces.nets import calibrated, everywhere, pictures
from tightfit.spaces.activation_grid import Grid
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.file_arithmetic import added, averaged
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings

SHAPE = (3, 8, 8)
NEAREST = 0.5 + 1e-4
"""Steps from a number to its code; near to the middle of two codes float32 may take either."""


class Rounded(nn.Module):
    """Two convolutions, of which the second adds up 9 x 480 products, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 480, 3, padding=1)
        self.second = nn.Conv2d(480, 4, 3)
        self.head = nn.Linear(4, 5)
        nn.init.ones_(self.first.bias)  # type: ignore[arg-type]
        nn.init.constant_(self.second.weight, 0.1)
        nn.init.normal_(self.second.weight[0], std=0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.second(torch.relu(self.first(x))))
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


def network() -> Network:
    torch.manual_seed(0)
    space = CompressionSpace(
        Rounded().eval(),
        torch.zeros(1, *SHAPE),
        settings=SpaceSettings(quantization=QuantizationSettings(bits=(8,), target_cpu="vnni")),
    )
    return calibrated(space.build(everywhere(space, "bits", 8)))


def random_codes(*shape: int, seed: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(seed)).float()


def grid(found: Network, name: str) -> Grid:
    return Grid(*(found.tensor(f"{name}.quantize.{role}") for role in ("scale", "zero_point")))


@torch.no_grad()
def test_sums_of_more_than_24_bits_are_whole_numbers() -> None:
    rounded = network()
    values = rounded.activations(pictures(SHAPE, 2))
    program = rounded.program()
    inner, outer = grid(rounded, "relu"), grid(rounded, "relu_1")
    steps = inner.steps(values["relu.quantize"]).long().numpy()
    codes = program.tensors["second.weight"].astype(np.int64)
    unit = program.tensors["second.weight_scale"] * inner.scale.numpy()
    bias = np.rint(program.tensors["second.bias"] / unit.astype(np.float64)).astype(np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(steps, (3, 3), axis=(2, 3))
    sums = np.einsum("nchwij,ocij->nohw", windows, codes) + bias.reshape(-1, 1, 1)
    assert np.abs(sums).max() > 2**24  # more than float32 adds without an error
    factor = (unit / outer.scale.numpy()).reshape(-1, 1, 1)
    expected = np.clip(np.rint(sums.astype(np.float32) * factor), 0, 255)
    found = outer.steps(values["relu_1.quantize"]).numpy()
    np.testing.assert_array_equal(found, expected)


@torch.no_grad()
def test_a_sum_is_the_nearest_code_of_its_grid() -> None:
    grids = [Grid(torch.tensor(s), torch.tensor(z)) for s, z in ((0.031, 7), (0.017, 130))]
    target = Grid(torch.tensor(0.043), torch.tensor(101))
    first, second = (
        each.values(random_codes(10_000, seed=seed) - each.zero_point)
        for seed, each in enumerate(grids)
    )
    found = added(first, second, (grids[0], grids[1]), target)
    exact = (first.double() + second.double()) / target.scale.double()
    assert (target.steps(found) - exact).abs().max() <= NEAREST


@torch.no_grad()
def test_a_mean_is_the_nearest_code_of_its_grid() -> None:
    source = Grid(torch.tensor(0.02), torch.tensor(12))
    target = Grid(torch.tensor(0.007), torch.tensor(0))
    values = source.values(random_codes(50, 8, 5, 7, seed=0) - source.zero_point)
    found = averaged(values, source, target)
    assert found.shape == (50, 8, 1, 1)
    exact = values.double().mean((2, 3), keepdim=True) / target.scale.double()
    assert (target.steps(found) - exact).abs().max() <= NEAREST


def test_pictures_have_gradients_and_the_same_outputs_where_these_are_asked_for() -> None:
    rounded, inputs = network(), pictures(SHAPE, 2)
    with torch.no_grad():
        expected = rounded(inputs)
    inputs.requires_grad_()
    found = rounded(inputs)
    torch.testing.assert_close(found, expected)
    (gradient,) = torch.autograd.grad(found.square().sum(), inputs)
    assert (gradient != 0).float().mean() > 0.9
