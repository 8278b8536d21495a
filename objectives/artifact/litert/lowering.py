"""The operators that rules write into files, for a batch of candidates by their blueprint."""

from __future__ import annotations

from tightfit.blueprint import Blueprint
from tightfit.objectives.artifact.litert.lowering_rules import LOWERING_RULES
from tightfit.objectives.artifact.litert.steps import Lowered, Scope


def has_form(blueprint: Blueprint) -> bool:
    """Whether candidates can be files of integers, as far as a blueprint tells."""
    return blueprint.integer_only and all(
        operation.operator in LOWERING_RULES for operation in blueprint.operations
    )


def lowered(blueprint: Blueprint) -> Lowered:
    """Return the operators of candidates for which :func:`has_form` says yes."""
    found = Lowered()
    for name, activation in blueprint.activations.items():
        found.elements[name] = activation.elements
    for operation in blueprint.operations:
        LOWERING_RULES[operation.operator](Scope(found, blueprint, operation))
    return found
