"""One rule for each operator of :mod:`tightfit.graph` that integer kernels have a form for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from tightfit.objectives.artifact.litert.emitter import Scope, Value
from tightfit.objectives.artifact.litert.rules import elementwise, moves, weights, windows

Rule: TypeAlias = Callable[[Scope], Value]

RULES: Mapping[str, Rule] = {
    "conv": weights.conv,
    "linear": weights.linear,
    "batch_norm": weights.batch_norm,
    "relu": elementwise.relu,
    "clip": elementwise.clip,
    "hardswish": elementwise.hardswish,
    "hardsigmoid": elementwise.hardsigmoid,
    "sigmoid": elementwise.sigmoid,
    "silu": elementwise.silu,
    "tanh": elementwise.tanh,
    "leaky_relu": elementwise.leaky_relu,
    "softmax": elementwise.softmax,
    "add": elementwise.add,
    "sub": elementwise.sub,
    "mul": elementwise.mul,
    "div": elementwise.div,
    "max_pool": windows.max_pool,
    "avg_pool": windows.avg_pool,
    "adaptive_avg_pool": windows.adaptive_avg_pool,
    "mean": windows.mean,
    "upsample": windows.upsample,
    "cat": moves.cat,
    "flatten": moves.flatten,
    "reshape": moves.reshape,
    "permute": moves.permute,
    "slice": moves.slice_,
    "gather": moves.gather,
    "pad": moves.pad,
    "quantize": moves.quantize,
}

__all__ = ["RULES", "Rule"]
