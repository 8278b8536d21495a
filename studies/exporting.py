"""Hands a member of the front over: its file, its weights, and a report of both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tightfit import Choice, Reading, Record, SpecError
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.latency import LatencyMeter
from tightfit.objectives.quality import score_file
from tightfit.objectives.runtimes import OnnxRuntime
from tightfit.objectives.workshop import MODEL_FILE, WEIGHTS_FILE
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.loading import CONFIG_FILE
from tightfit.studies.plan import Plan
from tightfit.studies.report import write_report
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.spec import StudySpec
from tightfit.studies.standing import Standing, chosen, standings
from tightfit.studies.study_file import Study
from tightfit.studies.versions import versions

REPORT_FILE = "report.json"
NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        folder: With all files.
        standing: The member.
        report: As it stands in ``report.json``.
    """

    folder: Path
    standing: Standing
    report: dict[str, Any]


def run_assembly(plan: Plan, study_path: Path | None) -> Assembly:
    """Return the parts of a run's study.

    Raises:
        SpecError: The study file is not where it was; give it anew.
    """
    path = study_path or (Path(plan.study_path) if plan.study_path else None)
    if path is None or not path.exists():
        raise SpecError(f"the study file of this run is not at {path}; name it with --study STUDY")
    return assemble(Study(plan.name, StudySpec.model_validate(plan.spec), path.resolve().parent))


def export_member(
    folder: RunFolder, *, pick: str, to: Path, assembly: Assembly | None = None
) -> Exported:
    """Write a member of a run's front to a folder of its own, measured again.

    Args:
        folder: Of the run.
        pick: ``knee``, an objective, or a trial's number.
        to: Made when it is not there; files of an earlier export in it are replaced.
        assembly: The study's parts, when they are at hand.

    Raises:
        SpecError: Nothing is feasible, the pick is none of the front, or ``to`` cannot be written.
        MeasurementError: The file does not run.
    """
    results = folder.results()
    standing = chosen(standings(results), pick=pick)
    if standing is None:
        raise SpecError(
            f"{folder.path} has nothing feasible to export; 'tightfit front {folder.path}' shows "
            "the nearest misses"
        )
    plan = Plan.read(folder.plan)
    assembly = assembly or run_assembly(plan, None)
    source = folder.candidate(standing.record.candidate)
    _copy(source, to)
    report = _report(results, plan, assembly, standing, folder, to / MODEL_FILE)
    write_atomically(to / CONFIG_FILE, _config(results, plan, assembly, standing.record).encode())
    write_atomically(to / REPORT_FILE, json.dumps(report, indent=1).encode())
    write_report(results, folder.report, final=folder.final.read(results.quality.name))
    return Exported(to, standing, report)


def _copy(source: Path, to: Path) -> None:
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name in (MODEL_FILE, WEIGHTS_FILE):
            write_atomically(to / name, (source / name).read_bytes())
    except FileNotFoundError as error:
        raise SpecError(f"the run has lost the member's file {error.filename}") from error
    except OSError as error:
        raise SpecError(f"the folder {to} cannot be written: {error.strerror}") from error


def _report(
    results: Results,
    plan: Plan,
    assembly: Assembly,
    standing: Standing,
    folder: RunFolder,
    file: Path,
) -> dict[str, Any]:
    runtime = OnnxRuntime(assembly.profile.threads)
    baseline_file = folder.baseline / MODEL_FILE
    reference = results.baseline.value("latency_ms")
    again = LatencyMeter(baseline_file, runtime, reference_ms=reference).measure(file)
    measurement = standing.record.measurement.updated({"latency_ms": again.latency_ms})
    quality = assembly.task.metric.name
    tested = _tested(file, standing, folder, assembly, runtime)
    shape = runtime.open(file).input_shapes[0]
    return {
        "study": results.name,
        "trial": standing.trial,
        "picked": list(standing.picks),
        "input": {
            "shape": ["N", *shape],
            "mean": list(assembly.data.mean),
            "std": list(assembly.data.std),
        },
        "class_names": assembly.data.class_names,
        "metrics": _metrics(results, {name: measurement[name] for name in measurement}),
        f"validation_{quality}": _quality(measurement[quality]),
        f"test_{quality}": tested[0],
        "constraints": [str(constraint) for constraint in results.constraints],
        "baseline": {
            "metrics": _metrics(
                results, {name: results.baseline[name] for name in results.baseline}
            ),
            f"validation_{quality}": _quality(results.baseline[quality]),
            f"test_{quality}": tested[1],
        },
        "candidate": results.space.choices(standing.record.candidate),
        "versions": versions(),
        "seed": plan.spec["seed"],
        "fingerprint": standing.record.fingerprint,
    }


def _metrics(results: Results, readings: dict[str, Reading]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "value": reading.value,
            "stderr": reading.stderr,
            "unit": results.metrics[name].unit,
            "kind": reading.kind.value,
        }
        for name, reading in readings.items()
    }


def _quality(reading: Reading) -> dict[str, float]:
    return {"value": reading.value, "stderr": reading.stderr, "n": reading.repeats}


def _tested(
    file: Path, standing: Standing, folder: RunFolder, assembly: Assembly, runtime: OnnxRuntime
) -> tuple[dict[str, float] | str, dict[str, float] | str]:
    """Return what the member and the baseline reach on the test split, for ``report.json``."""
    data = assembly.data
    split = data.test
    if split is None or standing.trial is None:
        return NOT_MEASURED, NOT_MEASURED

    def score(path: Path) -> Reading:
        return score_file(path, split, data=data, task=assembly.task, runtime=runtime)

    member = folder.final.member(standing.trial, lambda: score(file))
    baseline = folder.final.baseline(lambda: score(folder.baseline / MODEL_FILE))
    return _quality(member), _quality(baseline)


def _config(results: Results, plan: Plan, assembly: Assembly, record: Record) -> str:
    """Return what :func:`tightfit.studies.loading.load` needs, as TOML."""
    model, space = plan.spec["model"], plan.spec["space"]
    target_cpu = assembly.study.spec.device.target_cpu
    lines = ["# Written by tightfit: enough to rebuild the network around model.safetensors.", ""]
    lines += ["[input]", f"baseline_shape = {json.dumps(list(assembly.data.input_shape))}"]
    if assembly.data.classes is not None:
        lines.append(f"classes = {assembly.data.classes}")
    lines += ["", "[model]", *_assignments(model)]
    lines += ["", "[device]", *_assignments({"target_cpu": target_cpu})]
    for name, table in space.items():
        if table is not None:
            lines += ["", f"[space.{name}]", *_assignments(table)]
    for name, value in results.space.choices(record.candidate).items():
        lines += ["", "[[candidate]]", f"name = {json.dumps(name)}"]
        lines += _assignments({"value": value})
    return "\n".join(lines) + "\n"


def _assignments(values: dict[str, Choice | list[Choice]]) -> list[str]:
    """Return TOML lines; what is ``None`` is left out."""
    return [f"{key} = {json.dumps(value)}" for key, value in values.items() if value is not None]
