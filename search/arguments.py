"""What anyone hands to the sampler of an Optuna study, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tightfit import (
    Constraint,
    CostModel,
    FloatArray,
    Hparam,
    Objective,
    SearchSpace,
    SpecError,
)


def check_arguments(constraints: Sequence[Constraint], objectives: Sequence[Objective]) -> None:
    """Check that constraints and objectives are such, and can be searched for together.

    Raises:
        SpecError: Something else stands among them, two constraints have the same text, there are
            more than 3 objectives or none, or two are on one metric.
    """
    for limit in constraints:
        if not isinstance(limit, Constraint):
            raise SpecError(
                "each constraint must be a Constraint, such as "
                f"Constraint('size_kb', Sense.AT_MOST, 200.0), got {limit!r}"
            )
    check_texts(constraints)
    for objective in objectives:
        if not isinstance(objective, Objective):
            raise SpecError(
                "each objective must be an Objective, such as "
                f"Objective('size_kb', Direction.MINIMIZE), got {objective!r}"
            )
    if not 1 <= len(objectives) <= 3:
        raise SpecError(f"a search takes 1 to 3 objectives, got {len(objectives)}")
    metrics = [each.metric for each in objectives]
    for metric in metrics:
        if metrics.count(metric) > 1:
            raise SpecError(f"the metrics of objectives must differ, got {metric!r} twice")


def check_texts(constraints: Sequence[Constraint]) -> None:
    """Check that different constraints have different texts, under which violations are kept.

    Raises:
        SpecError: Two are the same but for late digits of their bounds, or for their confidence.
    """
    by_text: dict[str, Constraint] = {}
    for limit in constraints:
        if by_text.setdefault(str(limit), limit) != limit:
            raise SpecError(
                f"two different constraints read {str(limit)!r}, the text under which violations "
                "are kept: leave out the one that demands less"
            )


def check_costs(space: SearchSpace, costs: CostModel) -> None:
    """Check that a cost model answers with an array for each metric.

    Raises:
        SpecError: There are no hparams, it cannot be called, or it answers with something else.
    """
    if not len(space):
        raise SpecError("the space has no hparams: there is nothing to search")
    if not callable(costs):
        raise SpecError(
            f"the costs must be a function of a batch of candidates, got {type(costs).__name__}"
        )
    batch = space.batch([space.baseline()] * 3)
    answer = costs(batch)
    if not isinstance(answer, Mapping):
        raise SpecError(
            f"the costs of a batch must be a mapping from metrics, got {type(answer).__name__}"
        )
    for metric, values in answer.items():
        if not isinstance(values, np.ndarray) or values.shape != (len(batch),):
            shape = f"{type(values).__name__} of shape {list(np.shape(values))}"
            raise SpecError(
                f"the cost {metric!r} of {len(batch)} candidates must be an array of shape "
                f"[{len(batch)}], got {shape}"
            )


def prior_by_hparam(
    hparams: Sequence[Hparam], prior: Mapping[str, Sequence[float]]
) -> list[FloatArray]:
    """Return a prior as one array for each hparam, empty where it says nothing.

    Raises:
        SpecError: It names an unknown hparam, or has not one finite number for each choice.
    """
    known = {hparam.name: len(hparam.choices) for hparam in hparams}
    found: dict[str, FloatArray] = {}
    for name, values in prior.items():
        if name not in known:
            raise SpecError(f"the prior is about {name!r}, which is no hparam of the space")
        try:
            found[name] = np.asarray(values, dtype=np.float64)
            fits = found[name].shape == (known[name],) and bool(np.isfinite(found[name]).all())
        except (TypeError, ValueError):
            fits = False
        if not fits:
            raise SpecError(
                f"the prior of {name!r} needs a finite number for each of its {known[name]} "
                f"choices, got {values!r}"
            )
    return [found.get(hparam.name, np.zeros(0)) for hparam in hparams]
