from __future__ import annotations

from dataclasses import replace

import pytest

from tightfit import SpecError
from tightfit.objectives.instruction_view import Finding, Found, findings, side_by_side
from tightfit.objectives.runtimes.instructions import Instruction, Instructions, Part, Tensor

PICTURE = Tensor("float32", (1, 3, 32, 32))
CODES = Tensor("uint8", (1, 16, 32, 32))
FLOATS = Tensor("float32", (1, 16, 32, 32))
WEIGHTS = Tensor("float32", (16, 16, 3, 3))
PACKED = Tensor("int8", (16, 16, 3, 3))

CONV = Instruction(
    kernel="Conv",
    domain="",
    fused=("Relu",),
    layer="conv1",
    part=Part.LAYER,
    inserted=False,
    inputs=(FLOATS,),
    constants=(WEIGHTS, Tensor("float32", (16,))),
    outputs=(FLOATS,),
    stored_bits=32,
    microseconds=60.0,
)
QUANTIZED = replace(
    CONV,
    kernel="QLinearConv",
    inputs=(CODES,),
    constants=(PACKED, Tensor("float32", (16,))),
    outputs=(CODES,),
    stored_bits=4,
    microseconds=20.0,
)


def other(kernel: str, microseconds: float, **changes: object) -> Instruction:
    """An operator without weights behind the convolution."""
    plain = replace(
        CONV, kernel=kernel, fused=(), part=Part.BEHIND, constants=(), microseconds=microseconds
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def program(*listing: Instruction, inputs: tuple[Tensor, ...] = (PICTURE,)) -> Instructions:
    return Instructions("a runtime", 10, inputs, listing)


def found(*listing: Instruction) -> dict[Finding, Found]:
    return {each.finding: each for each in findings(program(*listing))}


def test_kernels_of_the_same_layer_stand_beside_each_other() -> None:
    relu = other("Relu", 5.0)
    (first, second) = side_by_side(program(CONV), program(QUANTIZED, relu)).rows
    assert (first.a, first.b) == (CONV, QUANTIZED)
    assert (second.a, second.b) == (None, relu)


def test_a_layer_that_one_of_them_lacks_stands_alone() -> None:
    later = replace(CONV, layer="conv2")
    rows = side_by_side(program(CONV, later), program(later)).rows
    assert [(row.a, row.b) for row in rows] == [(CONV, None), (later, later)]


def test_files_with_other_names_are_paired_by_what_they_compute() -> None:
    foreign = replace(QUANTIZED, layer="node_conv2d_quant")
    (row,) = side_by_side(program(CONV), program(foreign)).rows
    assert (row.a, row.b) == (CONV, foreign)


def test_a_gemm_is_a_product_of_matrices_in_every_form() -> None:
    kernels = ("Gemm", "QGemm", "MatMul", "FusedMatMul", "QLinearMatMul", "MatMulNBits")
    assert {other(kernel, 1.0).family for kernel in kernels} == {"MatMul"}


def test_an_instruction_knows_its_bits_and_bytes() -> None:
    assert (QUANTIZED.activation_bits, QUANTIZED.weight_bits, QUANTIZED.stored_bits) == (8, 8, 4)
    pixels, weights = 16 * 32 * 32, 16 * 16 * 9
    assert QUANTIZED.bytes == 2 * pixels + weights + 16 * 4
    assert Tensor("int4", (3, 3)).bytes == 5


def test_an_integer_kernel_is_nothing_to_complain_of() -> None:
    assert found(QUANTIZED) == {}


def test_what_runs_in_float_is_found_with_its_share() -> None:
    (float_,) = found(QUANTIZED, replace(CONV, layer="conv2")).values()
    assert float_.finding is Finding.FLOAT
    assert float_.layers == ("conv2",)
    assert float_.share == pytest.approx(60 / 80)


def test_weights_that_are_made_anew_in_every_run_are_found() -> None:
    weights = other("DequantizeLinear", 30.0, part=Part.WEIGHTS, inputs=(), constants=(PACKED,))
    assert found(weights, QUANTIZED)[Finding.DEQUANTIZED].share == pytest.approx(0.6)


def test_codes_that_are_computed_with_as_floats_are_found() -> None:
    unpacked = replace(CONV, stored_bits=4)
    assert found(unpacked)[Finding.UNPACKED].instructions == (unpacked,)
    assert Finding.UNPACKED not in found(CONV)


def test_an_activation_by_itself_did_not_fuse() -> None:
    both = found(QUANTIZED, other("HardSigmoid", 4.0), other("QLinearSigmoid", 5.0))
    assert [each.kernel for each in both[Finding.UNFUSED].instructions] == [
        "QLinearSigmoid",
        "HardSigmoid",
    ]


def test_conversions_count_inside_the_network_and_not_at_its_entrance() -> None:
    inside = other("QuantizeLinear", 4.0)
    entrance = replace(inside, layer="", inputs=(PICTURE,))
    assert found(entrance, QUANTIZED, inside)[Finding.CONVERTED].instructions == (inside,)


def test_orders_of_axes_are_found() -> None:
    assert found(other("ReorderOutput", 2.0))[Finding.REORDERED].share == 1.0


def test_pictures_of_another_size_can_stand_beside_each_other() -> None:
    smaller = Tensor("float32", (1, 3, 16, 16))
    assert side_by_side(program(CONV), program(CONV, inputs=(smaller,))).rows


@pytest.mark.parametrize(
    "inputs",
    [
        (Tensor("float32", (1, 1, 32, 32)),),
        (Tensor("uint8", (1, 3, 32, 32)),),
        (Tensor("float32", (1, 3)),),
        (PICTURE, PICTURE),
        (),
    ],
)
def test_files_that_read_other_inputs_are_refused(inputs: tuple[Tensor, ...]) -> None:
    with pytest.raises(SpecError, match=r"first file reads float32 \[1, 3, 32, 32\], the second"):
        side_by_side(program(CONV), program(CONV, inputs=inputs))
