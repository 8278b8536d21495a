"""The network that was trained with rounding is its file: both name the same classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contracts.parity import (
    ARCHITECTURES,
    EACH,
    FLOAT_DISTANCE,
    KEPT,
    KINDS,
    POOLED,
    Comparison,
    Length,
    Parity,
    embedded,
)


def check(found: Sequence[Parity]) -> None:
    for each in found:
        assert each.kept >= KEPT, each
        assert each.agreement >= EACH, each
        assert each.kind != "float" or each.distance <= FLOAT_DISTANCE, each
    quantized = [each for each in found if each.kind != "float"]
    pictures = sum(each.pictures for each in quantized)
    assert sum(each.same for each in quantized) >= POOLED * pictures


@pytest.mark.slow
def test_a_small_network_and_its_files_name_the_same_classes(tmp_path: Path) -> None:
    length = Length(baseline=4)
    comparison = Comparison("small", embedded(length), length=length, folder=tmp_path)
    check([comparison.parity(kind) for kind in ("float", *KINDS)])


@pytest.mark.matrix
def test_twelve_architectures_and_their_files_name_the_same_classes(tmp_path: Path) -> None:
    length = Length()
    data = embedded(length)
    found = []
    for name in ARCHITECTURES:
        comparison = Comparison(name, data, length=length, folder=tmp_path)
        found += [comparison.parity(kind) for kind in ("float", *KINDS)]
    check(found)
