"""What to write in place of an operator that has no rule."""

from __future__ import annotations

_ADVICE = {
    "a recurrent layer goes on from step to step; read sequences by attention, or by Conv2d of a "
    "kernel [k, 1]": ("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell",
                      "rnn_tanh_cell", "rnn_relu_cell"),
    "write nn.Conv2d with a kernel [1, k] on inputs [C, 1, T]": (
        "conv1d", "conv_transpose1d", "max_pool1d", "avg_pool1d", "adaptive_avg_pool1d"),
    "only convolutions of two axes have one; put the third axis into the channels or the batch": (
        "conv3d", "conv_transpose3d", "max_pool3d", "avg_pool3d", "adaptive_avg_pool3d"),
    "write nn.GroupNorm with a group for each channel": ("instance_norm",),
    "what depends on a comparison of numbers must be arithmetic, such as relu, clamp, or a product "
    "with a mask of zeros and ones": ("where", "masked_fill", "gt", "lt", "ge", "le", "eq", "ne"),
    "choose among scores outside of the model; inside of it, take a mean or max_pool2d": (
        "argmax", "max", "topk", "sort"),
    "inputs and activations are floats; embed what is no float outside of the model": (
        "to", "embedding", "_to_copy"),
    "normalize by nn.LayerNorm, nn.GroupNorm or nn.BatchNorm2d": ("std", "var", "std_mean",
                                                                  "var_mean"),
}  # fmt: skip
_BY_OPERATOR = {operator: advice for advice, operators in _ADVICE.items() for operator in operators}


def without_rule(operator: str, where: str, why: str = "") -> str:
    """Return what is said of an operator that has no rule.

    Args:
        operator: ATen's name, without the mark of what works in place.
        where: The place of its module.
        why: It cannot be called as it is, either.
    """
    message = f"the operator {operator!r} in {where} has no rule"
    reasons = [each for each in (why, _BY_OPERATOR.get(operator, "")) if each]
    return ": ".join([message, "; ".join(reasons)]) if reasons else message
