"""What each operator of a graph does to tensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

Values: TypeAlias = list[Tensor]
Tensors: TypeAlias = Mapping[str, Any]
"""By role; a bias that is not there is ``None``."""
Operation: TypeAlias = Callable[[Values, Tensors, Any], Tensor]


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
}
"""Operators whose result depends on nothing but inputs, parameters and attributes; batch norms,
dropout and quantization depend on the network's state and stand in :mod:`spaces.network`."""
