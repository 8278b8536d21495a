"""Emission rules of operators that move numbers and change none.

They work on codes as they are, so that a quantized value stays one on its way to the next layer.
"""

from __future__ import annotations

import numpy as np

from tightfit.errors import CandidateError
from tightfit.objectives.artifact.attributes import integer, integers, pair_of_floats, text, truth
from tightfit.objectives.artifact.emitter import Scope, Value


def flatten(scope: Scope) -> Value:
    """Reshape that copies the axes in front.

    Not Flatten: runtimes move quantization through a Reshape, so that a pooling in front of it
    finds its integer kernel.
    """
    start = integer(scope.node, "start", 1) % len(scope.input_shape())
    return _reshape(scope, (0,) * start + (-1,))


def reshape(scope: Scope) -> Value:
    """Reshape, in which 0 is the batch size wherever it stands.

    ONNX's 0 copies the input's axis of the same position, which is the batch in front alone.
    Elsewhere the batch is the axis to be deduced, and all others take their numbers.
    """
    wanted = integers(scope.node, "shape")
    if wanted[:1] == (0,):
        return _reshape(scope, wanted)
    # The axis that has the batch in it is the one to be deduced.
    return _reshape(scope, tuple(-1 if size < 0 else size for size in scope.output_shape))


def permute(scope: Scope) -> Value:
    """Transpose."""
    return scope.moved("Transpose", [], perm=integers(scope.node, "axes"))


def slice_(scope: Scope) -> Value:
    """Slice along one axis."""
    limits = (
        integer(scope.node, "start", 0),
        integer(scope.node, "end"),
        integer(scope.node, "axis"),
        *([integer(scope.node, "step")] if "step" in scope.node.attributes else []),
    )
    return scope.moved("Slice", [scope.shared(np.array([limit])) for limit in limits])


def cat(scope: Scope) -> Value:
    """Concat."""
    return scope.result("Concat", scope.floats(), axis=integer(scope.node, "axis", 1))


def upsample(scope: Scope) -> Value:
    """Resize by a scale, sampling where torch does.

    Raises:
        CandidateError: A mode other than nearest and bilinear.
    """
    mode = text(scope.node, "mode", "nearest")
    inputs = _resized(scope)
    if mode == "nearest":
        return scope.result(
            "Resize",
            inputs,
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )
    if mode != "bilinear":
        raise CandidateError(
            f"the mode of {scope.node.name!r} (upsample) must be 'nearest' or 'bilinear', "
            f"got {mode!r}"
        )
    corners = truth(scope.node, "align_corners", False)
    return scope.result(
        "Resize",
        inputs,
        mode="linear",
        coordinate_transformation_mode="align_corners" if corners else "half_pixel",
    )


def _resized(scope: Scope) -> list[str]:
    """Return what Resize reads: whole scales, or the sizes where a scale would be rounded."""
    (x,) = scope.floats()
    scales = pair_of_floats(scope.node, "scale")
    if all(scale.is_integer() for scale in scales):
        return [x, "", scope.shared(np.array([1.0, 1.0, *scales], dtype=np.float32))]
    front = scope.step("Shape", [x], "n", start=0, end=2)
    sides = scope.shared(np.array(scope.output_shape[2:], dtype=np.int64))
    return [x, "", "", scope.step("Concat", [front, sides], "e", axis=0)]


def _reshape(scope: Scope, shape: tuple[int, ...]) -> Value:
    return scope.moved("Reshape", [scope.shared(np.array(shape, dtype=np.int64))])
