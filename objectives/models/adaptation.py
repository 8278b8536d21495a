"""Published weights fitted to a network whose first convolution or classifier differs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tightfit import SpecError
from tightfit.objectives.models.weights import State

_SHOWN = 3
_COUNTER = "num_batches_tracked"
_INDEX = "relative_position_index"  # follows from the size alone
_TABLES = ("encoder.pos_embedding", "relative_position_bias_table")


@dataclass(frozen=True, slots=True)
class Adaptation:
    """What became of weights on their way into a network.

    Attributes:
        state: Fits the network, apart from the classifier where that is fresh.
        notes: What was changed, one line each, for people.
        needs_training: Whether the network no longer computes what the weights were trained for.
    """

    state: State
    notes: tuple[str, ...]
    needs_training: bool


def fit_channels(weight: Tensor, channels: int) -> Tensor:
    """Return a first convolution ``[O, I, h, w]`` for ``channels`` inputs, ``[O, channels, h, w]``.

    Every channel gets the mean over the old ones, scaled so that a picture whose channels are all
    equal gives the same output as before: for one channel that is the sum.
    """
    mean = weight.mean(1, keepdim=True) * (weight.shape[1] / channels)
    return mean.expand(-1, channels, -1, -1).contiguous()


def fit_kernel(weight: Tensor, size: Sequence[int]) -> Tensor:
    """Return a convolution ``[O, I, h, w]`` with its kernel averaged down or spread to ``size``.

    Its weights are scaled by the ratio of the areas, so that an even picture gives about the same
    output as before: exactly the same where they are all equal.
    """
    resized = F.interpolate(weight, size=tuple(size), mode="bilinear", antialias=True)
    return resized * (math.prod(weight.shape[2:]) / math.prod(size))


def fit_grid(values: Tensor, count: int) -> Tensor:
    """Interpolate values on a square grid ``[n * n, d]`` to ``count`` places, ``[count, d]``."""
    old, new = math.isqrt(len(values)), math.isqrt(count)
    grid = values.T.reshape(1, -1, old, old)
    resized = F.interpolate(grid, size=(new, new), mode="bicubic", align_corners=True)
    return resized.reshape(values.shape[1], count).T.contiguous()


def fit_state(source: State, model: nn.Module, *, convolution: str, classifier: str) -> Adaptation:
    """Fit published weights to ``model``: first convolution, position tables, classifier.

    The classifier's weights are kept where the class count is equal, and start fresh elsewhere.

    Args:
        source: The weights by name.
        model: The network they are for, already fitted to its data.
        convolution, classifier: Names of its first convolution and of its last layer.
    """
    target = model.state_dict()
    state, notes, needs_training = dict(source), list[str](), False
    for name in _differing(state, target):
        if name.endswith(_INDEX):
            state[name] = target[name]
            continue
        old, new = state[name].shape, target[name].shape
        if name == f"{convolution}.weight" and len(new) == 4 and old[0] == new[0]:
            state[name] = fit_convolution(state[name], new)
            needs_training |= old[2:] != new[2:]
        elif name.endswith(_TABLES):
            state[name] = _fit_table(state[name], new)
            needs_training = True
        elif name in (f"{classifier}.weight", f"{classifier}.bias"):
            state[name] = target[name]
            needs_training = True
            notes.append(f"{name} starts fresh, for {new[0]} classes")
            continue
        else:
            continue
        notes.append(f"{name} was fitted from {list(old)} to {list(new)}")
    return Adaptation(state, tuple(notes), needs_training)


def _differing(state: State, target: State) -> list[str]:
    return [name for name in target if name in state and state[name].shape != target[name].shape]


def fit_convolution(weight: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a first convolution fitted to the channels and the kernel of ``shape``."""
    if weight.shape[1] != shape[1]:
        weight = fit_channels(weight, shape[1])
    return weight if weight.shape[2:] == shape[2:] else fit_kernel(weight, shape[2:])


def _fit_table(values: Tensor, shape: Sequence[int]) -> Tensor:
    """Fit position embeddings ``[1, 1 + n * n, d]`` or relative biases ``[m * m, heads]``."""
    if values.dim() == 3:
        places = fit_grid(values[0, 1:], shape[1] - 1)
        return torch.cat([values[:, :1], places[None]], dim=1)
    return fit_grid(values, shape[0])


def fold_input_transform(
    state: State, *, convolution: str, norm: str, scale: Tensor, shift: Tensor
) -> State:
    """Fold ``x * scale + shift`` on a network's input into its first convolution and batch norm.

    Published Inceptions rescale their input before they read it. A convolution without bias turns
    ``scale`` [I] into scaled weights and ``shift`` [I] into a constant for each output, which the
    batch norm takes off its running mean. Exact but at edges that the convolution pads.
    """
    weight = state[f"{convolution}.weight"]
    constant = (weight * shift.view(1, -1, 1, 1)).sum((1, 2, 3))
    return {
        **state,
        f"{convolution}.weight": weight * scale.view(1, -1, 1, 1),
        f"{norm}.running_mean": state[f"{norm}.running_mean"] - constant,
    }


def load_checked(model: nn.Module, state: State, *, source: str) -> None:
    """Load ``state`` into ``model``, which must need exactly these tensors.

    Raises:
        SpecError: Tensors are missing, unknown, or of other shapes; the first few are named.
    """
    target = model.state_dict()
    # Networks saved before torch counted batches lack the counters.
    missing = [name for name in target if name not in state and not name.endswith(_COUNTER)]
    unknown = [name for name in state if name not in target]
    shapes = [
        f"{name} is {list(state[name].shape)} and must be {list(target[name].shape)}"
        for name in _differing(state, target)
    ]
    problems = [
        f"{what} {_first(names)}"
        for what, names in (("missing:", missing), ("unknown:", unknown), ("shapes:", shapes))
        if names
    ]
    if problems:
        raise SpecError(f"{source} do not fit the model: {'; '.join(problems)}")
    # The model's own dict has the versions of its modules, which some ask for.
    target.update(state)
    model.load_state_dict(target)


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
