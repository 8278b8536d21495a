"""What an export claims: the contents of ``report.json`` before anything is verified."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tightfit import Choice, Measurement, Reading
from tightfit.objectives.artifact.preprocessing import Preprocessing
from tightfit.objectives.proof.pictures import Pictures
from tightfit.objectives.quality_metrics.accuracy_adversarial import ACCURACY_ADVERSARIAL
from tightfit.objectives.quality_metrics.accuracy_shifted import ACCURACY_SHIFTED
from tightfit.studies.assembly import Assembly
from tightfit.studies.final import FinalScore
from tightfit.studies.plan import Plan
from tightfit.studies.results import Results
from tightfit.studies.standing import Standing
from tightfit.studies.testing import Reached
from tightfit.studies.verifying import NOT_MEASURED
from tightfit.studies.versions import versions

Json: TypeAlias = dict[str, Any]

_SETTINGS = {ACCURACY_SHIFTED.metric.name: "shifts", ACCURACY_ADVERSARIAL.metric.name: "attack"}
"""By metric, the key of ``[quality]`` that says how strongly pictures are changed for it."""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a run's front, with all that is known of it.

    Attributes:
        results: Of the run.
        plan: What the run was started to do.
        assembly: The study's parts.
        standing: The member's place.
    """

    results: Results
    plan: Plan
    assembly: Assembly
    standing: Standing

    @property
    def title(self) -> str:
        """What people call it: ``quickstart, trial 24``."""
        return f"{self.results.name}, {self.standing.name}"

    @property
    def choices(self) -> dict[str, Choice]:
        """What was chosen for every hparam."""
        return self.results.space.choices(self.standing.record.candidate)


def member_report(
    member: Member,
    reached: Reached | None,
    *,
    model: Path,
    preprocessing: Preprocessing | None = None,
) -> Json:
    """Return the claims of a member.

    Args:
        member: Of a front.
        reached: What it and the baseline reached on the test split, where there is one.
        model: Its plain file.
        preprocessing: What the file that is handed over does to pictures first.
    """
    results, standing, data = member.results, member.standing, member.assembly.data
    quality = results.quality.name
    serving, device = member.assembly.serving, member.assembly.study.spec.device
    shape = serving.runtime.open(model).input_shapes[0]
    tested = None if reached is None else reached.member
    return {
        "study": results.name,
        "trial": standing.trial,
        "picked": list(standing.picks),
        "input": {
            "shape": ["N", *shape],
            "pictures": list(data.input_shape),
            "dtype": str(data.train.inputs.dtype).removeprefix("torch."),
            "mean": list(data.mean),
            "std": list(data.std),
            "preprocessed": preprocessing is not None,
            "source": _source(preprocessing),
        },
        "class_names": data.class_names,
        "file": model.name,
        "runtime": serving.chosen.name,
        "threads": serving.threads,
        "batch": device.batch,
        "processors": list(device.processors),
        "spinning": device.spinning,
        "metrics": _metrics(member, standing.record.measurement),
        f"validation_{quality}": _quality(standing.record.measurement[quality]),
        f"test_{quality}": NOT_MEASURED if tested is None else _quality(tested.reading),
        "difference": _difference(tested),
        "constraints": [str(constraint) for constraint in results.constraints],
        "limits": list(_limits(results)),
        "baseline": {
            "metrics": _metrics(member, results.baseline),
            f"validation_{quality}": _quality(results.baseline[quality]),
            f"test_{quality}": NOT_MEASURED if reached is None else _quality(reached.baseline),
        },
        "quality": _quality_words(member),
        "data": _data_words(member),
        "candidate": member.choices,
        "versions": versions(),
        "seed": member.plan.spec["seed"],
        "fingerprint": standing.record.fingerprint,
    }


def _source(preprocessing: Preprocessing | None) -> list[int] | None:
    """Return the usual height and width of pictures of any size, where the file takes them."""
    if preprocessing is None or preprocessing.source is None:
        return None
    return list(preprocessing.source)


def ends(reading: Reading) -> dict[str, float]:
    """Return the ends of a reading's 95 % interval."""
    return {"low": reading.interval.low, "high": reading.interval.high}


def taken_with(member: Member, metric: str) -> Json:
    """Return the study's settings that a quality metric was taken with; most have none."""
    table = _SETTINGS.get(metric)
    return {} if table is None else member.plan.spec["quality"].get(table, {})


def _metrics(member: Member, measurement: Measurement) -> Json:
    results = member.results
    return {
        name: {
            "value": measurement[name].value,
            "stderr": measurement[name].stderr,
            **ends(measurement[name]),
            "unit": results.metrics[name].unit,
            "kind": measurement[name].kind.value,
            **_circumstances(measurement[name], taken_with(member, name)),
        }
        for name in measurement
    }


def _circumstances(reading: Reading, settings: Json) -> Json:
    """Return what a reading was taken with, what was otherwise than it should, and the machine's
    state, where any is known.
    """
    conditions = reading.conditions.to_json()
    told = {"settings": settings, "note": reading.note, "conditions": conditions}
    return {name: value for name, value in told.items() if value}


def _quality(reading: Reading) -> dict[str, float]:
    return {
        "value": reading.value,
        "stderr": reading.stderr,
        **ends(reading),
        "n": reading.repeats,
    }


def _difference(tested: FinalScore | None) -> Json | str:
    """Return the accuracy beside the baseline's, on the same pictures of the test split."""
    if tested is None or tested.paired is None:
        return NOT_MEASURED
    paired = tested.paired
    return {
        "value": paired.difference,
        "low": paired.interval.low,
        "high": paired.interval.high,
        **paired.to_json(),
    }


def _limits(results: Results) -> Iterable[Json]:
    for limit in results.constraints:
        yield {
            "metric": limit.metric,
            "sense": limit.sense.value,
            "bound": limit.bound,
            "confident": limit.confident,
        }


def _quality_words(member: Member) -> Json:
    metric = member.results.quality
    return {
        "metric": metric.name,
        "direction": metric.direction.value,
        "score": member.plan.spec["quality"]["score"],
        "counts_answers": member.assembly.task.right is not None,
    }


def _data_words(member: Member) -> Json:
    data, spec = member.assembly.data, member.plan.spec
    test = data.test
    arrays = None if test is None else Pictures(test.inputs.numpy(), test.targets.numpy())
    return {
        "name": data.name,
        "n": 0 if arrays is None else len(arrays),
        "digest": "" if arrays is None else arrays.digest,
        "image_size": spec["data"]["image_size"],
    }
