"""Networks that count positions, in another input size: their tables are interpolated."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn

from tests.spaces.nets import make, pictures
from tightfit import SpecError
from tightfit.objectives.metrics import compute_static
from tightfit.objectives.profile import CPU
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import InputSizeSettings, SpaceSettings

HALF = SpaceSettings(input_size=InputSizeSettings(shares=(0.5,)))


def halved(model: nn.Module, side: int) -> Network:
    space = CompressionSpace(model.eval(), torch.zeros(1, 3, side, side), settings=HALF)
    return space.build(space.search_space.from_choices({"input.size": 0.5}))


class Placed(nn.Module):
    """Tokens with a position table in front of a mean; subclasses change the tokens."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.patches, self.head = nn.Conv2d(3, 8, 4, stride=4), nn.Linear(8, 5)
        self.places = nn.Parameter(torch.randn(1, rows, 8))

    def tokens(self, x: Tensor) -> Tensor:
        found: Tensor = self.patches(x).flatten(2).transpose(1, 2) + self.places
        return found

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.head(torch.tanh(self.tokens(x)).mean(1))
        return scores


class BetweenTokens(Placed):
    """A token in front of the positions, and two behind them."""

    def __init__(self) -> None:
        super().__init__(19)
        self.extra = nn.Parameter(torch.randn(1, 3, 8))

    def tokens(self, x: Tensor) -> Tensor:
        extra = self.extra.expand(len(x), -1, -1)
        x = self.patches(x).flatten(2).transpose(1, 2)
        found: Tensor = torch.cat([extra[:, :1], x, extra[:, 1:]], 1) + self.places
        return found


class OnTheMap(Placed):
    """A table in the form of the map itself, added before it is flattened."""

    def __init__(self) -> None:
        super().__init__(1)
        self.places = nn.Parameter(torch.randn(1, 8, 4, 4))

    def tokens(self, x: Tensor) -> Tensor:
        found: Tensor = (self.patches(x) + self.places).flatten(2).transpose(1, 2)
        return found


class FixedTable(Placed):
    """A table that is no parameter."""

    def __init__(self) -> None:
        super().__init__(16)
        del self.places
        self.places = nn.Buffer(torch.randn(1, 16, 8))  # type: ignore[assignment]


class OverPositions(Placed):
    """A layer that mixes the positions."""

    def __init__(self) -> None:
        super().__init__(16)
        self.mix = nn.Linear(16, 16)

    def tokens(self, x: Tensor) -> Tensor:
        found: Tensor = self.mix(super().tokens(x).transpose(1, 2)).transpose(1, 2)
        return found


class LaterPositions(Placed):
    """Half of the positions are left out."""

    def __init__(self) -> None:
        super().__init__(16)

    def tokens(self, x: Tensor) -> Tensor:
        found: Tensor = super().tokens(x)[:, 8:]
        return found


def test_a_resized_transformer_is_the_one_built_for_that_size_with_the_same_table() -> None:
    model, _ = make("small_vit")
    network = halved(model, 32)
    smaller: nn.Module = torchvision.models.VisionTransformer(16, 8, 2, 4, 64, 96, num_classes=10)
    table = network.state_dict()["encoder.pos_embedding"]
    assert table.shape == (1, 1 + 2 * 2, 64)
    smaller.load_state_dict({**model.state_dict(), "encoder.pos_embedding": table})
    inputs = pictures((3, 16, 16), 4)
    with torch.no_grad():
        assert torch.allclose(network(inputs), smaller.eval()(inputs), atol=1e-5)


def test_a_table_is_resized_as_timm_resizes_it() -> None:
    timm = pytest.importorskip("timm")
    resample = timm.layers.resample_abs_pos_embed
    torch.manual_seed(0)
    model = timm.create_model("deit_tiny_patch16_224", num_classes=10, depth=2).eval()
    nn.init.normal_(model.pos_embed)
    network = halved(model, 224)
    expected = resample(model.pos_embed, new_size=[7, 7], num_prefix_tokens=1)
    assert torch.allclose(network.state_dict()["pos_embed"], expected, atol=1e-6)
    smaller = timm.create_model("deit_tiny_patch16_224", num_classes=10, depth=2, img_size=112)
    smaller.load_state_dict({**model.state_dict(), "pos_embed": expected})
    inputs = pictures((3, 112, 112), 2)
    with torch.no_grad():
        assert torch.allclose(network(inputs), smaller.eval()(inputs), atol=1e-4)


def test_rows_of_other_tokens_stay_what_they_are() -> None:
    model = BetweenTokens()
    table, before = halved(model, 16).state_dict()["places"], model.places.detach()
    assert table.shape == (1, 1 + 4 + 2, 8)
    assert torch.equal(table[:, 0], before[:, 0])
    assert torch.equal(table[:, 5:], before[:, 17:])
    # A grid of half the side has the means of what lies around each of its positions.
    assert torch.allclose(table[:, 1:5].mean(1), before[:, 1:17].mean(1), atol=0.2)


def test_a_table_in_the_form_of_the_map_is_resized_along_both_sides() -> None:
    model = OnTheMap()
    network = halved(model, 16)
    assert network.state_dict()["places"].shape == (1, 8, 2, 2)
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


def test_the_baseline_keeps_its_table() -> None:
    model = BetweenTokens()
    before = model.places.detach().clone()
    space = CompressionSpace(model.eval(), torch.zeros(1, 3, 16, 16), settings=HALF)
    whole = space.build(space.search_space.baseline())
    assert torch.equal(whole.state_dict()["places"], before)
    assert torch.equal(model.places, before)


def test_a_resized_table_is_counted_in_every_size() -> None:
    model = BetweenTokens()
    space = CompressionSpace(model.eval(), torch.zeros(1, 3, 16, 16), settings=HALF)
    blueprint = space.blueprint(np.array([[0, 0, 0], [1, 0, 0]]))
    networks = [space.build(space.search_space.candidate((size, 0, 0))) for size in (0, 1)]
    assert blueprint.params.tolist() == [
        sum(parameter.numel() for parameter in network.parameters()) for network in networks
    ]
    sizes = compute_static(blueprint, CPU)["size_kb"]
    assert sizes[0] - sizes[1] == pytest.approx(4 * 12 * 8 / 1000, abs=0.01)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (FixedTable, r"'add' \(add\) counts positions: the table 'places' has 16 rows, and is no"),
        (OverPositions, r"'mix' \(linear\) counts positions"),
        (LaterPositions, r"'slice' \(slice\) counts positions: it takes 8\.\.16 of 16"),
    ],
)
def test_what_depends_on_every_position_otherwise_fixes_the_size(
    model: type[nn.Module], message: str
) -> None:
    with pytest.raises(SpecError, match=rf"'input\.size' cannot change to 8x8 here: {message}"):
        halved(model(), 16)


def test_a_table_of_pairs_of_positions_fixes_the_size() -> None:
    model, shape = make("SeparateHeads")
    with pytest.raises(SpecError, match=r"the table 'bias' has 16x16 rows, and is no parameter"):
        halved(model, shape[1])
