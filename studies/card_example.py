"""The lines of a model card that run its file with a runtime and numpy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tightfit.studies.export_folder import PICTURES_FILE
from tightfit.studies.export_report import Json

_MOST_CLASSES = 20


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


def example(report: Json, *, proof: bool) -> str:
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
