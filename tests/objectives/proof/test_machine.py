from __future__ import annotations

from tightfit.objectives.meter.facts import Facts
from tightfit.objectives.proof.machine import instructions_elsewhere, machine, machine_elsewhere

PI = Facts("aarch64", "Cortex-A72", 4, "Linux 6.6", "3.11.2", "onnxruntime 1.32.0", 1)
PC = Facts("x86_64", "", 2, "Linux 6.6", "3.11.2", "onnxruntime 1.32.0", 1)


def test_every_machine_has_a_name_and_instructions() -> None:
    found = machine()
    assert found["processor"]
    assert found["instructions"].startswith(found["architecture"])


def test_a_device_elsewhere_tells_the_same() -> None:
    assert machine_elsewhere(PI).keys() == machine().keys()
    assert machine_elsewhere(PI)["processor"] == "Cortex-A72"
    assert machine_elsewhere(PC)["processor"] == "x86_64"


def test_only_an_architecture_that_never_saturates_is_known_from_its_name() -> None:
    assert instructions_elsewhere(PI).saturates is False
    assert instructions_elsewhere(PC).saturates is None
