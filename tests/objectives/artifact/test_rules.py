"""Every operator's file computes what torch computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tightfit.graph import Attribute, Graph, Node
from tightfit.objectives.artifact.rules import RULES
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.objectives.runtimes import OnnxRuntime
from tightfit.program import Program

Array = npt.NDArray[Any]
BATCH = 3


def numbers(*shape: int) -> npt.NDArray[np.float32]:
    return np.random.default_rng(sum(shape)).standard_normal(shape).astype(np.float32)


@dataclass(frozen=True)
class Case:
    """An operator with what torch does in its place."""

    operator: str
    torch: Callable[..., Tensor]
    shape: tuple[int, ...] = (6, 9, 7)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    parameters: Mapping[str, Array] = field(default_factory=dict)
    inputs: int = 1

    def program(self) -> Program:
        names = tuple(f"in_{k}" for k in range(self.inputs))
        roles = {role: f"node.{role}" for role in self.parameters}
        node = Node("node", self.operator, names, roles, self.attributes)
        tensors = {roles[role]: array for role, array in self.parameters.items()}
        return Program(Graph(names, (node,), ("node",)), tensors, (self.shape,) * self.inputs)


def t(array: Array) -> Tensor:
    return torch.from_numpy(array)


W, B = numbers(8, 6, 3, 3), numbers(8)
DEPTHWISE = numbers(6, 1, 3, 3)
UP, UP_GROUPED = numbers(6, 4, 3, 3), numbers(6, 2, 3, 3)
FC, FC_BIAS = numbers(5, 7), numbers(5)
MEAN, VARIANCE = numbers(6), np.abs(numbers(6)) + 0.5
CODES = np.random.default_rng(0).integers(-7, 8, (6, 2, 3, 3)).astype(np.int8)
UP_SCALE = np.abs(numbers(6)) + 0.1

CASES = [
    Case("conv", lambda x: F.conv2d(x, t(W), t(B)), parameters={"weight": W, "bias": B}),
    Case(
        "conv",
        lambda x: F.conv2d(x, t(W), None, (2, 1), (1, 2), (2, 1)),
        attributes={"stride": (2, 1), "padding": (1, 2), "dilation": (2, 1), "groups": 1},
        parameters={"weight": W},
    ),
    Case(
        "conv",
        lambda x: F.conv2d(x, t(DEPTHWISE), groups=6),
        attributes={"groups": 6},
        parameters={"weight": DEPTHWISE},
    ),
    Case(
        "conv_transpose",
        lambda x: F.conv_transpose2d(x, t(UP), None, 2, 1, 1),
        attributes={"stride": (2, 2), "padding": (1, 1), "output_padding": (1, 1)},
        parameters={"weight": UP},
    ),
    Case(
        "conv_transpose",
        lambda x: F.conv_transpose2d(
            x,
            t(CODES).float()
            * t(UP_SCALE).reshape(3, 1, 2, 1, 1).expand(3, 2, 2, 1, 1).reshape(6, 2, 1, 1),
            None,
            2,
            groups=3,
        ),
        attributes={"stride": (2, 2), "groups": 3, "weight_bits": 4},
        parameters={"weight": CODES, "weight_scale": UP_SCALE},
    ),
    Case(
        "linear",
        lambda x: F.linear(x, t(FC), t(FC_BIAS)),
        (7,),
        parameters={"weight": FC, "bias": FC_BIAS},
    ),
    Case("linear", lambda x: F.linear(x, t(FC)), (7,), parameters={"weight": FC}),
    Case(
        "linear",
        lambda x: F.linear(x, t(FC), t(FC_BIAS)),
        parameters={"weight": FC, "bias": FC_BIAS},
    ),
    Case("linear", lambda x: F.linear(x, t(FC)), parameters={"weight": FC}),
    Case(
        "batch_norm",
        lambda x: F.batch_norm(x, t(MEAN), t(VARIANCE), t(MEAN), t(VARIANCE), eps=0.01),
        attributes={"eps": 0.01},
        parameters={
            "running_mean": MEAN,
            "running_var": VARIANCE,
            "weight": MEAN,
            "bias": VARIANCE,
        },
    ),
    Case(
        "batch_norm",
        lambda x: F.batch_norm(x, t(MEAN), t(VARIANCE)),
        parameters={"running_mean": MEAN, "running_var": VARIANCE},
    ),
    Case(
        "layer_norm",
        lambda x: F.layer_norm(x, (9, 7), t(numbers(9, 7)), t(numbers(7, 9)).T, 1e-3),
        attributes={"axes": 2, "eps": 1e-3},
        parameters={"weight": numbers(9, 7), "bias": numbers(7, 9).T},
    ),
    Case("layer_norm", lambda x: F.layer_norm(x, (7,)), attributes={"axes": 1}),
    Case("layer_norm", lambda x: F.layer_norm(x, (6, 9, 7)), attributes={"axes": 3}),
    Case(
        "rms_norm",
        lambda x: F.rms_norm(x, (9, 7), t(numbers(9, 7)), 1e-3),
        attributes={"axes": 2, "eps": 1e-3},
        parameters={"weight": numbers(9, 7)},
    ),
    Case("rms_norm", lambda x: F.rms_norm(x, (7,), None, 1e-5), attributes={"axes": 1}),
    Case("rms_norm", lambda x: F.rms_norm(x, (6, 9, 7), None, 1e-5), attributes={"axes": 3}),
    Case("relu", torch.relu),
    Case("hardswish", F.hardswish),
    Case("hardsigmoid", F.hardsigmoid),
    Case("sigmoid", torch.sigmoid),
    Case("silu", F.silu),
    Case("tanh", torch.tanh),
    Case("gelu", F.gelu, attributes={"approximate": "none"}),
    Case("gelu", lambda x: F.gelu(x, approximate="tanh"), attributes={"approximate": "tanh"}),
    Case("clip", lambda x: x.clamp(-0.5, 0.6), attributes={"low": -0.5, "high": 0.6}),
    Case("clip", lambda x: x.clamp(max=0.6), attributes={"high": 0.6}),
    Case("clip", lambda x: x.clamp(min=0), attributes={"low": 0, "high": float("inf")}),
    Case("leaky_relu", lambda x: F.leaky_relu(x, 0.2), attributes={"slope": 0.2}),
    Case("elu", lambda x: F.elu(x, 0.7), attributes={"alpha": 0.7}),
    Case("selu", F.selu),
    Case("mish", F.mish),
    Case("softplus", F.softplus),
    Case("prelu", lambda x: F.prelu(x, t(MEAN)), parameters={"weight": MEAN}),
    Case("prelu", lambda x: F.prelu(x, t(MEAN)), (6,), parameters={"weight": MEAN}),
    Case("prelu", lambda x: F.prelu(x, t(MEAN[:1])), parameters={"weight": MEAN[:1]}),
    Case("abs", torch.abs),
    Case("maximum", torch.maximum, inputs=2),
    Case("minimum", torch.minimum, inputs=2),
    Case("add", torch.add, inputs=2),
    Case("add", lambda x: x + 2, attributes={"scalar": 2}),
    Case("sub", torch.sub, inputs=2),
    Case("sub", lambda x: x - 0.5, attributes={"scalar": 0.5}),
    Case("mul", torch.mul, inputs=2),
    Case("div", lambda x: x / 3, attributes={"scalar": 3.0}),
    Case("matmul", torch.matmul, (6, 7, 7), inputs=2),
    Case("softmax", lambda x: x.softmax(1), attributes={"axis": 1}),
    Case("cat", lambda *x: torch.cat(x, 1), attributes={"axis": 1}, inputs=3),
    Case(
        "max_pool",
        lambda x: F.max_pool2d(x, 3, 2, 1, 1, ceil_mode=False),
        attributes={"kernel": (3, 3), "stride": (2, 2), "padding": (1, 1)},
    ),
    Case(
        "max_pool",
        lambda x: F.max_pool2d(x, 2, 2, 0, 2),
        attributes={"kernel": 2, "stride": 2, "dilation": (2, 2)},
    ),
    *(
        Case(
            "max_pool",
            lambda x, p=padding: F.max_pool2d(x, 3, 2, p, ceil_mode=True),
            shape,
            {"kernel": (3, 3), "stride": (2, 2), "padding": (padding, padding), "ceil_mode": True},
        )
        for shape in ((6, 9, 8), (6, 10, 7))
        for padding in (0, 1)
    ),
    *(
        Case(
            "avg_pool",
            lambda x, p=padding, c=ceil, i=include: F.avg_pool2d(
                x, 3, 2, p, ceil_mode=c, count_include_pad=i
            ),
            (6, 10, 7),
            {
                "kernel": (3, 3),
                "stride": (2, 2),
                "padding": (padding, padding),
                "ceil_mode": ceil,
                "count_include_pad": include,
            },
        )
        for padding in (0, 1)
        for ceil in (False, True)
        for include in (False, True)
    ),
    *(
        Case(
            "adaptive_avg_pool",
            lambda x, s=size: F.adaptive_avg_pool2d(x, s),
            (6, 9, 6),
            {"output_size": size},
        )
        for size in ((1, 1), (3, 2), (4, 4), (12, 6))
    ),
    Case("mean", lambda x: x.mean((2, 3)), attributes={"axes": (2, 3), "keepdim": False}),
    Case("mean", lambda x: x.mean((2, 3), True), attributes={"axes": (-1, -2), "keepdim": True}),
    Case("mean", lambda x: x.mean(1, True), attributes={"axes": (1,), "keepdim": True}),
    Case("flatten", lambda x: x.flatten(1), attributes={"start": 1}),
    Case("flatten", lambda x: x.flatten(2), attributes={"start": 2}),
    Case("reshape", lambda x: x.reshape(-1, 2, 3, 63), attributes={"shape": (0, 2, 3, -1)}),
    Case("reshape", lambda x: x.reshape(2, -1, 189), attributes={"shape": (2, 0, 189)}),
    Case("permute", lambda x: x.permute(0, 2, 3, 1), attributes={"axes": (0, 2, 3, 1)}),
    Case("slice", lambda x: x[:, 1:5], attributes={"axis": 1, "start": 1, "end": 5}),
    Case("slice", lambda x: x[..., -3:], attributes={"axis": -1, "start": -3, "end": 2**31 - 1}),
    *(
        Case(
            "upsample",
            lambda x, m=mode, c=corners: F.interpolate(
                x, scale_factor=(2.0, 3.0), mode=m, align_corners=c
            ),
            attributes={"mode": mode, "scale": (2.0, 3.0), "align_corners": bool(corners)},
        )
        for mode, corners in (("nearest", None), ("bilinear", False), ("bilinear", True))
    ),
    Case(
        "upsample",
        lambda x: F.interpolate(x, size=(21, 14)),
        attributes={"mode": "nearest", "scale": (21 / 9, 2.0), "align_corners": False},
    ),
    Case("dropout", lambda x: x, attributes={"rate": 0.5}),
    Case(
        "group_norm",
        lambda x: F.group_norm(x, 3, t(MEAN), t(VARIANCE), 1e-3),
        attributes={"groups": 3, "eps": 1e-3},
        parameters={"weight": MEAN, "bias": VARIANCE},
    ),
    Case(
        "group_norm", lambda x: F.group_norm(x, 2, eps=1e-5), attributes={"groups": 2, "eps": 1e-5}
    ),
    Case("exp", torch.exp),
    Case("neg", torch.neg),
    Case("pow", lambda x: x**2, attributes={"scalar": 2.0}),
    Case("sum", lambda x: x.sum((1, 3)), attributes={"axes": (1, 3), "keepdim": False}),
    Case(
        "norm",
        lambda x: torch.linalg.vector_norm(x, 2, 1, keepdim=True),
        attributes={"axes": (1,), "keepdim": True},
    ),
    Case(
        "attention",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, scale=0.3),
        attributes={"scale": 0.3},
        inputs=3,
    ),
    Case(
        "attention",
        lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m, scale=0.3),
        shape=(2, 5, 5),
        attributes={"scale": 0.3},
        inputs=4,
    ),
    Case(
        "attention",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3),
        attributes={"scale": 0.3, "causal": True},
        inputs=3,
    ),
    Case(
        "gather",
        lambda x: x[:, :, [3, 0, 3]],
        attributes={"axis": 2},
        parameters={"index": np.array([3, 0, 3])},
    ),
    Case(
        "expand",
        lambda x, _like: x.expand(-1, 4, -1, -1),
        shape=(1, 9, 7),
        attributes={"shape": (0, 4, 9, 7)},
        inputs=2,
    ),
    Case(
        "roll",
        lambda x: torch.roll(x, (2, -3), (1, 3)),
        attributes={"shifts": (2, -3), "axes": (1, 3)},
    ),
    Case(
        "pad",
        lambda x: F.pad(x, (1, 2, 0, 3), value=0.5),
        attributes={"pads": (0, 0, 0, 0, 0, 3, 1, 2), "value": 0.5},
    ),
    Case(
        "slice", lambda x: x[:, :, 1:8:3], attributes={"axis": 2, "start": 1, "end": 8, "step": 3}
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.operator)
def test_a_file_computes_what_torch_computes(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    write_onnx(case.program(), path, metadata={})
    inputs = [numbers(BATCH, *case.shape) + k for k in range(case.inputs)]
    (found,) = OnnxRuntime().open(path).run(inputs)
    expected = case.torch(*(t(array) for array in inputs)).numpy()
    np.testing.assert_allclose(found, expected, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.operator)
def test_a_file_is_valid_and_states_its_shapes(case: Case, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    program = case.program()
    write_onnx(program, path, metadata={"for": "a test"})
    onnx.checker.check_model(str(path), full_check=True)
    model = onnx.load(path)
    expected = case.torch(*(t(numbers(BATCH, *case.shape)) for _ in range(case.inputs)))
    axes = model.graph.output[0].type.tensor_type.shape.dim
    stated = [BATCH if axis.dim_param == "N" else axis.dim_value for axis in axes]
    assert stated == list(expected.shape)
    assert model.graph.output[0].name == "output"
    assert {entry.key: entry.value for entry in model.metadata_props} == {"for": "a test"}


@pytest.mark.parametrize("operator", ["layer_norm", "rms_norm"])
def test_a_norm_without_weights_has_no_number_for_each_place(operator: str, tmp_path: Path) -> None:
    case = Case(operator, torch.relu, (64, 32, 32), attributes={"axes": 3})
    assert write_onnx(case.program(), tmp_path / "model.onnx", metadata={}) < 1_000


def test_every_operator_of_the_rules_has_a_case() -> None:
    tested_apart = {"quantize", "parameter", "sqrt", "rsqrt", "aten"}
    assert {case.operator for case in CASES} | tested_apart == set(RULES)


@pytest.mark.parametrize(("operator", "power"), [("sqrt", 0.5), ("rsqrt", -0.5)])
def test_a_root_of_a_parameter_is_a_constant_of_the_file(
    tmp_path: Path, operator: str, power: float
) -> None:
    nodes = (
        Node("p", "parameter", (), {"value": "table"}),
        Node("root", operator, ("p",)),
        Node("sum", "add", ("in", "root")),
    )
    table = np.abs(numbers(6, 1, 7))
    program = Program(Graph(("in",), nodes, ("sum",)), {"table": table}, ((6, 9, 7),))
    path = tmp_path / "model.onnx"
    write_onnx(program, path, metadata={})
    inputs = numbers(2, 6, 9, 7)
    (found,) = OnnxRuntime().open(path).run([inputs])
    assert np.allclose(found, inputs + table**power, atol=1e-5)


def test_a_batch_may_stand_behind_other_axes(tmp_path: Path) -> None:
    nodes = (
        Node("p", "parameter", (), {"value": "table"}),
        Node("wide", "expand", ("p", "in"), {}, {"shape": (2, 0, 7)}),
        Node("turned", "permute", ("wide",), {}, {"axes": (1, 0, 2)}),
        Node("sum", "add", ("in", "turned")),
    )
    table = numbers(2, 1, 7)
    program = Program(Graph(("in",), nodes, ("sum",)), {"table": table}, ((2, 7),))
    path = tmp_path / "model.onnx"
    write_onnx(program, path, metadata={})
    inputs = numbers(5, 2, 7)
    (found,) = OnnxRuntime().open(path).run([inputs])
    assert np.array_equal(found, inputs + table[:, 0])


@pytest.mark.parametrize("on_the_left", [False, True])
def test_a_product_with_a_vector_has_the_axes_that_torch_gives_it(
    tmp_path: Path, on_the_left: bool
) -> None:
    read = ("p", "in") if on_the_left else ("in", "p")
    nodes = (Node("p", "parameter", (), {"value": "vector"}), Node("product", "matmul", read))
    vector, inputs = numbers(9), numbers(2, 6, 9, 7) if on_the_left else numbers(2, 6, 9)
    program = Program(Graph(("in",), nodes, ("product",)), {"vector": vector}, (inputs.shape[1:],))
    path = tmp_path / "model.onnx"
    write_onnx(program, path, metadata={})
    onnx.checker.check_model(str(path), full_check=True)
    (found,) = OnnxRuntime().open(path).run([inputs])
    expected = vector @ inputs if on_the_left else inputs @ vector
    np.testing.assert_allclose(found, expected, atol=1e-5)
    axes = onnx.load(path).graph.output[0].type.tensor_type.shape.dim
    assert [axis.dim_value for axis in axes[1:]] == list(expected.shape[1:])
