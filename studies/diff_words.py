"""Two programs side by side in words, for a terminal and a page."""

from __future__ import annotations

from dataclasses import dataclass

from tightfit import MeasurementError, SpecError
from tightfit.objectives.instruction_view import Found
from tightfit.objectives.runtimes.instructions import Instruction, Instructions, Part, Tensor
from tightfit.objectives.workshop import MODEL_FILE
from tightfit.studies import wording
from tightfit.studies.diffing import Diff, diff_files
from tightfit.studies.digits import MOST_DECIMALS, exponent, plain
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.standing import Standing

_MOST_LAYERS = 4
_FEWEST = 2
"""Decimals of a ratio of times."""
_PARTS = {Part.LAYER: "", Part.WEIGHTS: "weights of ", Part.BEHIND: "behind "}


@dataclass(frozen=True, slots=True)
class Side:
    """What one program does: ``QLinearConv + Relu``, 8 by 8 bits stored in 4, and its time."""

    kernel: str
    shapes: str
    bits: str
    kilobytes: str
    microseconds: str
    share: str


NOTHING = Side("–", "", "", "", "", "")


@dataclass(frozen=True, slots=True)
class DiffRow:
    """What both programs do for one layer."""

    layer: str
    a: Side
    b: Side


@dataclass(frozen=True, slots=True)
class Program:
    """One program as a whole.

    Attributes:
        name: Of its file.
        latency: Measured without the profiler.
        instructions: How many kernels a run calls.
        findings: What costs time in it, one sentence each.
    """

    name: str
    latency: str
    instructions: int
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DiffPage:
    """Everything in words.

    Attributes:
        headline: How much faster, in one sentence.
        programs: Both of them.
        rows: Operator by operator.
    """

    headline: str
    programs: tuple[Program, Program]
    rows: tuple[DiffRow, ...]


def diff_page(diff: Diff) -> DiffPage:
    """Return two files side by side in words."""
    view, (first, second) = diff.view, diff.names
    took = [f"{latency:.3g} ms" for latency in diff.latencies]
    return DiffPage(
        headline=(
            f"Compared with {first}, {second} takes {_ratio(diff)} of the time: "
            f"{took[1]} against {took[0]}, one picture in {view.a.runtime}."
        ),
        programs=(
            Program(first, took[0], len(view.a.listing), tuple(map(_sentence, view.found_in_a))),
            Program(second, took[1], len(view.b.listing), tuple(map(_sentence, view.found_in_b))),
        ),
        rows=tuple(
            DiffRow(_layer(row.a or row.b), _side(row.a, view.a), _side(row.b, view.b))
            for row in view.rows
        ),
    )


def diff_of_member(results: Results, member: Standing) -> DiffPage | str | None:
    """Return baseline and member of a run side by side, or why that could not be measured.

    ``None`` where the run has not the files of both, as of a network outside the space.
    """
    folder = RunFolder(results.folder)
    files = folder.baseline / MODEL_FILE, folder.candidate(member.record.candidate) / MODEL_FILE
    if member.trial is None or not all(file.is_file() for file in files):
        return None
    try:
        return diff_page(diff_files(*files, names=("the baseline", member.name)))
    except (MeasurementError, SpecError) as error:
        return str(error)


def _ratio(diff: Diff) -> str:
    """Return the ratio with the decimals that its error has: ``1.030 ±0.004``."""
    if diff.ratio_stderr == 0:
        return wording.together(diff.ratio)[0]
    decimals = min(MOST_DECIMALS, max(_FEWEST, -exponent(diff.ratio_stderr)))
    return f"{plain(diff.ratio, decimals)} ±{plain(diff.ratio_stderr, decimals)}"


def _sentence(found: Found) -> str:
    kernels = list(dict.fromkeys(each.kernel for each in found.instructions))
    count = len(found.instructions)
    what = f"{count} instruction{'' if count == 1 else 's'} {found.finding.value}"
    text = f"{what} ({', '.join(kernels)}): {100 * found.share:.0f} % of the time"
    named = list(found.layers[:_MOST_LAYERS])
    if len(found.layers) > len(named):
        named.append(f"{len(found.layers) - len(named)} more")
    return f"{text}, at {wording.listed(named)}" if named else text


def _layer(instruction: Instruction | None) -> str:
    if instruction is None or not instruction.layer:
        return "before the first layer"
    return _PARTS[instruction.part] + instruction.layer


def _side(instruction: Instruction | None, program: Instructions) -> Side:
    if instruction is None:
        return NOTHING
    order = instruction.domain.rpartition(".")[2]
    name = f"{order} {instruction.kernel}" if order == "nchwc" else instruction.kernel
    inputs = " and ".join(_shape(each) for each in instruction.inputs)
    outputs = " and ".join(_shape(each) for each in instruction.outputs)
    return Side(
        kernel=" + ".join((name, *instruction.fused)),
        shapes=" → ".join(filter(None, (inputs, outputs))),
        bits=_bits(instruction),
        kilobytes=f"{instruction.bytes / 1000:.3g}",
        microseconds=f"{instruction.microseconds:.0f}",
        share=f"{100 * program.share(instruction):.1f} %",
    )


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "1"


def _bits(instruction: Instruction) -> str:
    """Return the bits of activations and weights; in brackets those that the file stores."""
    if instruction.weight_bits is None:
        return str(instruction.activation_bits)
    text = f"{instruction.activation_bits}×{instruction.weight_bits}"
    stored = instruction.stored_bits
    return text if stored in (None, instruction.weight_bits) else f"{text} ({stored})"
