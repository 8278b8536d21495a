"""The machine that will serve the network, as far as costs are computed for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tightfit.errors import SpecError


def _require_at_least_zero(owner: str, numbers: dict[str, float]) -> None:
    for name, value in numbers.items():
        if not (math.isfinite(value) and value >= 0):
            raise SpecError(f"{name!r} of the {owner} must be finite and >= 0, got {value}")


@dataclass(frozen=True, slots=True)
class EnergyTable:
    """Picojoules of single operations and of bytes moved, replaceable for another technology.

    The defaults are those of 45 nm at 0.9 V by Horowitz, "Computing's energy problem", ISSCC 2014,
    figure 1.1.9: a float32 multiplication 3.7 and addition 0.9; an int8 multiplication 0.2 and the
    int32 addition that accumulates it 0.1; 64 bits from a cache of 1 MB 100, from DRAM 1300 to 2600
    (the middle is taken). ``register_ratio`` is by Yang, Chen and Sze, "Designing energy-efficient
    convolutional neural networks using energy-aware pruning", CVPR 2017: an access of the register
    file costs as much as the multiply-accumulate itself, and each needs four (weight, activation,
    and the partial sum in and out).

    Attributes:
        float_mac_pj: A multiply-accumulate of float32 numbers.
        integer_mac_pj: A multiply-accumulate of 8-bit numbers into 32 bits.
        register_ratio: An access of the register file, in multiply-accumulates.
        sram_pj_per_byte: A byte to or from the memory on the chip.
        dram_pj_per_byte: A byte to or from the memory beside the chip.

    Raises:
        SpecError: An entry that is negative or not finite.
    """

    float_mac_pj: float = 4.6
    integer_mac_pj: float = 0.3
    register_ratio: float = 1.0
    sram_pj_per_byte: float = 12.5
    dram_pj_per_byte: float = 244.0

    def __post_init__(self) -> None:
        _require_at_least_zero(
            "energy",
            {
                "float_mac_pj": self.float_mac_pj,
                "integer_mac_pj": self.integer_mac_pj,
                "register_ratio": self.register_ratio,
                "sram_pj_per_byte": self.sram_pj_per_byte,
                "dram_pj_per_byte": self.dram_pj_per_byte,
            },
        )


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """What static metrics need to know of a machine.

    Attributes:
        name: As a study names it.
        threads: Of the runtime that serves the network.
        weights_in_ram: Whether the runtime loads the weights into RAM, unpacked to the width that
            it computes with. Otherwise they are read where the file lies, as they are stored.
        file: How the name of the file ends that is served there.
        arena: Whether the runtime is TensorFlow Lite Micro, where an arena holds the activations
            and all that the runtime keeps.
        sram_kb: Memory on the chip (1 kB = 1,000 bytes); what fits in it is moved cheaply.
        rate_hz: Pictures a second that the power is stated for.
        idle_mw: Milliwatts that the machine takes without any picture.
        link_kbps: Kilobits a second of the link that brings the file to the machine.
        energy: Picojoules of operations and bytes.

    Raises:
        SpecError: No thread, no link, or a number that is negative or not finite.
    """

    name: str
    threads: int = 1
    weights_in_ram: bool = True
    file: str = ".onnx"
    arena: bool = False
    sram_kb: float = 1_000.0
    rate_hz: float = 10.0
    idle_mw: float = 0.0
    link_kbps: float = 10_000.0
    energy: EnergyTable = field(default_factory=EnergyTable)

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise SpecError(
                f"the profile {self.name!r} needs at least 1 thread, got {self.threads}"
            )
        numbers = {"sram_kb": self.sram_kb, "rate_hz": self.rate_hz, "idle_mw": self.idle_mw}
        _require_at_least_zero(f"profile {self.name!r}", numbers)
        if not (math.isfinite(self.link_kbps) and self.link_kbps > 0):
            raise SpecError(
                f"'link_kbps' of the profile {self.name!r} must be finite and above 0, "
                f"got {self.link_kbps}"
            )


CPU = DeviceProfile("cpu")
MICROCONTROLLER = DeviceProfile(
    "microcontroller",
    weights_in_ram=False,
    arena=True,
    sram_kb=512.0,
    rate_hz=1.0,
    idle_mw=5.0,
    link_kbps=250.0,  # IEEE 802.15.4, the radio of Zigbee and Thread
)
PROFILES = (CPU, MICROCONTROLLER)
