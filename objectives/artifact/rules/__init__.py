"""One emission rule for each operator of :mod:`tightfit.graph`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from tightfit.objectives.artifact.emitter import Scope, Value
from tightfit.objectives.artifact.rules import (
    elementwise,
    layout,
    numeric,
    pooling,
    recorded,
    tokens,
    weights,
)

Rule: TypeAlias = Callable[[Scope], Value]

RULES: Mapping[str, Rule] = {
    "conv": weights.conv,
    "conv_transpose": weights.conv_transpose,
    "linear": weights.linear,
    "batch_norm": numeric.batch_norm,
    "layer_norm": numeric.layer_norm,
    "rms_norm": numeric.rms_norm,
    "relu": elementwise.relu,
    "hardswish": elementwise.hardswish,
    "hardsigmoid": elementwise.hardsigmoid,
    "sigmoid": elementwise.sigmoid,
    "silu": elementwise.silu,
    "tanh": elementwise.tanh,
    "gelu": elementwise.gelu,
    "clip": elementwise.clip,
    "leaky_relu": elementwise.leaky_relu,
    "elu": elementwise.elu,
    "selu": elementwise.selu,
    "mish": elementwise.mish,
    "softplus": elementwise.softplus,
    "prelu": elementwise.prelu,
    "abs": elementwise.absolute,
    "rsqrt": elementwise.rsqrt,
    "maximum": elementwise.maximum,
    "minimum": elementwise.minimum,
    "add": elementwise.add,
    "sub": elementwise.sub,
    "mul": elementwise.mul,
    "div": elementwise.div,
    "matmul": numeric.matmul,
    "softmax": elementwise.softmax,
    "cat": layout.cat,
    "max_pool": pooling.max_pool,
    "avg_pool": pooling.avg_pool,
    "adaptive_avg_pool": pooling.adaptive_avg_pool,
    "mean": pooling.mean,
    "flatten": layout.flatten,
    "reshape": layout.reshape,
    "permute": layout.permute,
    "slice": layout.slice_,
    "upsample": layout.upsample,
    "dropout": elementwise.dropout,
    "quantize": numeric.quantize,
    "group_norm": numeric.group_norm,
    "pow": elementwise.power,
    "exp": elementwise.exp,
    "sqrt": elementwise.sqrt,
    "neg": elementwise.neg,
    "sum": pooling.sum_,
    "norm": pooling.norm,
    "attention": tokens.attention,
    "parameter": tokens.parameter,
    "gather": tokens.gather,
    "expand": tokens.expand,
    "roll": tokens.roll,
    "pad": tokens.pad,
    "aten": recorded.aten,
}

__all__ = ["RULES", "Rule"]
