"""How this machine's processor adds the products of 8-bit codes, as far as its system says."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from onnx import ModelProto

from tightfit.objectives.meter.agent import FEATURES
from tightfit.objectives.saturation import saturating_layers

CPUINFO = Path("/proc/cpuinfo")

_VNNI = frozenset({"avx512_vnni", "avx_vnni", "avx_vnni_int8"})
_MANY = 3


@dataclass(frozen=True, slots=True)
class InstructionSet:
    """What a processor has.

    Attributes:
        name: ``x86_64 with avx512_vnni, avx2``, for people.
        saturates: Whether it adds two products in 16 bits; ``None`` where nothing tells.
    """

    name: str
    saturates: bool | None


def instruction_set(*, machine: str | None = None, cpuinfo: str | None = None) -> InstructionSet:
    """Return what this machine has.

    Args:
        machine: Its architecture; asked of the system when not given.
        cpuinfo: Text in the form of Linux's ``/proc/cpuinfo``; read from there when not given.
    """
    machine = machine or platform.machine()
    if cpuinfo is None:
        cpuinfo = CPUINFO.read_text("utf-8") if CPUINFO.is_file() else ""
    flags = _flags(cpuinfo)
    named = ", ".join(flag for flag in FEATURES if flag in flags)
    name = f"{machine} with {named}" if named else machine
    if machine.lower() in ("arm64", "aarch64"):
        return InstructionSet(name, saturates=False)
    if machine.lower() in ("x86_64", "amd64") and flags:
        return InstructionSet(name, saturates=not flags & _VNNI)
    return InstructionSet(name, saturates=None)


def unchecked_here(model: ModelProto, here: InstructionSet) -> str | None:
    """Return what running a file on this machine cannot show about others, or ``None``.

    A file whose layers are all proved safe computes the same integers on every processor.
    """
    layers = saturating_layers(model)
    if not layers:
        return None
    some = ", ".join(repr(name) for name in layers[:_MANY])
    more = f" and {len(layers) - _MANY} more" if len(layers) > _MANY else ""
    where = f"{some}{more} may saturate where 8-bit products are added in 16 bits"
    if here.saturates:
        return f"{where}, as on this machine ({here.name}): it was not checked on one with VNNI"
    if here.saturates is None:
        return f"{where} (x86 without VNNI); whether {here.name} does is not known"
    return f"{where} (x86 without VNNI): this machine ({here.name}) cannot check that"


def _flags(cpuinfo: str) -> frozenset[str]:
    """Return the features of the first processor, that of x86 or ARM."""
    for line in cpuinfo.splitlines():
        key, _, values = line.partition(":")
        if key.strip() in ("flags", "Features"):
            return frozenset(values.split())
    return frozenset()
