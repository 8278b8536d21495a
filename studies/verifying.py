"""Puts what an export claims and what a fresh process finds side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from tightfit import Conditions, Constraint, Direction, Kind, Metric, Reading, Sense, Stage
from tightfit.objectives.metrics import METRICS, latency_ms, peak_kb, ram_kb
from tightfit.objectives.proof import Found
from tightfit.objectives.quality_metrics import QUALITY_METRICS
from tightfit.objectives.runtimes import RUNTIMES
from tightfit.studies.claims import (
    FOOTPRINT,
    LATENCY_MARGIN,
    LATENCY_RATIO,
    MEMORY,
    MEMORY_MARGIN,
    Claim,
    Kept,
    Rule,
    Value,
    Verdict,
    accuracy_rule,
    arena_rule,
    claimed_latency,
    elsewhere,
    judged,
    judged_latency,
    kept,
    latency_title,
    memory_rule,
    other_pictures,
    same_bytes,
    score_rule,
    unchecked,
)
from tightfit.studies.examining import Quality, time_ratios
from tightfit.studies.verification import LimitFound, Verification

NOT_MEASURED = "not measured"
NO_TEST_SPLIT = "the data had no test split"
LATENCIES = (latency_ms.METRIC, *latency_ms.BY_RUNTIME.values())
TIMES = (*(metric.name for metric in LATENCIES), *FOOTPRINT)
"""Names of the metrics that are claimed as ratios to the baseline."""


def compare(
    report: Mapping[str, Any], found: Found, quality: Quality | None, *, title: str
) -> Verification:
    """Return the claims of a report beside what was found."""
    metric = quality_metric_of(report)
    claims, away = [_size(report, found)], elsewhere(report, found.machine)
    if RUNTIMES[report.get("runtime", "onnxruntime")].timed:
        timed = [*_latencies(report, found), _memory(report, found)]
        claims += [_not_judged(claim, away) if away else claim for claim in timed]
    elif found.arena_kb is not None:
        claims.append(_arena(report, found.arena_kb))
    claims += _quality_claims(report, metric, quality)
    notes = [f"{claim.name}: {claim.why}" for claim in claims if claim.found is None]
    if quality is not None and report[f"test_{metric.name}"] == NOT_MEASURED:
        notes.append(f"no {metric.name} was claimed: {NO_TEST_SPLIT}")
    if away:
        notes.append(f"times and memory are not judged: {away}")
    if quality is not None and found.apart:
        notes.append("the answers are this machine's: the runtime gives none from a device")
    if found.unchecked:
        notes.append(found.unchecked)
    latency = found.latency_ratio
    if latency is not None and latency.note:
        notes.append(f"{latency_ms.METRIC.name}: {latency.note}")
    limits = tuple(_limits(report, found, quality, metric, away=bool(away)))
    notes += [
        f"{each.limit} is meant for the validation split, where the search kept it; what is found "
        f"on {each.pictures} decides nothing"
        for each in limits
        if each.pictures and each.kept is Kept.BROKEN
    ]
    return Verification(
        title=title,
        claims=tuple(claims),
        limits=limits,
        runtime=found.runtime,
        machine=found.machine,
        modules=found.modules,
        notes=tuple(notes),
        conditions=Conditions() if latency is None else latency.conditions,
    )


def quality_metric_of(report: Mapping[str, Any]) -> Metric:
    """Return the metric that training decides, as the report names it."""
    return Metric(
        name=report["quality"]["metric"],
        unit="",
        direction=Direction(report["quality"]["direction"]),
        stage=Stage.LEARNED,
        kind=Kind.MEASURED,
        summary="quality of the file",
    )


def limits_of(report: Mapping[str, Any]) -> tuple[Constraint, ...]:
    """Return the limits of a report."""
    return tuple(
        Constraint(each["metric"], Sense(each["sense"]), each["bound"], each["confident"])
        for each in report["limits"]
    )


def _size(report: Mapping[str, Any], found: Found) -> Claim:
    metric = next(each for each in METRICS if each.name == "size_kb")
    return judged(
        "size",
        metric,
        kind=Kind.COUNTED,
        claimed=Value.from_json(report["metrics"]["size_kb"]),
        found=Value.of(found.size_kb),
        rule=same_bytes(),
    )


def _arena(report: Mapping[str, Any], found: Reading) -> Claim:
    claimed = Value.from_json(report["metrics"][ram_kb.METRIC.name])
    return judged(
        "arena",
        ram_kb.METRIC,
        kind=Kind.MEASURED,
        claimed=claimed,
        found=Value.of(found),
        rule=arena_rule(claimed),
    )


def _not_judged(claim: Claim, why: str) -> Claim:
    return replace(claim, verdict=Verdict.UNCHECKED, why=claim.why or why)


def _latencies(report: Mapping[str, Any], found: Found) -> Iterator[Claim]:
    ratios = time_ratios(found)
    for name in (each for each in TIMES if each in report["metrics"]):
        if name in ratios:
            yield judged_latency(report, ratios[name], name)
            continue
        why = "the baseline's file is not there to compare with; name it with --baseline"
        if found.latency_ratio is not None:
            why = "its runtime is not installed, or reads other files than are there"
        claimed, title = claimed_latency(report, name), latency_title(name)
        yield unchecked(title, LATENCY_RATIO, kind=Kind.MEASURED, claimed=claimed, why=why)


def _memory(report: Mapping[str, Any], found: Found) -> Claim:
    """The search claims no measured memory: the export's own reading is the claim."""
    claim = report.get("memory_kb")
    claimed = None if claim is None else Value.from_json(claim)
    if found.memory_kb is None:
        why = "this system does not tell a process its peak of memory"
        return unchecked("memory", MEMORY, kind=Kind.MEASURED, claimed=claimed, why=why)
    if claimed is None:
        why = "nothing was claimed before this reading"
        now = Value.of(found.memory_kb)
        return unchecked("memory", MEMORY, kind=Kind.MEASURED, claimed=None, why=why, found=now)
    return judged(
        "memory",
        MEMORY,
        kind=Kind.MEASURED,
        claimed=claimed,
        found=Value.of(found.memory_kb),
        rule=memory_rule(claimed),
    )


def _quality_claims(
    report: Mapping[str, Any], metric: Metric, quality: Quality | None
) -> Iterator[Claim]:
    told = report[f"test_{metric.name}"]
    claimed = _told(told)
    name = metric.name.replace("_", " ")
    if quality is None:
        why = _why_no_quality(report, claimed)
        yield unchecked(name, metric, kind=Kind.MEASURED, claimed=claimed, why=why)
        return
    rule = other_pictures()
    if quality.same and claimed is not None:
        counts = report["quality"]["counts_answers"]
        rule = accuracy_rule(told["n"]) if counts else score_rule(claimed)
    yield _quality_claim(f"{name} on {quality.pictures}", metric, claimed, quality.value, rule)
    if quality.paired is not None:
        beside, difference = f"{name} beside the baseline", _told(report["difference"])
        found = Value(quality.paired.difference, quality.paired.interval)
        claim = _quality_claim(beside, metric, difference, found, rule)
        yield replace(claim, difference=True)


def _quality_claim(
    name: str, metric: Metric, claimed: Value | None, found: Value, rule: Rule
) -> Claim:
    if claimed is None:
        why = "nothing was claimed of it"
        return unchecked(name, metric, kind=Kind.MEASURED, claimed=None, why=why, found=found)
    return judged(name, metric, kind=Kind.MEASURED, claimed=claimed, found=found, rule=rule)


def _told(words: Mapping[str, Any] | str) -> Value | None:
    """Return a number of a report; ``None`` where it says that it was not measured."""
    return None if isinstance(words, str) else Value.from_json(words)


def _why_no_quality(report: Mapping[str, Any], claimed: Value | None) -> str:
    if claimed is None:
        return NO_TEST_SPLIT
    if not report["quality"]["counts_answers"]:
        score = report["quality"]["score"]
        named = "" if score is None else f", {score!r}"
        return (
            f"it is a score of the study's own{named}; name your copy of it with --score, as code "
            "is never taken from an export"
        )
    return "the pictures are not there; name them, or others, with --data"


def _limits(
    report: Mapping[str, Any],
    found: Found,
    quality: Quality | None,
    metric: Metric,
    *,
    away: bool,
) -> list[LimitFound]:
    qualities = (each.metric for each in QUALITY_METRICS)
    known = {each.name: each for each in (*METRICS, *qualities, metric)}
    values: dict[str, Value] = {"size_kb": Value.of(found.size_kb)}
    values["flash_kb"] = values["size_kb"]
    if found.arena_kb is not None:
        values[ram_kb.METRIC.name] = Value.of(found.arena_kb)
    if found.memory_kb is not None:
        values[peak_kb.METRIC.name] = Value.of(found.memory_kb).widened(MEMORY_MARGIN)
    for name, ratio in time_ratios(found).items():
        baseline = report["baseline"]["metrics"][name]["value"]
        values[name] = Value.of(ratio).widened(LATENCY_MARGIN).scaled(baseline)
    if quality is not None:
        values[metric.name] = quality.value
    limits = []
    for limit in limits_of(report):
        value = values.get(limit.metric)
        other = away and limit.metric in (*TIMES, peak_kb.METRIC.name)
        how = None if value is None or other else kept(limit, value)
        pictures = quality.pictures if quality is not None and limit.metric == metric.name else ""
        limits.append(LimitFound(limit, known[limit.metric], value, how, pictures))
    return limits
