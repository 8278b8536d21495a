"""Unusual models that can be compressed: by name what makes each, and the shape of its inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize, prune, spectral_norm, weight_norm
from torch.utils.checkpoint import checkpoint

from tests.spaces.bad_models import (
    PICTURE,
    Encoder,
    Model,
    OnlyEvaluated,
    ParametersOutside,
    Recurrent,
    Remembering,
    Symmetric,
    TiedHeads,
    TiedLayers,
    TwoInputs,
    conv,
    perceptron,
    plain,
    tail,
)

Maker = Callable[[], nn.Module]


def trained() -> nn.Module:
    return plain().train()


def half_trained() -> nn.Module:
    model = plain()
    model[1].train()
    return model


def hooked() -> nn.Module:
    model = plain()
    model[0].register_forward_hook(lambda _m, _i, output: output * 2)
    model.register_forward_pre_hook(lambda _m, given: (given[0] - 0.5,))
    model[3].register_full_backward_hook(lambda _m, _i, _o: None)
    return model


def compiled() -> nn.Module:
    model: Any = torch.compile(plain(), backend="eager")
    assert isinstance(model, nn.Module)
    return model


def masked(*, run: bool = False) -> nn.Module:
    model = plain()
    prune.l1_unstructured(model[0], "weight", 0.5)  # type: ignore[no-untyped-call]
    prune.ln_structured(model[3], "weight", 0.5, 2, 0)  # type: ignore[no-untyped-call]
    if run:  # masked weights are then no leaves of autograd's graph
        model(torch.ones(1, *PICTURE))
    return model


def normed(norm: Callable[[nn.Module], nn.Module]) -> nn.Module:
    return nn.Sequential(norm(conv()), nn.ReLU(), norm(conv(16, 16)), nn.ReLU(), tail())


def with_matrix(change: Callable[[nn.Linear], object]) -> nn.Module:
    layer = nn.Linear(16, 16)
    change(layer)
    front = (conv(), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*front, layer, nn.ReLU(), nn.Linear(16, 5))


def symmetric(layer: nn.Linear) -> None:
    parametrize.register_parametrization(layer, "weight", Symmetric())


def tied_twice() -> nn.Module:
    first, second = conv(16, 16), conv(16, 16)
    second.weight = first.weight
    return nn.Sequential(conv(), first, nn.ReLU(), second, nn.ReLU(), tail())


def one_layer_twice() -> nn.Module:
    layer, norm = conv(16, 16), nn.BatchNorm2d(16)
    return nn.Sequential(conv(), layer, norm, nn.ReLU(), layer, norm, nn.ReLU(), tail())


def unregistered() -> nn.Module:
    hidden = conv()
    return Model(lambda m, x: m.t(torch.relu(hidden(x)) + m.a(x)))


def without_gradients(m: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = torch.relu(m.a(x))
        with torch.enable_grad():
            y = y * 2
    scores: Tensor = m.t(y)
    return scores


def autocast(m: Any, x: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        y = m.a(x)
    scores: Tensor = m.t(y.float())
    return scores


def by_shape(m: Any, x: Tensor) -> Tensor:
    x = m.a(x)
    while x.shape[-1] > 2:
        x = F.max_pool2d(torch.relu(m.b(x)), 2) if len(x.shape) == 4 else x
    scores: Tensor = m.t(x)
    return scores


def counted(m: Any, x: Tensor) -> Tensor:
    m.calls += 1
    scores: Tensor = m.t(m.a(x))
    return scores


def into_the_input(m: Any, x: Tensor) -> Tensor:
    x -= 0.5
    scores: Tensor = m.t(m.a(F.relu(x, inplace=True)))
    return scores


def two_when_trained(m: Any, x: Tensor) -> object:
    y = m.a(x)
    return (m.t(y), m.auxiliary(y)) if m.training else m.t(y)


def kept_attribute() -> nn.Module:
    model = Model(lambda m, x: m.t(m.a(x) * m.kept + m.items[0]))
    model.kept = model.a.weight.mean((1, 2, 3))[:, None, None] * 2
    model.__dict__["items"] = [torch.ones(16, 1, 1)]
    return model


def buffered(values: Tensor, forward: Callable[[Any, Tensor], object]) -> Maker:
    return lambda: Model(forward, n=values)


def scaled(m: Any, x: Tensor) -> Tensor:
    scores: Tensor = m.t(m.a(x) * m.n)
    return scores


class Standardized(nn.Conv2d):
    """A convolution whose weights are standardized, and scaled by a gain, as in NFNets."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3, padding=1)
        self.gain = nn.Parameter(torch.rand(outputs, 1, 1, 1) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.weight.reshape(1, len(self.weight), -1)
        gain = (self.gain * rows.shape[2] ** -0.5).view(-1)
        weight = F.batch_norm(rows, None, None, weight=gain, training=True, momentum=0.0)
        return F.conv2d(x, weight.reshape_as(self.weight), self.bias, padding=1)


def chosen(m: Any, x: Tensor) -> Tensor:
    y = m.a(x)
    scores: Tensor = m.t(torch.where(y > y.mean((2, 3), keepdim=True), y, -y))
    return scores


def waves(m: Any, x: Tensor) -> Tensor:
    y = torch.fft.rfft2(m.a(x)) * torch.view_as_complex(m.n)
    scores: Tensor = m.t(torch.fft.irfft2(y, s=x.shape[2:]))
    return scores


def unfolded(m: Any, x: Tensor) -> Tensor:
    patches = F.unfold(m.a(x), 3, padding=1)
    scores: Tensor = m.t(F.fold(patches.relu(), (8, 8), 3, padding=1))
    return scores


def looked_at(m: Any, x: Tensor) -> Tensor:
    grid = m.n.expand(len(x), -1, -1, -1)
    scores: Tensor = m.t(F.grid_sample(m.a(x), grid, align_corners=False))
    return scores


def attending(groups: int, **options: Any) -> Callable[[Any, Tensor], Tensor]:
    """Return a forward of four heads of queries, and of so many of keys and values."""

    def forward(m: Any, x: Tensor) -> Tensor:
        query, key, value = (
            y.flatten(2).unflatten(1, (heads, 4)).transpose(2, 3)
            for y, heads in ((m.a(x), 4), (m.k(x), groups), (m.k(x).relu(), groups))
        )
        found = F.scaled_dot_product_attention(query, key, value, **options)
        scores: Tensor = m.t(found.transpose(2, 3).reshape(len(x), 16, 8, 8))
        return scores

    return forward


def filled(m: Any, x: Tensor) -> Tensor:
    y = m.a(x)
    mask = y < 0
    scores: Tensor = m.t(F.relu_(y).masked_fill_(mask, 0.1))
    return scores


def shifted(m: Any, x: Tensor) -> Tensor:
    """Shift some channels by a row each way, as temporal shifts do."""
    y = torch.relu(m.a(x))
    z = torch.zeros_like(y)
    z[:, :4, 1:], z[:, 4:8, :-1], z[:, 8:] = y[:, :4, :-1], y[:, 4:8, 1:], y[:, 8:]
    scores: Tensor = m.t(torch.relu(m.b(z)))
    return scores


def rewritten(m: Any, x: Tensor) -> Tensor:
    """Write into parts, with other parts and by arithmetic, and over the whole of another map."""
    y = torch.relu(m.a(x))
    y[:, :4] = y[:, 4:8]
    y[:, 8:12] *= 2
    y[:, 0] += y[:, 1]
    y[:, 12:] = y[:, 5:6]
    z, means = torch.zeros_like(y), torch.empty_like(y)
    z.copy_(y)
    means.copy_(y.mean((2, 3), keepdim=True))
    scores: Tensor = m.t(torch.relu(m.b(z)) + means)
    return scores


class Rows(nn.Module):
    """A recurrent layer over each row of a map, all rows of a batch at once."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.steps = conv(), nn.GRU(16, 8, batch_first=True, bidirectional=True)
        self.t = tail()

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.a(x)).permute(0, 2, 3, 1)
        n, h, w, c = y.shape
        y = self.steps(y.reshape(n * h, w, c))[0].view(n, h, w, c)
        scores: Tensor = self.t(y.permute(0, 3, 1, 2))
        return scores


class Places(nn.Module):
    """A sequence ``[10, 6]`` with a table of places, by all numbers and by those behind a first."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.h = nn.Linear(6, 16), nn.Linear(16, 5)
        self.all, self.more = nn.Embedding(10, 16), nn.Embedding(12, 16)

    def forward(self, x: Tensor) -> Tensor:
        steps = torch.arange(x.shape[1])
        behind = self.more((steps + 1).expand(len(x), -1))
        scores: Tensor = self.h(torch.relu(self.a(x) + self.all(steps) + behind).mean(1))
        return scores


class Pooling(nn.Module):
    """Learned queries that attend to a sequence ``[10, 6]``: they are no keys and no values."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.h = nn.Linear(6, 16), nn.Linear(16, 5)
        self.query = nn.Parameter(torch.randn(1, 2, 16))
        self.mix = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        steps = torch.relu(self.a(x))
        queries = self.query.expand(len(x), -1, -1)
        scores: Tensor = self.h(self.mix(queries, steps, steps, need_weights=False)[0].mean(1))
        return scores


class Decoder(nn.Module):
    """A decoder of learned queries over a sequence ``[10, 6]``."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.h = nn.Linear(6, 16), nn.Linear(16, 5)
        self.query = nn.Parameter(torch.randn(1, 3, 16))
        self.body = nn.TransformerDecoderLayer(16, 4, 32, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        queries = self.query.expand(len(x), -1, -1)
        scores: Tensor = self.h(self.body(queries, torch.relu(self.a(x))).mean(1))
        return scores


COLUMN = (16, 1, 1)
PICTURES: dict[str, Maker] = {
    "in train mode": trained,
    "partly in train mode": half_trained,
    "frozen": lambda: plain().requires_grad_(False),
    "hooks": hooked,
    "DataParallel": lambda: nn.DataParallel(plain()),
    "DataParallel inside": lambda: Model(b=nn.DataParallel(conv(16, 16)),
                                         forward=lambda m, x: m.t(torch.relu(m.b(m.a(x))))),
    "averaged weights": lambda: torch.optim.swa_utils.AveragedModel(plain()),
    "compiled": compiled,
    "channels last": lambda: plain().to(memory_format=torch.channels_last),
    "half precision": lambda: plain().half(),
    "bfloat16": lambda: plain().bfloat16(),
    "float64": lambda: plain().double(),
    "masks": masked,
    "masks after a run": lambda: masked(run=True),
    "weight norm": lambda: normed(parametrizations.weight_norm),
    "weight norm of old": lambda: normed(weight_norm),
    "spectral norm": lambda: normed(parametrizations.spectral_norm),
    "spectral norm of old": lambda: normed(spectral_norm),
    "orthogonal": lambda: with_matrix(parametrizations.orthogonal),
    "a parametrization": lambda: with_matrix(symmetric),
    "tied weights": tied_twice,
    "one layer twice": one_layer_twice,
    "parameters outside": ParametersOutside,
    "a layer in a closure": unregistered,
    "tensors as attributes": kept_attribute,
    "a fixed convolution": buffered(
        torch.randn(16, 16, 1, 1), lambda m, x: m.t(torch.relu(F.conv2d(m.a(x), m.n)))),
    "an int buffer": buffered(torch.tensor(3), scaled),
    "a uint8 buffer": buffered(torch.full(COLUMN, 2, dtype=torch.uint8), scaled),
    "a bool buffer": buffered((torch.arange(16) % 2 == 0).view(COLUMN), scaled),
    "a float16 buffer": buffered(torch.rand(COLUMN).half(), scaled),
    "a float64 buffer": buffered(torch.rand(COLUMN).double(), scaled),
    "a complex buffer": buffered(
        torch.randn(COLUMN, dtype=torch.complex64), lambda m, x: m.t(m.a(x) * m.n.abs())),
    "an index": buffered(torch.arange(15, -1, -1), lambda m, x: m.t(m.a(x)[:, m.n])),
    "a mask as an index": buffered(torch.arange(16) > 4, lambda m, x: m.t(
        torch.cat([m.a(x)[:, m.n], m.a(x)[:, :5]], 1))),
    "a mask of two axes": buffered(
        torch.ones(8, 8).tril().bool(), lambda m, x: m.t(m.a(x)[:, :, m.n][..., None])),
    "indices of two axes": buffered(
        torch.arange(8), lambda m, x: m.t(m.a(x)[:, :, m.n, m.n.flip(0)][..., None])),
    "indices of axes apart": buffered(
        torch.arange(8), lambda m, x: m.t(m.a(x)[:, m.n, :, m.n].permute(1, 0, 2)[..., None]
                                          .repeat(1, 2, 1, 1))),
    "queries that share heads": lambda: Model(attending(2, enable_gqa=True), k=nn.Conv2d(3, 8, 1)),
    "an attention in order": lambda: Model(attending(4, is_causal=True), k=nn.Conv2d(3, 16, 1)),
    "an attention with a mask": lambda: Model(
        attending(4, attn_mask=torch.ones(64, 64).tril(3).bool()), k=nn.Conv2d(3, 16, 1)),
    "a product with a vector": lambda: Model(
        lambda m, x: m.t(m.a(x) * (m.a(x).mean((2, 3)) @ m.n)[:, None, None, None]),
        n=nn.Parameter(torch.rand(16))),
    "a choice": lambda: Model(chosen),
    "waves": lambda: Model(waves, n=nn.Parameter(torch.rand(16, 8, 5, 2))),
    "unfolded": lambda: Model(unfolded),
    "a grid": buffered(torch.rand(1, 8, 8, 2) * 2 - 1, looked_at),
    "a mask that is written with": lambda: Model(filled),
    "written into whole numbers": lambda: Model(
        lambda m, x: m.t(m.a(x) * (m.a(x) > 0).logical_not_() + m.a(x).mul(9).int().add_(1))),
    "written into parts": lambda: Model(rewritten, b=conv(16, 16)),
    "written a row further": lambda: Model(shifted, b=conv(16, 16)),
    "rows that a recurrent layer reads": Rows,
    "rows and columns exchanged": lambda: Model(
        lambda m, x: m.t(torch.relu(m.b(torch.relu(m.a(x)).mT + torch.relu(m.a(x)).mH))),
        b=conv(16, 16)),
    "the largest": lambda: Model(lambda m, x: m.t(m.a(x).flatten(2).topk(5)[0].unsqueeze(-1))),
    "padded by reflection": lambda: Model(
        lambda m, x: m.t(F.pad(m.a(x), (1, 1, 1, 1), mode="reflect"))),
    "a sum of letters of three": lambda: Model(
        lambda m, x: m.t(torch.einsum("bchw,bdhw,c->bdhw", m.a(x), m.a(x), m.a.bias))),
    "a table that is interpolated": lambda: Model(
        lambda m, x: m.t(m.a(x) + F.interpolate(m.n, size=x.shape[2:], mode="bicubic")),
        n=nn.Parameter(torch.rand(1, 16, 4, 4))),
    "standardized weights": lambda: nn.Sequential(
        Standardized(3, 16), nn.ReLU(), Standardized(16, 16), nn.ReLU(), tail()),
    "a computed filter": buffered(
        torch.rand(1, 1, 3, 3),
        lambda m, x: m.t(F.conv2d(m.a(x), m.n.repeat(16, 1, 1, 1), groups=16))),
    "a counter": lambda: Model(counted, calls=torch.zeros((), dtype=torch.long)),
    "an optional second input": lambda: TwoInputs(needed=False),
    "outputs in training only": lambda: Model(two_when_trained, auxiliary=tail()),
    "evaluation only": OnlyEvaluated,
    "no gradients in a part": lambda: Model(without_gradients),
    "autocast in a part": lambda: Model(autocast),
    "checkpoints": lambda: Model(lambda m, x: m.t(checkpoint(m.a, x, use_reentrant=False))),
    "control flow on shapes": lambda: Model(by_shape, b=conv(16, 16)),
    "written into the input": lambda: Model(into_the_input),
    "an unused layer": lambda: Model(z=conv(7, 9)),
    "forty layers": lambda: nn.Sequential(
        conv(), *(nn.Sequential(nn.Conv2d(16, 16, 1), nn.ReLU()) for _ in range(20)), tail()),
}  # fmt: skip

SEQUENCES: dict[str, tuple[Maker, tuple[int, ...]]] = {
    "one layer": (lambda: nn.Linear(6, 4), (6,)),
    "a perceptron": (perceptron, (20,)),
    "tied layers": (TiedLayers, (12,)),
    "tied heads": (TiedHeads, (12,)),
    "a layer for each step": (
        lambda: nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 5)), (16, 12)),
    "an LSTM": (lambda: Recurrent(nn.LSTM), (10, 6)),
    "a GRU": (lambda: Recurrent(nn.GRU), (10, 6)),
    "one axis": (
        lambda: nn.Sequential(nn.Conv1d(4, 8, 3), nn.Flatten(), nn.Linear(48, 5)), (4, 8)),
    "three axes": (
        lambda: nn.Sequential(nn.Conv3d(2, 8, 3), nn.Flatten(), nn.Linear(64, 5)), (2, 4, 4, 4)),
    "places": (Places, (10, 6)),
    "queries that are no keys": (Pooling, (10, 6)),
    "a decoder": (Decoder, (10, 6)),
    "pictures that join the batch": (
        lambda: Model(lambda m, x: m.t(torch.relu(m.a(x.view(-1, 3, 8, 8)))).view(len(x), 4, 5)
                      .mean(1)), (12, 8, 8)),
    "numbers of words": (
        lambda: Model(lambda m, x: m.h(m.e(x.abs().long().clamp(max=8)).mean(1)),
                      e=nn.Embedding(9, 4), h=nn.Linear(4, 5)), (6,)),
    "keys that no input gives": (Remembering, (10, 16)),
    "an encoder": (Encoder, (10, 16)),
    "an encoder, norms first": (lambda: Encoder(norm_first=True), (10, 16)),
    "a frozen encoder": (lambda: Encoder().requires_grad_(False), (10, 16)),
}  # fmt: skip
WORKING: dict[str, tuple[Maker, tuple[int, ...]]] = {
    **{name: (maker, PICTURE) for name, maker in PICTURES.items()},
    **SEQUENCES,
}
ROUGH = {"autocast in a part": 3e-2}
"""Of those that compute in another precision, how far off their outputs are."""
