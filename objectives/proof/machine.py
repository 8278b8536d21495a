"""On which machine something was read."""

from __future__ import annotations

from tightfit.objectives.instruction_set import InstructionSet, instruction_set
from tightfit.objectives.meter import agent
from tightfit.objectives.meter.facts import Facts


def machine() -> dict[str, str]:
    """Return this machine's processor with its instructions, and its system."""
    told = agent.machine()
    return {
        "processor": told["processor"] or told["architecture"],
        "architecture": told["architecture"],
        "instructions": instruction_set().name,
        "system": told["system"],
        "python": told["python"],
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
    """Return what a device tells of its instructions."""
    return instruction_set(machine=facts.architecture, cpuinfo=f"flags: {' '.join(facts.features)}")
