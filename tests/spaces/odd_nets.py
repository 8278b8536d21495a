"""Small networks that are odd on purpose: each has one way of moving channels that misleads."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SharedBlock(nn.Module):
    """One block applied three times; its inputs and outputs are the same channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.block = nn.Sequential(nn.Conv2d(16, 24, 1), nn.ReLU(), nn.Conv2d(24, 16, 1))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for _ in range(3):
            x = x + torch.relu(self.block(x))
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class Shuffled(nn.Module):
    """Channels counted by three groups, turned, and split into unequal parts."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 48, 3, padding=1)
        self.left, self.right = nn.Conv2d(16, 24, 1), nn.Conv2d(32, 24, 3, padding=1)
        self.head = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        n, c, h, w = x.shape
        x = x.view(n, 3, c // 3, h, w).transpose(1, 2).reshape(n, c, h, w)
        a, b = torch.split(x, [16, 32], 1)
        x = torch.cat([self.left(a), self.right(b)], 1)
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class ChannelsLast(nn.Module):
    """Linear layers and a layer norm behind a turn, a layer scale, and a turn back."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 4, stride=4)
        self.norm = nn.LayerNorm(32)
        self.wide, self.narrow = nn.Linear(32, 64), nn.Linear(64, 32)
        self.gamma = nn.Parameter(torch.full((32, 1, 1), 0.5))
        self.head = nn.Conv2d(32, 10, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.narrow(F.gelu(self.wide(self.norm(x.permute(0, 2, 3, 1)))))
        x = x + self.gamma * y.permute(0, 3, 1, 2)
        scores: Tensor = self.head(x.mean((2, 3), keepdim=True))
        return scores.flatten(1)


class Tokens(nn.Module):
    """A class token, a position table, and `nn.MultiheadAttention`."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 32, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 32))
        self.places = nn.Parameter(0.1 * torch.randn(1, 17, 32))
        self.norm = nn.LayerNorm(32)
        self.attention = nn.MultiheadAttention(32, 4, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(32, 48), nn.GELU(), nn.Linear(48, 32))
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        y = self.norm(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.mlp(x)
        scores: Tensor = self.head(x[:, 0])
        return scores


class SeparateHeads(nn.Module):
    """Queries, keys and values of three layers, scores by hand, values of another width."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 4, stride=4)
        self.query, self.key = nn.Linear(24, 32), nn.Linear(24, 32, bias=False)
        self.value, self.out = nn.Linear(24, 64), nn.Linear(64, 24)
        self.bias = nn.Parameter(torch.randn(4, 16, 16))
        self.head = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        q, k, v = (
            layer(x).unflatten(-1, (4, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        weights = (q @ k.transpose(-2, -1) * 8**-0.5 + self.bias).softmax(-1)
        x = x + self.out((weights @ v).transpose(1, 2).flatten(2))
        scores: Tensor = self.head(x.mean(1))
        return scores


class Windows(nn.Module):
    """Positions rolled, padded, and cut into windows that join the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 2, stride=2)
        self.mix, self.inner = nn.Linear(24, 40), nn.Linear(40, 24)
        self.head = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).permute(0, 2, 3, 1)
        x = F.pad(torch.roll(x, (-1, 1), (1, 2)), (0, 0, 0, 1, 0, 1))
        n, h, w, c = x.shape
        windows = x.view(n, h // 3, 3, w // 3, 3, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, 9, c)
        windows = windows + self.inner(torch.relu(self.mix(windows)))
        x = windows.view(n, h // 3, w // 3, 3, 3, c).permute(0, 1, 3, 2, 4, 5).reshape(n, h, w, c)
        scores: Tensor = self.head(x[:, :8, :8].mean((1, 2)))
        return scores


class Gates(nn.Module):
    """A squeeze-and-excite gate, a map that weighs positions, and a choice between branches."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, padding=1)
        self.squeeze, self.excite = nn.Linear(32, 8), nn.Linear(8, 32)
        self.where = nn.Conv2d(32, 1, 1)
        self.small = nn.Conv2d(32, 24, 1)
        self.large = nn.Conv2d(32, 24, 3, padding=1)
        self.choose = nn.Linear(24, 48)
        self.head = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        gate = torch.sigmoid(self.excite(torch.relu(self.squeeze(x.mean((2, 3))))))
        x = x * gate.view(len(x), -1, 1, 1) * torch.sigmoid(self.where(x))
        branches = torch.stack([self.small(x), self.large(x)], 1)
        weights = self.choose(branches.sum(1).mean((2, 3))).view(-1, 2, 24).softmax(1)
        x = (branches * weights[..., None, None]).sum(1)
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class Groups(nn.Module):
    """Group norms, grouped convolutions with other widths, a depthwise one that doubles."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, padding=1)
        self.norm = nn.GroupNorm(4, 32)
        self.grouped = nn.Conv2d(32, 48, 3, padding=1, groups=4)
        self.doubling = nn.Conv2d(48, 96, 3, stride=2, padding=1, groups=48)
        self.last = nn.Conv2d(96, 32, 1)
        self.last_norm = nn.GroupNorm(1, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.grouped(torch.relu(self.norm(self.stem(x)))))
        x = torch.relu(self.last_norm(self.last(self.doubling(x))))
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class Uneven(nn.Module):
    """A sum of joined branches with one layer, a skip that is cut, parameters outside of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(3, 24, 1)
        self.all = nn.Conv2d(3, 32, 3, padding=1)
        self.weight = nn.Parameter(0.3 * torch.randn(16, 12, 1, 1))
        self.shift = nn.Parameter(torch.randn(16, 1, 1))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(torch.cat([self.left(x), self.right(x)], 1) + self.all(x))
        x = F.conv2d(x[:, 4:16], self.weight) + self.shift + x[:, 16:]
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class Cosine(nn.Module):
    """Attention by normalized queries and keys with a learned temperature."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 4, stride=4)
        self.qkv, self.out = nn.Linear(32, 96), nn.Linear(32, 32)
        self.temperature = nn.Parameter(torch.full((4, 1, 1), 0.5))
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        n, places, _ = x.shape
        q, k, v = self.qkv(x).reshape(n, places, 3, 4, 8).permute(2, 0, 3, 1, 4).unbind(0)
        scores = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)
        weights = (scores * self.temperature.clamp(max=4.0).exp()).softmax(-1)
        x = x + self.out((weights @ v).transpose(1, 2).reshape(n, places, -1))
        found: Tensor = self.head(x.mean(1))
        return found


class Skips(nn.Module):
    """Sums with other things in front and behind: layers, norms, activations, further sums."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16)
        self.fused, self.clipped = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 3, padding=1)
        self.alone = nn.Sequential(nn.Conv2d(16, 24, 1), nn.ReLU(), nn.Conv2d(24, 16, 1))
        self.first, self.second = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1)
        self.outer, self.inner = nn.Conv2d(16, 16, 1), nn.Conv2d(16, 16, 1)
        self.down = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.last, self.late = nn.Conv2d(24, 24, 1), nn.Conv2d(24, 24, 1)
        self.mask = nn.Buffer(torch.rand(1, 24, 1, 1))
        self.head = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x))
        x = torch.relu(x + self.fused(x))
        x = F.relu6(x + self.clipped(x))
        x = F.hardswish(x)
        x = torch.relu(x + self.alone(x))
        x = x + self.first(x)
        x = torch.relu(x + self.second(x))
        x = torch.tanh(x)
        y = self.outer(x)
        x = x + torch.tanh(y + self.inner(y))
        x = self.down(x)
        x = x + self.last(x * self.mask)
        x = torch.relu(x + self.late(x * self.mask))
        scores: Tensor = self.head(F.avg_pool2d(x, 2).mean((2, 3)))
        return scores


class NormsFirst(nn.Module):
    """Norms and activations in front of the layers of a branch, and behind the last sum."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(16) for _ in range(3))
        self.layers = nn.ModuleList(nn.Conv2d(16, 16, 3, padding=1) for _ in range(2))
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.layers[0](torch.relu(self.norms[0](x)))
        x = x + self.layers[1](torch.relu(self.norms[1](x)))
        scores: Tensor = self.head(torch.relu(self.norms[2](x)).mean((2, 3)))
        return scores


class RootMeanSquares(nn.Module):
    """Tokens between norms by their root mean square, with a gated hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 4, stride=4)
        self.first, self.last = nn.RMSNorm(32, eps=1e-6), nn.RMSNorm(32, eps=1e-3)
        self.gate, self.up, self.down = nn.Linear(32, 48), nn.Linear(32, 48), nn.Linear(48, 32)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        read = self.first(x)
        x = x + self.down(F.silu(self.gate(read)) * self.up(read))
        scores: Tensor = self.head(self.last(x).mean(1))
        return scores


class Waves(nn.Module):
    """Operators without a rule between layers: waves, and a choice by truth values."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 24, 3, padding=1), nn.BatchNorm2d(24)
        self.filter = nn.Parameter(torch.rand(24, 16, 9, 2))
        self.wide, self.narrow = nn.Conv2d(24, 40, 1), nn.Conv2d(40, 24, 1)
        self.last = nn.Conv2d(24, 32, 3, stride=2, padding=1)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.stem(x)))
        waves = torch.fft.rfft2(x, norm="ortho") * torch.view_as_complex(self.filter)
        x = x + torch.fft.irfft2(waves, s=x.shape[2:], norm="ortho")
        x = x + self.narrow(F.gelu(self.wide(x)))
        x = self.last(x)
        x = torch.where(x > 0, x, 0.1 * x)
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class Strided(nn.Module):
    """Every other position, as in the merging of patches, and every third channel."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, padding=1)
        self.merge, self.inner = nn.Conv2d(96, 48, 1), nn.Conv2d(48, 48, 1)
        self.head = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        corners = [x[..., row::2, column::2] for row in (0, 1) for column in (0, 1)]
        x = torch.relu(self.inner(self.merge(torch.cat(corners, 1))))
        x = x[:, ::3] + x[:, 1::3] * x[:, 2::3]
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class ComputedPlaces(nn.Module):
    """Layers that read no picture: a convolution over waves, linear layers over distances."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.places = nn.Conv2d(3, 24, 4, stride=4), nn.Conv2d(8, 24, 1)
        self.near = nn.Sequential(nn.Linear(1, 16), nn.ReLU(), nn.Linear(16, 24))
        self.inner, self.out = nn.Conv2d(24, 40, 1), nn.Conv2d(40, 24, 1)
        self.head = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        n, _, height, width = x.shape
        places = torch.arange(1.0, 1.0 + height * width).reshape(1, 1, height, width)
        waves = torch.sin(places / 2.0 ** torch.arange(8.0).reshape(1, 8, 1, 1))
        x = x + self.places(waves.to(x.dtype)).repeat(n, 1, 1, 1)
        distances = torch.linspace(-1.0, 1.0, height)[:, None]
        x = x * self.near(distances.to(x.dtype)).permute(1, 0)[None, :, :, None]
        x = x + self.out(torch.relu(self.inner(x)))
        scores: Tensor = self.head(x.mean((2, 3)))
        return scores


class Displaced(nn.Module):
    """Channels that are taken by number, padded, become pixels, and join the batch, in between."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mixed = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 64, 3, padding=1)
        self.order = nn.Buffer(torch.randperm(16))
        self.pixels, self.wide = nn.Conv2d(16, 24, 3, padding=1), nn.Conv2d(24, 32, 1, stride=2)
        self.halves = nn.Conv2d(16, 24, 3, stride=2, padding=1)
        self.left, self.right = nn.Conv2d(3, 24, 1), nn.Conv2d(3, 24, 1)
        self.head = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        x, picture = torch.relu(self.stem(x)), x
        x = torch.relu(self.mixed(x[:, self.order]) + F.pad(x, (0, 0, 0, 0, 24, 24)))
        n, c, h, w = x.shape
        x = x.view(n, c // 4, 2, 2, h, w).permute(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)
        x = self.wide(torch.relu(self.pixels(x)))
        x = self.halves(x.reshape(2 * n, 16, h, w)).reshape(n, 48, h // 2, w // 2)
        sums = (self.left(picture) + self.right(picture)).cumsum(2).mean((2, 3))
        scores: Tensor = self.head(x.mean((2, 3)) + torch.cat([sums, sums], 1))
        return scores


class WrittenTables(nn.Module):
    """Untrained numbers as wide as channels that are removed, equal for channels that differ."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.grow = nn.Conv2d(3, 48, 2, stride=2), nn.Linear(48, 96)
        angles = torch.arange(64.0)[:, None] * 100.0 ** (-torch.arange(48.0) / 48)
        self.waves, self.again = nn.Buffer(angles.sin()), nn.Buffer(angles.sin())
        self.other = nn.Buffer(angles.sin())
        self.left, self.right = nn.Linear(48, 48), nn.Linear(48, 48)
        self.shrink, self.head = nn.Linear(96, 48), nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2) + self.waves
        x = x + self.shrink(F.gelu(self.grow(x + self.again)))
        x = self.left(x) * torch.sigmoid(self.right(x) + self.other)
        scores: Tensor = self.head(x.mean(1))
        return scores


class Bent(nn.Module):
    """Activations that few networks have, one of them with a slope for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, 24, 3, padding=1) for inputs in (3, 24, 24, 24, 24)
        )
        self.slopes, self.slope = nn.PReLU(24), nn.PReLU()
        self.shuffle = nn.ChannelShuffle(3)
        self.floor = nn.Parameter(torch.randn(24, 1, 1) - 1)
        self.weight, self.bias = nn.Parameter(torch.randn(24, 10) / 5), nn.Parameter(torch.rand(10))

    def forward(self, x: Tensor) -> Tensor:
        first, second, third, fourth, fifth = self.layers
        x = self.slopes(first(x))
        x = F.elu(second(x), 0.8) + F.selu(x)
        x = torch.maximum(self.slope(third(x)), F.mish(x))
        x = x * torch.rsqrt(F.softplus(x) + 1)
        x = torch.minimum(fourth(self.shuffle(x)).abs(), x.clamp(min=self.floor))
        return torch.addmm(self.bias, fifth(x).mean((2, 3)), self.weight)


class Causal(nn.Module):
    """Heads that share keys and see what is in front alone; a key that no input gives, a mask."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 4, stride=4)
        self.query, self.key, self.value = nn.Linear(32, 32), nn.Linear(32, 16), nn.Linear(32, 16)
        self.mix = nn.MultiheadAttention(32, 2, batch_first=True, add_bias_kv=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        q, k, v = (
            layer(x).unflatten(-1, (-1, 8)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        found = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + found.transpose(1, 2).flatten(2)
        nearer = torch.eye(x.shape[1], dtype=x.dtype)
        x = x + self.mix(x, x, x, attn_mask=nearer)[0]
        scores: Tensor = self.head(x.mean(1))
        return scores


class WithItsOwn(nn.Sequential):
    """Layers with numbers for names, and behind them a weight of the container's."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__(*layers)
        self.weight = nn.Parameter(torch.randn(24, 32, 3, 3) / 17)

    def forward(self, x: Tensor) -> Tensor:
        inner: Tensor = super().forward(x)  # type: ignore[no-untyped-call]
        return F.conv2d(torch.relu(inner), self.weight, padding=1)


class Blended(nn.Module):
    """Maps that single numbers of a vector weigh, written a row further; a norm without weights."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = (nn.Conv2d(3, 24, 3, padding=1) for _ in range(2))
        self.shares = nn.Parameter(torch.rand(3))
        self.body = WithItsOwn(nn.Conv2d(24, 32, 1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1))
        self.head = nn.Linear(24, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.layer_norm(x, x.shape[1:])
        shares = self.shares.softmax(0)
        x = shares[0] * torch.relu(self.left(x)) + shares[1] * torch.relu(self.right(x))
        moved = torch.zeros_like(x)
        moved[:, :8, 1:], moved[:, 8:] = x[:, :8, :-1], x[:, 8:]
        moved[:, 9] *= 2
        x = self.body(moved) * self.shares[2]
        scores: Tensor = self.head(torch.relu(x).mean((2, 3)))
        return scores


ODD_NETS = (
    SharedBlock, Shuffled, ChannelsLast, Tokens, SeparateHeads, Windows, Gates, Groups, Uneven,
    Cosine, Skips, NormsFirst, RootMeanSquares, Waves, Strided, ComputedPlaces,
    Displaced, WrittenTables, Bent, Causal, Blended,
)  # fmt: skip
