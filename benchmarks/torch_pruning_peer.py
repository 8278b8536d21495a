"""The same networks with torch-pruning, as its documentation says to use it.

It is a peer to compare with and no dependency: `pip install torch-pruning==1.6.1` where these
figures are wanted.
"""

import copy
import importlib.util
import time
import warnings
from typing import Any, Protocol, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

HOW_TO_INSTALL = "torch-pruning is not installed; `pip install torch-pruning==1.6.1` compares it"
RATIO = 0.5
RATIOS = (0.0, 0.25, 0.5, 0.625, 0.75, 0.875)


class _Attention(Protocol):
    """An attention written by hand, as timm has it: one layer gives queries, keys and values.

    ``head_dim`` and ``attn_dim`` are only written here: not every one has them.
    """

    qkv: nn.Linear
    num_heads: int
    head_dim: int
    attn_dim: int


def installed() -> bool:
    """Whether torch-pruning can be imported."""
    return importlib.util.find_spec("torch_pruning") is not None


def prune_by_half(
    module: nn.Module, shape: tuple[int, ...], *, tell_heads: bool
) -> dict[str, float]:
    """Prune half of every group by magnitude; the network must then compute and have gradients.

    Args:
        module: Changed.
        shape: Of a picture.
        tell_heads: Whether it is told how many heads the attentions have.

    Returns:
        The share of the parameters that is left, and the seconds of one core that its graph and
        the pruning took.
    """
    import torch_pruning as tp

    torch.set_num_threads(1)
    example = torch.randn(1, *shape)
    before = _params(module)
    with torch.no_grad():
        outputs = module(example).shape
    layers, importance = _outputs(module, outputs[-1]), tp.importance.GroupMagnitudeImportance(p=2)
    started = time.process_time()
    heads = heads_of(module) if tell_heads else {}
    pruner = _pruner(module, example, layers, heads, importance=importance, pruning_ratio=RATIO)
    pruner.step()
    took = time.process_time() - started
    _count_heads(module, pruner.num_heads)
    found = module(example)
    if found.shape != outputs:
        raise RuntimeError(f"outputs {list(outputs)} became {list(found.shape)}")
    found.sum().backward()
    if _params(module) == before:
        raise RuntimeError("it removed nothing")
    return {"params_ratio": _params(module) / before, "prune_s": took}


def candidates_a_second(module: nn.Module, example: Tensor, *, n: int = 5) -> float:
    """Return of how many random candidates it gives parameters and MACs in a second of a processor.

    By the fastest of ``n``, after one that loads what is loaded once.
    """
    rng = np.random.default_rng(0)
    with torch.no_grad():
        classes = module(example).shape[-1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters outside of layers, once for each candidate
        took = [_count_by_surgery(module, example, classes, rng) for _ in range(1 + n)]
    return 1 / min(took[1:])


def _count_by_surgery(
    module: nn.Module, example: Tensor, classes: int, rng: np.random.Generator
) -> float:
    """Return the seconds of processor time until one candidate's parameters and MACs are known.

    A candidate is a copy of the network that is traced, pruned by random ratios, each layer that
    leads a group by its own, and counted.
    """
    import torch_pruning as tp

    started = time.process_time()
    candidate = copy.deepcopy(module)
    layers = [each for each in candidate.modules() if isinstance(each, nn.Conv2d | nn.Linear)]
    pruner = _pruner(
        candidate,
        example,
        _outputs(candidate, classes),
        heads_of(candidate),
        importance=tp.importance.RandomImportance(),
        pruning_ratio_dict={layer: float(rng.choice(RATIOS)) for layer in layers},
    )
    pruner.step()
    _count_heads(candidate, pruner.num_heads)
    tp.utils.count_ops_and_params(candidate, example)
    return time.process_time() - started


def _outputs(module: nn.Module, classes: int) -> list[nn.Module]:
    """Return the last layer that gives one number for each class; it stays."""
    return [
        layer
        for layer in module.modules()
        if classes in (getattr(layer, "out_features", 0), getattr(layer, "out_channels", 0))
    ][-1:]


def _pruner(
    module: nn.Module,
    example: Tensor,
    ignored: list[nn.Module],
    heads: dict[nn.Module, int],
    **how: object,
) -> Any:
    """Return its pruner.

    Every table is a fresh one: its defaults are shared by all pruners and keep their networks.
    """
    import torch_pruning as tp

    return tp.pruner.BasePruner(
        module,
        example,
        ignored_layers=ignored,
        in_channel_groups={},
        out_channel_groups={},
        num_heads=dict(heads),
        **how,
    )


def heads_of(module: nn.Module) -> dict[nn.Module, int]:
    """Return by layer that gives queries, keys and values how many heads they have."""
    heads: dict[nn.Module, int] = {}
    for each in module.modules():
        if isinstance(each, nn.MultiheadAttention):
            heads[each] = each.num_heads
        elif _by_hand(each):
            heads[each.qkv] = each.num_heads
    return heads


def _count_heads(module: nn.Module, heads: dict[nn.Module, int]) -> None:
    """Tell attentions written by hand what is left of their heads; it changes layers alone."""
    for each in module.modules():
        if _by_hand(each) and each.qkv in heads:
            each.num_heads = heads[each.qkv]
            each.head_dim = each.qkv.out_features // (3 * each.num_heads)
            each.attn_dim = each.num_heads * each.head_dim


def _by_hand(module: nn.Module) -> TypeGuard[_Attention]:
    return isinstance(getattr(module, "qkv", None), nn.Linear) and hasattr(module, "num_heads")


def _params(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
