from __future__ import annotations

import pytest

from tightfit.objectives.proof.machine import eight_bits, machine


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"flags": "fpu sse4_2 avx2 avx512f avx512_vnni"}, "avx512_vnni"),
        ({"flags": "fpu avx2 avx_vnni"}, "avx_vnni"),
        ({"flags": "fpu sse4_2 avx2"}, "may saturate"),
        ({"Features": "fp asimd asimddp"}, "asimddp"),
        ({"Features": "fp asimd"}, "asimd"),
        ({}, "unknown"),
    ],
)
def test_a_processor_says_whether_its_8_bit_products_saturate(
    told: dict[str, str], wanted: str
) -> None:
    assert eight_bits(told) == wanted


def test_every_machine_has_a_name() -> None:
    found = machine()
    assert found["processor"]
    assert found["eight_bits"]
