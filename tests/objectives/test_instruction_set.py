"""What a processor is taken for, and what is said of files that it cannot check."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tightfit import Program
from tightfit.objectives.artifact.writer import onnx_model
from tightfit.objectives.instruction_set import instruction_set, unchecked_here

VNNI = "processor\t: 0\nflags\t\t: fpu sse2 avx2 avx512f avx512_vnni\n"
OLD = "processor\t: 0\nflags\t\t: fpu sse2 avx2\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd asimddp\n"


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "saturates", "name"),
    [
        ("x86_64", VNNI, False, "x86_64 with avx512_vnni, avx512f, avx2"),
        ("x86_64", OLD, True, "x86_64 with avx2"),
        ("AMD64", "", None, "AMD64"),
        ("aarch64", ARM, False, "aarch64 with asimddp, asimd"),
        ("arm64", "", False, "arm64"),
        ("riscv64", "", None, "riscv64"),
    ],
)
def test_a_processor_is_known_by_its_flags(
    machine: str, cpuinfo: str, saturates: bool | None, name: str
) -> None:
    found = instruction_set(machine=machine, cpuinfo=cpuinfo)
    assert (found.saturates, found.name) == (saturates, name)


def test_this_machine_has_a_name() -> None:
    assert instruction_set().name


@pytest.mark.parametrize(
    ("cpuinfo", "message"),
    [(VNNI, "cannot check that"), (OLD, "not checked on one with VNNI"), ("", "is not known")],
)
def test_layers_that_may_saturate_are_named_with_what_was_not_checked(
    residual_program: Callable[..., Program], cpuinfo: str, message: str
) -> None:
    here = instruction_set(machine="x86_64", cpuinfo=cpuinfo)
    program = residual_program(8)
    full = {
        name: np.where(tensor > 0, 127, -127).astype(np.int8) if tensor.dtype == np.int8 else tensor
        for name, tensor in program.tensors.items()
    }
    wrong = onnx_model(Program(program.graph, full, program.input_shapes), metadata={})
    said = unchecked_here(wrong, here)
    assert said is not None
    assert message in said
    assert "'stem'" in said
    assert unchecked_here(onnx_model(residual_program(4), metadata={}), here) is None
