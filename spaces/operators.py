"""Every operator that a traced network may have: one rule each, from ATen to ours."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch

from tightfit import SpecError
from tightfit.graph import Attribute

Attributes: TypeAlias = dict[str, Attribute]


class Unruled(Exception):  # noqa: N818 - caught where calls are translated
    """A form of an operator that no rule is about, though it may be called as it is."""


@dataclass(frozen=True, slots=True)
class Translation:
    """What one ATen call becomes.

    Attributes:
        operator: Ours.
        attributes: As in :mod:`tightfit.graph`.
        inputs: Positions of its tensor arguments that are activations.
        parameters: By role, positions of its tensor arguments that are parameters.
    """

    operator: str
    attributes: Attributes
    inputs: tuple[int, ...] = (0,)
    parameters: Mapping[str, int] | None = None


_STRAIGHT = 16
"""From here on a softplus is what it reads, to the last bit of a float32."""

Arguments: TypeAlias = Sequence[Any]
Rule: TypeAlias = Callable[[Arguments], Translation]


def _pair(value: Any) -> tuple[int, int]:
    numbers = [value] if isinstance(value, int) else list(value)
    return (numbers[0], numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def _get(args: Arguments, position: int, default: Any) -> Any:
    return args[position] if position < len(args) and args[position] is not None else default


def _conv(args: Arguments) -> Translation:
    return Translation(
        "conv",
        {
            "stride": _pair(_get(args, 3, 1)),
            "padding": _padding(args),
            "dilation": _pair(_get(args, 5, 1)),
            "groups": int(_get(args, 6, 1)),
        },
        parameters={"weight": 1, "bias": 2},
    )


def _padding(args: Arguments) -> tuple[int, int]:
    """Return the padding of a convolution, words put into numbers."""
    padding = _get(args, 4, 0)
    if padding == "valid":
        return (0, 0)
    if padding != "same":
        return _pair(padding)
    kernel, dilation = args[1].meta["val"].shape[2:], _pair(_get(args, 5, 1))
    totals = [by * (side - 1) for by, side in zip(dilation, kernel, strict=True)]
    if any(total % 2 for total in totals):
        raise Unruled(
            f"the padding 'same' of an even kernel {list(kernel)} has no rule; "
            "pad by a number of rows and columns"
        )
    return (totals[0] // 2, totals[1] // 2)


def _conv_transpose(args: Arguments) -> Translation:
    return Translation(
        "conv_transpose",
        {
            "stride": _pair(_get(args, 3, 1)),
            "padding": _pair(_get(args, 4, 0)),
            "output_padding": _pair(_get(args, 5, 0)),
            "groups": int(_get(args, 6, 1)),
            "dilation": _pair(_get(args, 7, 1)),
        },
        parameters={"weight": 1, "bias": 2},
    )


def _batch_norm(args: Arguments) -> Translation:
    if args[3] is None:
        raise SpecError(
            "a batch norm without running statistics has no rule; set track_running_stats=True"
        )
    if args[5]:
        raise SpecError(
            "a batch norm that takes the statistics of its batch has no rule when the model is "
            "evaluated; its module must follow model.eval()"
        )
    return Translation(
        "batch_norm",
        {"momentum": float(args[6]), "eps": float(args[7]), "rank": args[0].meta["val"].dim()},
        parameters={"weight": 1, "bias": 2, "running_mean": 3, "running_var": 4},
    )


def _layer_norm(args: Arguments) -> Translation:
    return Translation(
        "layer_norm",
        {"axes": len(args[1]), "eps": float(_get(args, 4, 1e-5))},
        parameters={"weight": 2, "bias": 3},
    )


def _rms_norm(args: Arguments) -> Translation:
    return Translation(
        "rms_norm",
        {"axes": len(args[1]), "eps": float(_get(args, 3, torch.finfo(torch.float32).eps))},
        parameters={"weight": 2},
    )


def _simple(operator: str) -> Rule:
    return lambda _args: Translation(operator, {})


def _functional_batch_norm(args: Arguments) -> Translation:
    """The form without a mode, which programs without writes into parts have."""
    return _batch_norm([*args[:5], False, *args[5:]])


def _binary(operator: str) -> Rule:
    def rule(args: Arguments) -> Translation:
        if _get(args, 2, 1) != 1:
            raise Unruled(f"a factor on the second operand has no rule, got {args[2]!r}")
        if isinstance(args[1], int | float):
            return Translation(operator, {"scalar": float(args[1])})
        return Translation(operator, {}, inputs=(0, 1))

    return rule


def _pool(args: Arguments) -> Attributes:
    _check_map(args)
    kernel = _pair(args[1])
    stride = _pair(args[2]) if len(args) > 2 and args[2] else kernel
    return {"kernel": kernel, "stride": stride, "padding": _pair(_get(args, 3, 0))}


def _check_map(args: Arguments) -> None:
    """Let maps ``[N, C, H, W]`` pass; of tokens ``[N, T, C]``, torch pools tokens and channels.

    Raises:
        Unruled: The input is no map.
    """
    shape = list(args[0].meta["val"].shape[1:])
    if len(shape) != 3:
        raise Unruled(f"a pooling of what has other axes than [C, H, W] has no rule, got {shape}")


def _max_pool(args: Arguments) -> Translation:
    more: Attributes = {
        "dilation": _pair(_get(args, 4, 1)),
        "ceil_mode": bool(_get(args, 5, False)),
    }
    return Translation("max_pool", _pool(args) | more)


def _avg_pool(args: Arguments) -> Translation:
    if _get(args, 6, None) is not None:
        raise Unruled("an average pooling with a divisor of its own has no rule")
    more: Attributes = {
        "ceil_mode": bool(_get(args, 4, False)),
        "count_include_pad": bool(_get(args, 5, True)),
    }
    return Translation("avg_pool", _pool(args) | more)


def _adaptive_avg_pool(args: Arguments) -> Translation:
    _check_map(args)
    return Translation("adaptive_avg_pool", {"output_size": _pair(args[1])})


def _reduce(operator: str, args: Arguments) -> Translation:
    return Translation(operator, {"axes": _axes(args[1]), "keepdim": bool(_get(args, 2, False))})


def _axes(value: Any) -> tuple[int, ...]:
    axes = (value,) if isinstance(value, int) else tuple(value or ())
    if not axes:
        raise Unruled("a reduction over every axis has no rule; name the axes")
    return axes


def _elu(args: Arguments) -> Translation:
    if (_get(args, 2, 1), _get(args, 3, 1)) != (1, 1):
        raise Unruled("a scale of its input or output has no rule")
    return Translation("elu", {"alpha": float(_get(args, 1, 1.0))})


def _softplus(args: Arguments) -> Translation:
    if _get(args, 1, 1) != 1 or _get(args, 2, 20) < _STRAIGHT:
        raise Unruled("it has a rule only for the usual beta and threshold")
    return Translation("softplus", {})


def _pair_of(operator: str) -> Rule:
    return lambda _args: Translation(operator, {}, inputs=(0, 1))


def _clamp(args: Arguments) -> Translation:
    low, high = _get(args, 1, -math.inf), _get(args, 2, math.inf)
    return Translation("clip", {"low": float(low), "high": float(high)})


def _vector_norm(args: Arguments) -> Translation:
    if _get(args, 1, 2) != 2:
        raise Unruled(f"a norm of order {args[1]} has no rule; only the Euclidean one has")
    return _reduce("norm", [args[0], args[2], _get(args, 3, False)])


def _group_norm(args: Arguments) -> Translation:
    return Translation(
        "group_norm",
        {"groups": int(args[1]), "eps": float(_get(args, 4, 1e-5))},
        parameters={"weight": 2, "bias": 3},
    )


def _mean(args: Arguments) -> Translation:
    if len(args) < 2 or not isinstance(args[1], list | tuple):
        raise Unruled("a mean over every axis has no rule; name the axes of the picture")
    axes = tuple(int(axis) for axis in args[1])
    return Translation("mean", {"axes": axes, "keepdim": bool(_get(args, 2, False))})


def _dropout(kind: str) -> Rule:
    def rule(args: Arguments) -> Translation:
        if args[2]:
            raise SpecError("a dropout when the model is evaluated has no rule; pass self.training")
        return Translation("dropout", {"rate": float(args[1]), "kind": kind})

    return rule


def _cat(args: Arguments) -> Translation:
    return Translation("cat", {"axis": int(_get(args, 1, 0))}, inputs=())


RULES: Mapping[str, Rule] = {
    "conv2d": _conv,
    "conv_transpose2d": _conv_transpose,
    "linear": lambda _args: Translation("linear", {}, parameters={"weight": 1, "bias": 2}),
    "batch_norm": _batch_norm,
    "_native_batch_norm_legit_no_training": _functional_batch_norm,
    "relu": _simple("relu"),
    "relu6": lambda _args: Translation("clip", {"low": 0.0, "high": 6.0}),
    "hardtanh": lambda args: Translation(
        "clip", {"low": float(_get(args, 1, -1.0)), "high": float(_get(args, 2, 1.0))}
    ),
    "hardswish": _simple("hardswish"),
    "hardsigmoid": _simple("hardsigmoid"),
    "sigmoid": _simple("sigmoid"),
    "silu": _simple("silu"),
    "tanh": _simple("tanh"),
    "gelu": lambda args: Translation("gelu", {"approximate": str(_get(args, 1, "none"))}),
    "leaky_relu": lambda args: Translation("leaky_relu", {"slope": float(_get(args, 1, 0.01))}),
    "elu": _elu,
    "selu": _simple("selu"),
    "mish": _simple("mish"),
    "softplus": _softplus,
    "prelu": lambda _args: Translation("prelu", {}, parameters={"weight": 1}),
    "abs": _simple("abs"),
    "rsqrt": _simple("rsqrt"),
    "maximum": _pair_of("maximum"),
    "minimum": _pair_of("minimum"),
    "add": _binary("add"),
    "sub": _binary("sub"),
    "mul": _binary("mul"),
    "div": _binary("div"),
    "cat": _cat,
    "max_pool2d": _max_pool,
    "avg_pool2d": _avg_pool,
    "adaptive_avg_pool2d": _adaptive_avg_pool,
    "mean": _mean,
    "sum": lambda args: _reduce("sum", args),
    "linalg_vector_norm": _vector_norm,
    "norm": _vector_norm,
    "group_norm": _group_norm,
    "clamp": _clamp,
    "clamp_min": lambda args: _clamp([args[0], args[1], None]),
    "clamp_max": lambda args: _clamp([args[0], None, args[1]]),
    "exp": _simple("exp"),
    "sqrt": _simple("sqrt"),
    "neg": _simple("neg"),
    "pow": _binary("pow"),
    "square": lambda _args: Translation("pow", {"scalar": 2.0}),
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "matmul": lambda _args: Translation("matmul", {}, inputs=(0, 1)),
    "bmm": lambda _args: Translation("matmul", {}, inputs=(0, 1)),
    "dropout": _dropout("each"),
    "feature_dropout": _dropout("channels"),
    "alpha_dropout": _dropout("alpha"),
    "feature_alpha_dropout": _dropout("alpha_channels"),
}
"""By ATen's name without overload and without the mark of in-place variants."""
