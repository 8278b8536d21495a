"""What each operator of a graph does to tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from operator import attrgetter
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from tightfit.calls import recorded
from tightfit.graph import Attribute

Values: TypeAlias = list[Tensor]
Tensors: TypeAlias = Mapping[str, Any]
"""By role; a bias that is not there is ``None``."""
Operation: TypeAlias = Callable[[Values, Tensors, Any], Tensor]

_HALVES = (torch.float16, torch.bfloat16)


def _conv(x: Values, t: Tensors, a: Any) -> Tensor:
    return F.conv2d(
        x[0], t["weight"], t["bias"], a["stride"], a["padding"], a["dilation"], a["groups"]
    )


def _conv_transpose(x: Values, t: Tensors, a: Any) -> Tensor:
    return F.conv_transpose2d(
        x[0],
        t["weight"],
        t["bias"],
        a["stride"],
        a["padding"],
        a["output_padding"],
        a["groups"],
        a["dilation"],
    )


def _binary(function: Callable[[Tensor, Any], Tensor]) -> Operation:
    def operation(x: Values, _t: Tensors, a: Any) -> Tensor:
        return function(x[0], x[1] if len(x) == 2 else a["scalar"])

    return operation


def _unary(function: Callable[[Tensor], Tensor]) -> Operation:
    return lambda x, _t, _a: function(x[0])


def _layer_norm(x: Values, t: Tensors, a: Any) -> Tensor:
    axes = x[0].shape[-a["axes"] :]
    return F.layer_norm(x[0], axes, t.get("weight"), t.get("bias"), a["eps"])


def _rms_norm(x: Values, t: Tensors, a: Any) -> Tensor:
    weight = t.get("weight")
    # Autocast brings other norms to float32, and leaves this one out.
    values = x[0] if weight is None else x[0].to(weight.dtype)
    return F.rms_norm(values, values.shape[-a["axes"] :], weight, a["eps"])


def _reshape(x: Values, _t: Tensors, a: Any) -> Tensor:
    return x[0].reshape([len(x[0]) if side == 0 else side for side in a["shape"]])


def _slice(x: Values, _t: Tensors, a: Any) -> Tensor:
    step = a.get("step", 1)
    taken = x[0].narrow(a["axis"], a["start"], a["end"] - a["start"])
    if step == 1:
        return taken
    return taken[(slice(None),) * a["axis"] + (slice(None, None, step),)]


def _upsample(x: Values, _t: Tensors, a: Any) -> Tensor:
    corners = a["align_corners"] if a["mode"] == "bilinear" else None
    return F.interpolate(x[0], scale_factor=a["scale"], mode=a["mode"], align_corners=corners)


def _expand(x: Values, _t: Tensors, a: Any) -> Tensor:
    return x[0].expand([len(x[-1]) if side == 0 else side for side in a["shape"]])


def _pad(x: Values, _t: Tensors, a: Any) -> Tensor:
    pairs = [a["pads"][at : at + 2] for at in range(0, len(a["pads"]), 2)]
    return F.pad(x[0], [side for pair in pairs[::-1] for side in pair], value=a["value"])


def _attention(x: Values, _t: Tensors, a: Any) -> Tensor:
    mask = x[3] if len(x) == 4 else None
    return F.scaled_dot_product_attention(
        x[0], x[1], x[2], attn_mask=mask, is_causal=a.get("causal", False), scale=a["scale"]
    )


def _recorded(x: Values, t: Tensors, a: Any) -> Tensor:
    """Call operators of torch as they were recorded, in float32 where autocast asks for less."""
    parameters = {role: each for role, each in t.items() if each is not None}
    device = (*x, *parameters.values())[0].device.type
    half = torch.is_autocast_enabled(device) if device != "meta" else False
    with torch.autocast(device, enabled=False) if half else nullcontext():
        wide = [each.float() if each.dtype in _HALVES else each for each in x]
        calls = recorded(a["calls"])
        result: Tensor = calls.run(wide, parameters, named=named)
    calls.check(wide, result)
    return result


def named(name: str) -> Any:
    """Return what torch has under a name with dots."""
    return attrgetter(name)(torch)


OPERATIONS: Mapping[str, Operation] = {
    "conv": _conv,
    "conv_transpose": _conv_transpose,
    "linear": lambda x, t, _a: F.linear(x[0], t["weight"], t["bias"]),
    "relu": _unary(F.relu),
    "hardswish": _unary(F.hardswish),
    "hardsigmoid": _unary(F.hardsigmoid),
    "sigmoid": _unary(torch.sigmoid),
    "silu": _unary(F.silu),
    "tanh": _unary(torch.tanh),
    "gelu": lambda x, _t, a: F.gelu(x[0], approximate=a["approximate"]),
    "clip": lambda x, _t, a: torch.clamp(x[0], a["low"], a["high"]),
    "leaky_relu": lambda x, _t, a: F.leaky_relu(x[0], a["slope"]),
    "elu": lambda x, _t, a: F.elu(x[0], a["alpha"]),
    "selu": _unary(F.selu),
    "mish": _unary(F.mish),
    "softplus": _unary(F.softplus),
    "prelu": lambda x, t, _a: F.prelu(x[0], t["weight"]),
    "abs": _unary(torch.abs),
    "rsqrt": _unary(torch.rsqrt),
    "maximum": _binary(torch.maximum),
    "minimum": _binary(torch.minimum),
    "add": _binary(torch.add),
    "sub": _binary(torch.sub),
    "mul": _binary(torch.mul),
    "div": _binary(torch.div),
    "cat": lambda x, _t, a: torch.cat(x, a["axis"]),
    "max_pool": lambda x, _t, a: F.max_pool2d(
        x[0], a["kernel"], a["stride"], a["padding"], a["dilation"], a["ceil_mode"]
    ),
    "avg_pool": lambda x, _t, a: F.avg_pool2d(
        x[0], a["kernel"], a["stride"], a["padding"], a["ceil_mode"], a["count_include_pad"]
    ),
    "adaptive_avg_pool": lambda x, _t, a: F.adaptive_avg_pool2d(x[0], a["output_size"]),
    "mean": lambda x, _t, a: x[0].mean(a["axes"], a["keepdim"]),
    "flatten": lambda x, _t, a: x[0].flatten(a["start"]),
    "reshape": _reshape,
    "permute": lambda x, _t, a: x[0].permute(a["axes"]),
    "slice": _slice,
    "upsample": _upsample,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "matmul": _binary(torch.matmul),
    "attention": _attention,
    "group_norm": lambda x, t, a: F.group_norm(
        x[0], a["groups"], t.get("weight"), t.get("bias"), a["eps"]
    ),
    "parameter": lambda _x, t, _a: t["value"],
    "gather": lambda x, t, a: x[0].index_select(a["axis"], t["index"]),
    "expand": _expand,
    "roll": lambda x, _t, a: torch.roll(x[0], a["shifts"], a["axes"]),
    "pad": _pad,
    "sum": lambda x, _t, a: x[0].sum(a["axes"], a["keepdim"]),
    "norm": lambda x, _t, a: torch.linalg.vector_norm(x[0], 2, a["axes"], a["keepdim"]),
    "exp": _unary(torch.exp),
    "sqrt": _unary(torch.sqrt),
    "neg": _unary(torch.neg),
    "pow": _binary(torch.pow),
    "softmax": lambda x, _t, a: torch.softmax(x[0], a["axis"]),
    "aten": _recorded,
}
"""Operators whose result depends on nothing but inputs, parameters and attributes; batch norms,
dropout and quantization depend on the network's state and stand in
:mod:`tightfit.spaces.network`."""

DROPOUTS: Mapping[Attribute, Callable[[Tensor, float, bool], Tensor]] = {
    "each": torch.dropout,
    "channels": torch.feature_dropout,
    "alpha": torch.alpha_dropout,
    "alpha_channels": torch.feature_alpha_dropout,
}
"""By kind, what a dropout does when a network is trained: to each number, or to whole channels."""
