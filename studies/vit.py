"""A small vision transformer of one's own, for `vit.toml`: copy both and change them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, HEADS, BLOCKS = 128, 4, 4


class Attention(nn.Module):
    """Self-attention; queries, keys and values come from one linear layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.projection = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens ``[N, T, width]`` that have seen each other."""
        count, length, width = tokens.shape
        parts = self.qkv(tokens).reshape(count, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        seen = F.scaled_dot_product_attention(query, key, value)
        result: Tensor = self.projection(seen.transpose(1, 2).reshape(count, length, width))
        return result


class Block(nn.Module):
    """Attention, then two linear layers; both are added to what came in."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens ``[N, T, width]``."""
        tokens = tokens + self.attention(self.norm1(tokens))
        result: Tensor = tokens + self.mlp(self.norm2(tokens))
        return result


class SmallViT(nn.Module):
    """A transformer over the 7 x 7 places of a picture of 1x28x28.

    Two convolutions cut the patches: with few pictures to learn from, that trains faster and better
    than one linear layer (Xiao et al., "Early convolutions help transformers see better", 2021).
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(1, WIDTH // 2, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(WIDTH // 2),
            nn.ReLU(),
            nn.Conv2d(WIDTH // 2, WIDTH, 3, stride=2, padding=1),
        )
        self.positions = nn.Parameter(torch.empty(1, 49, WIDTH).normal_(std=0.02))
        self.blocks = nn.Sequential(*(Block(WIDTH, HEADS) for _ in range(BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH)
        self.classifier = nn.Linear(WIDTH, classes)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return scores ``[N, classes]`` of pictures ``[N, 1, 28, 28]``."""
        tokens = self.stem(pictures).flatten(2).transpose(1, 2) + self.positions
        scores: Tensor = self.classifier(self.norm(self.blocks(tokens)).mean(1))
        return scores


def make_model(classes: int) -> nn.Module:
    """Return the network with random weights; the study trains it."""
    return SmallViT(classes)
