"""The model card: what a person who is handed the folder reads first."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from tightfit import Metric
from tightfit.studies import wording
from tightfit.studies.card_example import example
from tightfit.studies.claims import Verdict
from tightfit.studies.export_folder import PICTURE_FILE
from tightfit.studies.export_report import Json, Member, taken_with
from tightfit.studies.figures.layers import layers
from tightfit.studies.report_page import ordered_metrics
from tightfit.studies.verdict import headline
from tightfit.studies.verification import (
    NOTHING,
    Verification,
    limit_text,
    limit_verdict,
    value_text,
)

_KINDS = (
    "*Counted* is exact; *measured* is taken with an instrument: ± is one standard error, brackets "
    "hold the 95 % interval; *computed* follows exactly from the network by a stated formula; "
    "*estimated* is a prediction, or a formula with the constants of another machine."
)


_CHECK = (
    "`tightfit verify .` in this folder reads the file anew with {runtime}, in a process that "
    "loads nothing that trains, and says which claims hold. `report.json` has all numbers, the "
    "checksums of the files, and what was found when this was exported. `tightfit.studies.load` "
    "gives the network back as a torch module."
)


def model_card(member: Member, report: Json, verification: Verification, *, proof: bool) -> str:
    """Return the card as Markdown.

    Args:
        member: Of a front.
        report: Its ``report.json``.
        verification: What a fresh process found.
        proof: Whether the test split lies in the folder.
    """
    tested = not isinstance(report[f"test_{member.results.quality.name}"], str)
    parts = (
        f"# {member.title}",
        headline(member.results, member.standing) + _tested_words(member, report),
        f"![The front that it was picked from]({PICTURE_FILE})",
        "## Claimed and found",
        _claims(verification),
        _conclusion(verification, tested=tested),
        "## Limits",
        _limits(verification),
        _split_of_limits(member, verification, tested=tested),
        "## All numbers",
        _numbers(member),
        _KINDS,
        "## Layer by layer",
        _layers(member),
        "## Run it",
        example(report, proof=proof),
        _integer_files(member, report),
        "## Check it",
        _CHECK.format(runtime=report["runtime"]),
        "## How it was made",
        _how(member, report, tested=tested),
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _tested_words(member: Member, report: Json) -> str:
    metric = member.results.quality
    tested = report[f"test_{metric.name}"]
    if isinstance(tested, str):
        return f" There is no test split: {wording.title(metric)} is that of the validation split."
    value = wording.quantity(metric, tested["value"])
    return f" On {tested['n']:,} pictures that the search never saw: {value}."


def _claims(verification: Verification) -> str:
    rows = [
        (
            claim.name,
            claim.kind.value,
            value_text(claim, claim.claimed),
            value_text(claim, claim.found),
            claim.verdict.value,
        )
        for claim in verification.claims
    ]
    return _table(("", "kind", "claimed", "found", ""), rows)


def _conclusion(verification: Verification, *, tested: bool) -> str:
    whys = [f"{e.name}: {e.why}" for e in verification.claims if e.verdict is not Verdict.HOLDS]
    told = f" Not confirmed: {'; '.join(whys)}." if whys else ""
    test = ", and of the test split what was read for this card" if tested else ""
    return (
        f"*Claimed* is what the search read{test}. "
        "*Found* is what a fresh process read when this folder was written, on "
        f"{verification.place}.{told}"
    )


def _limits(verification: Verification) -> str:
    if not verification.limits:
        return "The study had none."
    rows = [
        (
            wording.limit(each.limit, each.metric, apart=each.read),
            limit_text(each),
            limit_verdict(each).plain,
        )
        for each in verification.limits
    ]
    return _table(("limit", "found", ""), rows)


def _split_of_limits(member: Member, verification: Verification, *, tested: bool) -> str:
    quality = member.results.quality
    if not tested or all(each.limit.metric != quality.name for each in verification.limits):
        return ""
    title = wording.capital(wording.title(quality))
    return f"{title} is found on the test split; the search kept its limit on the validation split."


def _numbers(member: Member) -> str:
    results, measurement = member.results, member.standing.record.measurement
    rows = []
    for metric in ordered_metrics(results):
        if metric.name not in measurement:
            continue
        reading = measurement[metric.name]
        rows.append(
            (
                f"`{metric.name}`",
                reading.kind.value,
                wording.reading_text(metric, reading),
                wording.reading_text(metric, results.baseline[metric.name])
                if metric.name in results.baseline
                else NOTHING,
                _what_it_is(member, metric),
            )
        )
    return _table(("metric", "kind", "this network", "baseline", "what it is"), rows)


def _what_it_is(member: Member, metric: Metric) -> str:
    settings = taken_with(member, metric.name)
    told = ", ".join(f"{name} {value:g}" for name, value in settings.items())
    return f"{metric.summary}; with {told}" if told else metric.summary


def _layers(member: Member) -> str:
    found = layers(member.results.space, member.standing.record.candidate)
    rows = [
        (f"`{site.site}`", _share(site.width), site.bits_text or NOTHING, _share(site.rank))
        for site in found.sites
    ]
    settings = ", ".join(f"`{name}` {value}" for name, value in found.settings)
    table = _table(("layer", "width kept", "bits", "rank kept"), rows) if rows else ""
    return "\n\n".join(filter(None, (table, f"Beside these: {settings}." if settings else "")))


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{100 * value:.3g} %"


def _integer_files(member: Member, report: Json) -> str:
    """Return what the files for phones and microcontrollers are, where there can be some."""
    quantization = member.plan.spec["space"].get("quantization") or {}
    if not quantization.get("integer_only"):
        return ""
    header = (
        "a C++ header for TensorFlow Lite Micro, with the bytes of the `.tflite`, the operators "
        "that its resolver needs, and the arena"
    )
    if report["runtime"] == "tflite-micro":
        return f"`model.h` is {header}."
    if report["runtime"] == "litert":
        return f"`tightfit export --format litert` adds `model.h`, {header}."
    return (
        "`tightfit export --format litert` adds `model.tflite`, this network for LiteRT, and "
        f"`model.h`, {header}. Where they lie here, `report.json` has their size, arena and "
        "quality under `litert`."
    )


def _how(member: Member, report: Json, *, tested: bool) -> str:
    spec, results = member.plan.spec, member.results
    trained = sum(record.trained for record in results.records)
    on = [name for name, table in spec["space"].items() if table is not None and name != "schedule"]
    techniques = wording.listed([name.replace("_", " ") for name in on])
    size = f"{prod(len(h.choices) for h in results.space.hparams):.3g}"
    donor = results.donor(member.standing.record)
    begun = "" if donor is None else f"; its training began with the weights of trial {donor}"
    versions = ", ".join(f"{name} {found}" for name, found in report["versions"].items())
    test = "the test split decided nothing" if tested else "there is no test split"
    return (
        f"Compressed from `{spec['model']['name']}` on the data `{report['data']['name']}`: a "
        f"search over {techniques} ({len(results.space.hparams)} choices, {size} combinations) "
        f"trained {trained} candidate{'' if trained == 1 else 's'}, seed {spec['seed']}. "
        f"This one was proposed by *{member.standing.record.origin}*{begun}. "
        f"The search judged by the validation split; {test}. "
        f"Fingerprint `{report['fingerprint']}`. "
        f"Versions: {versions}."
    )


def _table(heading: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    columns = [*heading]
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(each) for each in line)} |" for line in lines)


def _cell(text: str) -> str:
    """Return text that neither ends a cell nor a row."""
    return text.replace("|", "\\|").replace("\n", " ")
