"""Choices that follow from how a study trains, where it names none itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tightfit import SpecError
from tightfit.objectives.optimization import USUAL
from tightfit.studies.spec_space import DistillationTable, SpaceTable

_DISTILLATION = DistillationTable()


def with_usual_choices(values: Any) -> Any:
    """Return the values of a study file with the choices that nobody named.

    AdamW has learning rates of its own. A user's training loop is told neither a learning rate nor
    how to distil: a single one of each leaves nothing to search without effect.
    """
    match values:
        case {"training": dict(training), "space": dict(space)}:
            filled = {
                name: {**usual, **space.get(name, {})}
                for name, usual in _usual(training, space).items()
                if isinstance(space.get(name, {}), dict)
            }
            return {**values, "space": {**space, **filled}}
    return values


def _usual(training: Mapping[str, Any], space: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return by table of the space the choices that it has where it does not name them."""
    adamw = training.get("optimizer") == "adamw"
    rates = USUAL["adamw" if adamw else "sgd"].fine_tuning
    if not training.get("fit"):
        return {"schedule": {"learning_rates": rates}} if adamw else {}
    usual: dict[str, dict[str, Any]] = {"schedule": {"learning_rates": rates[-1:]}}
    if "distillation" in space:
        usual["distillation"] = {
            "weights": _DISTILLATION.weights[-1:],
            "temperatures": _DISTILLATION.temperatures[-1:],
        }
    return usual


def require_told(space: SpaceTable) -> None:
    """Refuse to search what a user's training loop is not told.

    Raises:
        SpecError: A list of more than one choice.
    """
    lists: dict[str, list[object]] = {
        "schedule.learning_rates": list(space.schedule.learning_rates)
    }
    if space.distillation is not None:
        lists["distillation.weights"] = list(space.distillation.weights)
        lists["distillation.temperatures"] = list(space.distillation.temperatures)
    for key, choices in lists.items():
        if len(choices) > 1:
            raise SpecError(
                f"'training.fit' replaces the training, and is not told which of 'space.{key}' "
                f"was chosen: give one in place of {choices}, or leave the key out"
            )
