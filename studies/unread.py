"""Metrics that no candidate of a study has a reading of, and how one is had."""

from __future__ import annotations

from tightfit import SpecError
from tightfit.objectives.footprint import FOOTPRINT_METRICS
from tightfit.objectives.metrics import METRICS, latency_ms
from tightfit.objectives.quality_metrics import QUALITY_METRICS
from tightfit.studies.limits import parse_limit, unknown
from tightfit.studies.settings import study_task
from tightfit.studies.study_file import Study

NAMED = (
    *latency_ms.BY_RUNTIME.values(),
    *FOOTPRINT_METRICS,
    *(each.metric for each in QUALITY_METRICS),
)
"""Metrics that are read only where a study names them."""


def check_read(metric: str, study: Study) -> None:
    """Refuse a metric that a study does not read.

    Raises:
        SpecError: It does not, or there is no such metric.
    """
    spec = study.spec
    of_task = study_task(spec, study.folder).metric
    known = {each.name for each in (*METRICS, *NAMED, of_task)}
    if metric not in known:
        raise SpecError(f"--limit names {unknown('metric', metric, known)}")
    limited = {parse_limit(text, known).metric for text in spec.constraints}
    named = {*limited, *spec.objectives, *spec.quality.metrics}
    if metric in {each.name for each in NAMED} - named:
        raise SpecError(f"--limit names {metric!r}, which this study does not read; {how(metric)}")


def how(metric: str) -> str:
    """Return what makes a study read a metric that it does not."""
    places = "a limit or an objective"
    if metric in {each.metric.name for each in QUALITY_METRICS}:
        places += " or 'quality.metrics'"
    return f"name it in {places} of the study, and run that in another folder with --to"
