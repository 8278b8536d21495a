"""What a study's [space] turns on."""

from __future__ import annotations

import pytest

from tightfit import SpecError
from tightfit.studies.settings import space_settings
from tightfit.studies.spec_space import QuantizationTable, SpaceTable


@pytest.mark.parametrize("equalize", [False, True])
def test_channels_are_evened_only_where_a_study_says_so(equalize: bool) -> None:
    table = SpaceTable(quantization=QuantizationTable(equalize=equalize))
    quantization = space_settings(table, "portable").quantization
    assert quantization is not None
    assert quantization.rounding.equalized is equalize
    # Runs of studies that do not say it stay runs of the same study.
    assert ("equalize" in table.model_dump(mode="json")["quantization"]) is equalize


def test_activations_are_of_8_bits_unless_a_study_says_otherwise() -> None:
    usual, chosen = QuantizationTable(), QuantizationTable(activations=(8, "none"))
    for table, expected in ((usual, (8,)), (chosen, (8, None))):
        quantization = space_settings(SpaceTable(quantization=table), "portable").quantization
        assert quantization is not None
        assert quantization.activations == expected
    assert "activations" not in usual.model_dump(mode="json")
    assert chosen.model_dump(mode="json")["activations"] == [8, "none"]


def test_float_activations_are_refused_where_nothing_may_be_a_float() -> None:
    table = QuantizationTable(activations=(8, "none"), integer_only=True)
    with pytest.raises(SpecError, match=r"'quantization.activations' has them; write 8 alone"):
        space_settings(SpaceTable(quantization=table), "portable")
