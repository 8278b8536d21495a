"""What a verification tells of the machine that it was made on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from tightfit import Conditions
from tightfit.studies.verification import Verification

FOUND = Verification(
    title="quickstart, trial 3",
    claims=(),
    limits=(),
    runtime="onnxruntime 1.32.0, 1 thread",
    machine={"processor": "a fast one"},
    modules=("numpy", "onnxruntime"),
    notes=(),
)


@pytest.mark.parametrize(
    ("conditions", "place"),
    [
        (Conditions(), "onnxruntime 1.32.0, 1 thread, a fast one"),
        (Conditions(2100.4), "onnxruntime 1.32.0, 1 thread, a fast one at 2,100 MHz"),
        (Conditions(2100.4, 61.2), "onnxruntime 1.32.0, 1 thread, a fast one at 2,100 MHz, 61 °C"),
    ],
)
def test_clock_and_temperature_stand_beside_the_processor(
    conditions: Conditions, place: str
) -> None:
    found = replace(FOUND, conditions=conditions)
    assert found.place == place
    assert found.to_json()["conditions"] == conditions.to_json()
    console = Console(width=200)
    with console.capture() as capture:
        console.print(found.view())
    assert f"with numpy, onnxruntime alone: {place}." in capture.get()
