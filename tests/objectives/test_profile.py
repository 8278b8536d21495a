from __future__ import annotations

import pytest

from tightfit.errors import SpecError
from tightfit.objectives.profile import CPU, MICROCONTROLLER, PROFILES, DeviceProfile, EnergyTable


def test_the_shipped_profiles_differ_in_where_the_weights_lie() -> None:
    assert PROFILES == (CPU, MICROCONTROLLER)
    assert CPU.weights_in_ram
    assert not MICROCONTROLLER.weights_in_ram


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"threads": 0}, "'board' needs at least 1 thread, got 0"),
        ({"rate_hz": -1.0}, "'rate_hz' of the profile 'board' must be finite and >= 0, got -1"),
        (
            {"link_kbps": 0.0},
            "'link_kbps' of the profile 'board' must be finite and above 0, got 0",
        ),
        ({"idle_mw": float("inf")}, "'idle_mw' of the profile 'board' .* got inf"),
    ],
)
def test_a_profile_that_no_machine_has_is_refused(wrong: dict[str, float], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        DeviceProfile("board", **wrong)  # type: ignore[arg-type]


def test_energies_must_be_numbers() -> None:
    with pytest.raises(SpecError, match="'float_mac_pj' of the energy must be finite"):
        EnergyTable(float_mac_pj=float("nan"))
