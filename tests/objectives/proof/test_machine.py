from __future__ import annotations

from dataclasses import replace

from tightfit.objectives.meter.device import Device
from tightfit.objectives.meter.facts import Facts
from tightfit.objectives.proof.machine import instructions, machine

PI = Facts("aarch64", "Cortex-A72", 4, "Linux 6.6", "3.11.2", "onnxruntime 1.32.0", 1)
PC = Facts("x86_64", "", 2, "Linux 6.6", "3.11.2", "onnxruntime 1.32.0", 1)


def test_every_machine_has_a_name_and_instructions() -> None:
    device = Device()
    found = machine(device.facts())
    device.close()
    assert found["processor"]
    assert found["instructions"].startswith(found["architecture"])


def test_a_device_elsewhere_tells_the_same() -> None:
    assert machine(PI)["processor"] == "Cortex-A72"
    assert machine(PC)["processor"] == "x86_64"


def test_only_an_architecture_that_never_saturates_is_known_from_its_name() -> None:
    assert instructions(PI).saturates is False
    assert instructions(PC).saturates is None


def test_what_a_device_tells_of_its_processor_says_whether_it_saturates() -> None:
    assert instructions(replace(PC, features=("avx2",))).saturates is True
    found = instructions(replace(PC, features=("avx512_vnni", "avx2")))
    assert found.saturates is False
    assert found.name == "x86_64 with avx512_vnni, avx2"
