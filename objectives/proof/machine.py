"""On which machine something was read."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path

from tightfit.objectives.meter.facts import Facts

_CPUINFO = Path("/proc/cpuinfo")
_EXACT = ("avx512_vnni", "avx_vnni", "asimddp", "asimd")
"""Instructions that add products of 8 bits without saturating on the way."""

SATURATES, UNKNOWN = "may saturate", "unknown"


def machine() -> dict[str, str]:
    """Return the processor, its instructions for 8 bits, and the system."""
    told = _cpuinfo()
    return {
        "processor": told.get("model name") or platform.processor() or platform.machine(),
        "architecture": platform.machine(),
        "eight_bits": eight_bits(told),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def machine_elsewhere(facts: Facts) -> dict[str, str]:
    """Return the same of a device at the other end of a connection."""
    return {
        "processor": facts.processor or facts.architecture,
        "architecture": facts.architecture,
        "eight_bits": UNKNOWN,
        "system": facts.system,
        "python": facts.python,
    }


def eight_bits(told: Mapping[str, str]) -> str:
    """Return by which instructions a processor multiplies 8 bits, from what ``cpuinfo`` tells.

    Without them an x86 processor adds two products of unsigned and signed 8 bits in 16 bits, which
    saturate where weights are large.
    """
    flags = (told.get("flags") or told.get("Features") or "").split()
    if not flags:
        return UNKNOWN
    return next((name for name in _EXACT if name in flags), SATURATES)


def _cpuinfo() -> dict[str, str]:
    """Return what the system says of its first processor; nothing where it does not say it."""
    if not _CPUINFO.is_file():
        return {}
    first = _CPUINFO.read_text("utf-8", errors="replace").split("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}
