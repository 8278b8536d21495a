"""On which machine something was read."""

from __future__ import annotations

from tightfit.objectives.instruction_set import InstructionSet, instruction_set
from tightfit.objectives.meter.facts import Facts


def machine(facts: Facts) -> dict[str, str]:
    """Return a device's processor with its instructions, and its system."""
    return {
        "processor": facts.processor or facts.architecture,
        "architecture": facts.architecture,
        "instructions": instructions(facts).name,
        "system": facts.system,
        "python": facts.python,
    }


def instructions(facts: Facts) -> InstructionSet:
    """Return what a device tells of its instructions."""
    return instruction_set(machine=facts.architecture, cpuinfo=f"flags: {' '.join(facts.features)}")
