"""On which machine something was read."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

from tightfit.objectives.instruction_set import InstructionSet, instruction_set
from tightfit.objectives.meter.facts import Facts

_CPUINFO = Path("/proc/cpuinfo")


def machine() -> dict[str, str]:
    """Return this machine's processor with its instructions, and its system."""
    return {
        "processor": _cpuinfo().get("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "instructions": instruction_set().name,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def machine_elsewhere(facts: Facts) -> dict[str, str]:
    """Return the same of a device at the other end of a connection."""
    return {
        "processor": facts.processor or facts.architecture,
        "architecture": facts.architecture,
        "instructions": instructions_elsewhere(facts).name,
        "system": facts.system,
        "python": facts.python,
    }


def instructions_elsewhere(facts: Facts) -> InstructionSet:
    """Return what a device's architecture tells of its instructions; it names no more than that."""
    return instruction_set(machine=facts.architecture, cpuinfo="")


def _cpuinfo() -> Mapping[str, str]:
    """Return what the system says of its first processor; nothing where it does not say it."""
    if not _CPUINFO.is_file():
        return {}
    first = _CPUINFO.read_text("utf-8", errors="replace").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
