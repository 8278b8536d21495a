"""A user's own transformer, small as can be, of torch's parts: for the pictures of `own.py`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH, HEADS, CLASSES = 32, 4, 3


class TokenBlock(nn.Module):
    """Attention and an MLP, each added to what came in."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.norm2 = nn.LayerNorm(WIDTH)
        self.widen = nn.Linear(WIDTH, 4 * WIDTH)
        self.narrow = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm1(tokens)
        tokens = tokens + self.attention(normed, normed, normed, need_weights=False)[0]
        result: Tensor = tokens + self.narrow(nn.functional.gelu(self.widen(self.norm2(tokens))))
        return result


class TokenNet(nn.Module):
    """Patches of 4x4, a class token and a position table, for pictures of 1x16x16."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, WIDTH, 4, stride=4)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 17, WIDTH))
        self.blocks = nn.Sequential(TokenBlock(), TokenBlock())
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, inputs: Tensor) -> Tensor:
        patches = self.patches(inputs).flatten(2).transpose(1, 2)
        token = self.token.expand(len(patches), -1, -1)
        tokens = torch.cat([token, patches], 1) + self.positions
        scores: Tensor = self.head(self.norm(self.blocks(tokens))[:, 0])
        return scores


def make_net() -> nn.Module:
    return TokenNet()
