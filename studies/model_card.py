"""The model card: what a person who is handed the folder reads first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from tightfit import Metric
from tightfit.studies import wording
from tightfit.studies.claims import Verdict
from tightfit.studies.export_folder import PICTURE_FILE, PICTURES_FILE
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

_MOST_CLASSES = 20
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


@dataclass(frozen=True, slots=True)
class _Run:
    """Lines that run the file in one runtime: what they import, and from inputs to outputs."""

    imports: tuple[str, ...]
    lines: tuple[str, ...]


_RUNS = {
    "onnxruntime": _Run(
        ("import onnxruntime",),
        (
            'session = onnxruntime.InferenceSession("model.onnx")',
            "outputs = session.run(None, {session.get_inputs()[0].name: inputs})[0]",
        ),
    ),
    "openvino": _Run(
        ("import openvino",),
        (
            'options = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}',
            'model = openvino.Core().compile_model("model.onnx", "CPU", options)',
            "outputs = model(inputs)[0]",
        ),
    ),
    "litert": _Run(
        ("from ai_edge_litert.interpreter import Interpreter",),
        (
            'interpreter = Interpreter("model.tflite")',
            "interpreter.allocate_tensors()",
            "reads = interpreter.get_input_details()[0]",
            "gives = interpreter.get_output_details()[0]",
            'scale, zero = reads["quantization"]',
            "codes = numpy.clip(numpy.rint(inputs / scale) + zero, -128, 127).astype(numpy.int8)",
            "answers = []",
            "for picture in numpy.moveaxis(codes, 1, -1):",
            '    interpreter.set_tensor(reads["index"], picture[None])',
            "    interpreter.invoke()",
            '    answers.append(interpreter.get_tensor(gives["index"])[0].astype("float32"))',
            'scale, zero = gives["quantization"]',
            "outputs = (numpy.array(answers) - zero) * scale",
        ),
    ),
    "tflite-micro": _Run(
        ("from tflite_micro.python.tflite_micro.runtime import Interpreter",),
        (
            'interpreter = Interpreter.from_file("model.tflite", arena_size=1 << 24)',
            "reads, gives = interpreter.get_input_details(0), interpreter.get_output_details(0)",
            'grid = reads["quantization_parameters"]',
            'codes = numpy.rint(inputs / grid["scales"][0]) + grid["zero_points"][0]',
            "codes = numpy.clip(codes, -128, 127).astype(numpy.int8)",
            "answers = []",
            "for picture in numpy.moveaxis(codes, 1, -1):",
            "    interpreter.set_input(picture[None], 0)",
            "    interpreter.invoke()",
            '    answers.append(interpreter.get_output(0)[0].astype("float32"))',
            'grid = gives["quantization_parameters"]',
            'outputs = (numpy.array(answers) - grid["zero_points"][0]) * grid["scales"][0]',
        ),
    ),
    "executorch": _Run(
        ("import torch", "from executorch.runtime import Runtime"),
        (
            'method = Runtime.get().load_program("model.pte").load_method("forward")',
            "run = lambda one: method.execute([torch.from_numpy(one[None])])[0].numpy().copy()",
            "outputs = numpy.concatenate([run(one) for one in inputs])",
        ),
    ),
}
"""By runtime."""


def model_card(member: Member, report: Json, verification: Verification, *, proof: bool) -> str:
    """Return the card as Markdown.

    Args:
        member: Of a front.
        report: Its ``report.json``.
        verification: What a fresh process found.
        proof: Whether the test split lies in the folder.
    """
    parts = (
        f"# {member.title}",
        headline(member.results, member.standing) + _tested_words(member, report),
        f"![The front that it was picked from]({PICTURE_FILE})",
        "## Claimed and found",
        _claims(verification),
        _conclusion(verification),
        "## Limits",
        _limits(verification),
        "## All numbers",
        _numbers(member),
        _KINDS,
        "## Layer by layer",
        _layers(member),
        "## Run it",
        _example(report, proof=proof),
        "## Check it",
        _CHECK.format(runtime=report["runtime"]),
        "## How it was made",
        _how(member, report),
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


def _conclusion(verification: Verification) -> str:
    whys = [f"{e.name}: {e.why}" for e in verification.claims if e.verdict is not Verdict.HOLDS]
    told = f" Not confirmed: {'; '.join(whys)}." if whys else ""
    return (
        "*Claimed* is what the search read, and of the test split what was read once behind it. "
        "*Found* is what a fresh process read when this folder was written, on "
        f"{verification.place}.{told}"
    )


def _limits(verification: Verification) -> str:
    if not verification.limits:
        return "The study had none."
    rows = [
        (
            wording.limit(each.limit, each.metric),
            limit_text(each),
            limit_verdict(each).plain,
        )
        for each in verification.limits
    ]
    return _table(("limit", "found", ""), rows)


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


def _example(report: Json, *, proof: bool) -> str:
    """Return the lines that run the file, for a person who has its runtime and numpy."""
    told, run = report["input"], _RUNS[report["runtime"]]
    made = _as_they_are(told, proof=proof) if told["preprocessed"] else _prepared(told, proof=proof)
    lines = [
        "import numpy",
        *run.imports,
        *made,
        *run.lines,
        "print(outputs.argmax(1))" if _tells_classes(report) else "print(outputs.shape)",
    ]
    code = "\n".join(lines)
    return f"```python\n{code}\n```{_classes(report)}"


def _prepared(told: Json, *, proof: bool) -> list[str]:
    """Return the lines that make a plain file's inputs."""
    wanted, given = told["shape"][1:], told["pictures"]
    axes = ", ".join(["-1", *("1" for _ in given[1:])])
    scale = " / 255" if told["dtype"] == "uint8" else ""
    size = ", ".join(map(str, given))
    source = f'numpy.load("{PICTURES_FILE}")["inputs"][:8]'
    if not proof:
        source = f'numpy.zeros({(8, *given)}, "{told["dtype"]}")'
    resized = wanted != given
    lines = []
    if resized:
        lines.append("from tightfit.objectives.proof.resizing import resize  # numpy alone")
    lines += [
        "",
        f"pictures = {source}  # yours: {told['dtype']} [n, {size}]",
        f'mean = numpy.array({told["mean"]}, "float32").reshape({axes})',
        f'std = numpy.array({told["std"]}, "float32").reshape({axes})',
        f'inputs = ((pictures{scale} - mean) / std).astype("float32")',
    ]
    if resized:
        lines.append(f"inputs = resize(inputs, {tuple(wanted[1:])})")
    return lines


def _as_they_are(told: Json, *, proof: bool) -> list[str]:
    """Return the lines that make the inputs of a file which prepares pictures itself."""
    channels, *side = told["pictures"]
    sides = ", ".join(map(str, side)) if told["source"] is None else "any height, any width"
    source = f'numpy.load("{PICTURES_FILE}")["inputs"][:8].transpose(0, 2, 3, 1)'
    if not proof:
        source = f'numpy.zeros({(8, *(told["source"] or side), channels)}, "uint8")'
    return [
        "",
        f"inputs = {source}  # yours: uint8 [n, {sides}, {channels}]",
    ]


def _tells_classes(report: Json) -> bool:
    return bool(report["quality"]["counts_answers"])


def _classes(report: Json) -> str:
    names: Sequence[str] = report["class_names"] or ()
    if not names or not _tells_classes(report):
        return ""
    shown = ", ".join(f"{number} {name}" for number, name in enumerate(names[:_MOST_CLASSES]))
    more = f" and so on to {len(names) - 1}" if len(names) > _MOST_CLASSES else ""
    return f"\n\nClasses: {shown}{more}; all of them in `report.json`."


def _how(member: Member, report: Json) -> str:
    spec, results = member.plan.spec, member.results
    trained = sum(record.trained for record in results.records)
    on = [name for name, table in spec["space"].items() if table is not None and name != "schedule"]
    techniques = wording.listed([name.replace("_", " ") for name in on])
    size = f"{prod(len(h.choices) for h in results.space.hparams):.3g}"
    donor = results.donor(member.standing.record)
    begun = "" if donor is None else f"; its training began with the weights of trial {donor}"
    versions = ", ".join(f"{name} {found}" for name, found in report["versions"].items())
    return (
        f"Compressed from `{spec['model']['name']}` on the data `{report['data']['name']}`: a "
        f"search over {techniques} ({len(results.space.hparams)} choices, {size} combinations) "
        f"trained {trained} candidates, seed {spec['seed']}. This one was proposed by "
        f"*{member.standing.record.origin}*{begun}. The search judged by the validation split; the "
        "test split was read once, when the search was over. "
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
