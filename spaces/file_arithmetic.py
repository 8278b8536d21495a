"""What a file computes, to the last bit where it computes with integers.

Sums of products of codes are whole numbers; one float32 product brings a sum onto the next grid,
where halves go to the even code. Rounding real numbers instead gives another code in one of a
hundred thousand places, and each of them moves others in the layers behind: after fifty layers one
code in fifteen is another.

Integer results are on the grid of the rounding behind them, but not cut off at its ends: neither
the rounding itself nor an activation in between changes anything else.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tightfit import Node
from tightfit.spaces.activation_grid import Grid
from tightfit.spaces.fake_quantization import ACTIVATION_LEVELS, along, others
from tightfit.spaces.folding import FoldedLayer, folded_layer, gain_and_bias
from tightfit.spaces.steps import Step

_WHOLE_IN_FLOAT32 = 2.0**24
_WITHOUT_FLOAT64 = ("mps",)


def as_file(step: Step, inputs: list[Tensor]) -> Tensor:
    """Return what a node gives in its file. The gradient is that of real numbers."""
    with torch.no_grad():
        exact = _in_integers(step, inputs)
    if exact is None:
        return _in_floats(step, inputs)
    if torch.is_grad_enabled():
        real = _in_floats(step, inputs)
        return exact.to(real.dtype) + (real - real.detach())
    return exact.to(inputs[0].dtype)


def normed(step: Step, values: Tensor) -> Tensor:
    """Return what a batch norm gives that is not folded: a product and a sum, each rounded.

    As one operation, torch leaves out the rounding in between.
    """
    gain, shift = gain_and_bias(step.operands(), step.eps, None)
    wide = (-1, *(1,) * (values.dim() - 2))
    return values * gain.reshape(wide) + shift.reshape(wide)


def product(
    step: Step, values: Tensor, layer: FoldedLayer, grid: Grid, target: Grid | None
) -> Tensor:
    """Return what a layer of codes gives for values on a grid.

    Args:
        step: Of the layer.
        values: Its input.
        layer: Its codes, scales and bias.
        grid: Of the input.
        target: Of the result, where the layer is rounded at once.
    """
    flat = step.node.operator == "conv" or values.dim() == 2
    unit = grid.scale * layer.scale.float()
    sums = whole_sums(step, grid.steps(values), layer, grid, with_bias=flat)
    if target is not None and (flat or layer.bias is None):
        return target.values((sums * _by_channel(unit / target.scale, step)).round_())
    found = sums * _by_channel(unit, step)
    return found if flat or layer.bias is None else found + layer.bias


def whole_sums(
    step: Step, steps: Tensor, layer: FoldedLayer, grid: Grid, *, with_bias: bool
) -> Tensor:
    """Return the sums of products of codes as float32; a sum of up to 24 bits is exact.

    Float32 adds whole numbers without an error as long as no partial sum needs more.
    """
    bias = None
    if with_bias and layer.bias is not None:
        unit = grid.scale.double() * layer.scale.double()
        bias = (layer.bias.double() / unit).round_()
    exact = _reach(layer.codes, bias, grid) < _WHOLE_IN_FLOAT32
    dtype = torch.float32 if exact else torch.float64
    operands = {
        "weight": layer.codes.to(dtype),
        "bias": None if bias is None else bias.to(dtype),
    }
    with torch.autocast(steps.device.type, enabled=False):
        sums: Tensor = step.operation([steps.to(dtype)], operands, step.node.attributes)
    return sums.float()


def added(first: Tensor, second: Tensor, grids: tuple[Grid, Grid], target: Grid) -> Tensor:
    """Return the sum of values on two grids, on a third.

    Codes are weighed by the ratios of the steps and added to what the zero points come to, with one
    rounding for each product and sum together: the order of x86's kernels.
    """
    one, two = grids
    by_one, by_two = one.scale / target.scale, two.scale / target.scale
    zero = target.zero_point.float()
    offset = zero - _product_and_sum(by_one, one.zero_point, by_two * two.zero_point)
    codes = _product_and_sum(two.steps(second) + two.zero_point, by_two, offset)
    codes = _product_and_sum(one.steps(first) + one.zero_point, by_one, codes)
    return target.values(codes.round_() - zero)


def averaged(values: Tensor, grid: Grid, target: Grid) -> Tensor:
    """Return the means over both sides of maps on a grid ``[N, C, H, W]``, on another."""
    places = float(values.shape[-1] * values.shape[-2])
    sums = grid.steps(values).sum((2, 3), keepdim=True)
    return target.values((sums * (grid.scale / (target.scale * places))).round_())


def _in_integers(step: Step, inputs: list[Tensor]) -> Tensor | None:
    """Return what integer kernels give, ``None`` where a runtime has none."""
    if inputs[0].device.type in _WITHOUT_FLOAT64:
        return None
    operator, grids, target = step.node.operator, step.grids(), step.target()
    first, last = grids[0], grids[-1]
    if first is None or last is None:
        return None
    if operator == "linear" or (operator == "conv" and target is not None):
        layer = folded_layer(step.node, step.folded_tensors(), norm=step.norm)
        return product(step, inputs[0], layer, first, target)
    if target is None:
        return None
    if operator == "add" and len(inputs) == 2 and inputs[0].shape == inputs[1].shape:
        return added(inputs[0], inputs[1], (first, last), target)
    if _averages_maps(step.node, inputs[0]):
        return averaged(inputs[0], first, target)
    return None


def _in_floats(step: Step, inputs: list[Tensor]) -> Tensor:
    if step.node.operator in ("hardsigmoid", "hardswish"):
        gate = (inputs[0] * (1 / 6) + 0.5).clamp(0, 1)
        return gate if step.node.operator == "hardsigmoid" else inputs[0] * gate
    operands: dict[str, Tensor | None] = {}
    if step.limit:
        layer = folded_layer(step.node, step.folded_tensors(), norm=step.norm)
        weight = layer.codes * along(layer.scale, layer.codes)
        operands = {"weight": weight, "bias": layer.bias}
    result: Tensor = step.operation(inputs, operands, step.node.attributes)
    return result


def _averages_maps(node: Node, values: Tensor) -> bool:
    """Whether a node is a mean over both sides of maps, which it leaves as sides of one."""
    if node.operator == "adaptive_avg_pool":
        return node.integers("output_size") == (1, 1)
    if node.operator != "mean" or values.dim() != 4 or not node.integer("keepdim"):
        return False
    return sorted(axis % 4 for axis in node.integers("axes")) == [2, 3]


def _reach(codes: Tensor, bias: Tensor | None, grid: Grid) -> float:
    """Return how far a partial sum of products, in any order, can be from zero."""
    below = grid.zero_point.double()
    above = ACTIVATION_LEVELS - below
    axes = others(codes)
    positive, negative = (part.clamp_min(0).sum(axes).double() for part in (codes, -codes))
    ends = [positive * above + negative * below, positive * below + negative * above]
    if bias is not None:
        ends = [ends[0] + bias.clamp_min(0), ends[1] - bias.clamp_max(0)]
    return float(torch.stack(ends).max())


def _by_channel(numbers: Tensor, step: Step) -> Tensor:
    """Return numbers ``[O]`` in the shape that multiplies a layer's output."""
    return numbers.reshape(-1, 1, 1) if step.node.operator == "conv" else numbers


def _product_and_sum(values: Tensor, factor: Tensor, summand: Tensor) -> Tensor:
    """Return ``values * factor + summand``, all float32, with one rounding at the end."""
    return (values.double() * factor.double() + summand.double()).float()
