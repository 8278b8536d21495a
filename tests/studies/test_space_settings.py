"""What a study's [space] turns on."""

from __future__ import annotations

import pytest

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
