"""What is left of a marked file when onnxruntime has optimized it, joined with a profile of it."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from onnx import GraphProto, NodeProto

from tightfit.errors import MeasurementError
from tightfit.objectives.runtimes.instructions import Instruction, Part, Tensor, family
from tightfit.objectives.runtimes.layers import Layers, numpy_name, tensor_of
from tightfit.objectives.runtimes.marking import marks

_RUN, _KERNEL = "model_run", "_kernel_time"
_SILENT = frozenset({"QuantizeLinear", "DequantizeLinear", "Identity", "Cast"})


@dataclass(frozen=True, slots=True)
class Event:
    """What the profile says of one instruction in one run."""

    name: str
    kernel: str
    microseconds: float
    outputs: tuple[Tensor, ...]


def events_of_runs(events: Iterable[dict[str, Any]]) -> Iterator[list[Event]]:
    """Yield the instructions of each run; a run's own line stands behind them."""
    found: list[Event] = []
    for event in events:
        if event["name"] == _RUN:
            yield found
            found = []
        elif event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            arguments = event["args"]
            outputs = tuple(
                Tensor(numpy_name(kind), tuple(shape))
                for each in arguments["output_type_shape"]
                for kind, shape in each.items()
            )
            name = event["name"].removesuffix(_KERNEL)
            found.append(Event(name, arguments["op_name"], float(event["dur"]), outputs))


@dataclass(slots=True)
class _Timing:
    """One node's events over all runs."""

    outputs: tuple[Tensor, ...] = ()
    microseconds: list[float] = field(default_factory=list)


class OptimizedGraph:
    """Reads an optimized graph beside the file that it was made from."""

    def __init__(self, file: GraphProto, optimized: GraphProto, path: Path) -> None:
        self._file = file
        self._nodes = list(optimized.node)
        self._constants = {each.name: tensor_of(each) for each in optimized.initializer}
        self._path = path
        self._layers = Layers(file)
        given = {name: k for k, node in enumerate(file.node) for name in node.output}
        self._ends = {each.name: given[each.name] for each in file.output if each.name in given}
        self._left = {number for node in self._nodes for number in self._marks(node)}
        self._own = [self._origins(node) for node in self._nodes]
        self._fused = self._absorbed()

    def listing(
        self, inputs: dict[str, Tensor], runs: Sequence[Sequence[Event]]
    ) -> Iterator[Instruction]:
        """Yield every instruction with its median time."""
        timings = self._timings(runs)
        known, whence = dict(inputs), dict[str, int | None]()
        for number, (node, timing) in enumerate(zip(self._nodes, timings, strict=True)):
            names = [name for name in node.output if name]
            known.update(zip(names, timing.outputs, strict=False))
            own = self._own[number]
            above = next((whence[name] for name in node.input if name in whence), None)
            source = own[0] if own else above
            whence.update(dict.fromkeys(names, source))
            layer, part = "", Part.BEHIND
            if source is not None:
                origin = self._layers.origin(source)
                layer, part = origin.layer, origin.part if own else Part.BEHIND
            yield Instruction(
                kernel=node.op_type,
                domain=node.domain,
                fused=self._fused.get(number, ()),
                layer=layer,
                part=part,
                inserted=not own,
                inputs=tuple(known[name] for name in node.input if name in known),
                constants=tuple(self._constants[n] for n in node.input if n in self._constants),
                outputs=timing.outputs,
                stored_bits=self._layers.stored_bits(own[0]) if own else None,
                microseconds=statistics.median(timing.microseconds),
            )

    def _timings(self, runs: Sequence[Sequence[Event]]) -> list[_Timing]:
        """Return the events of each node; those of a loop's body count as the loop's own."""
        named = {node.name: k for k, node in enumerate(self._nodes) if node.name}
        found = [_Timing() for _ in self._nodes]
        for events in runs:
            nameless = defaultdict(list)
            for number, node in enumerate(self._nodes):
                if not node.name:
                    nameless[node.op_type].append(number)
            for event in events:
                number = named.get(event.name, -1)
                if number < 0 and nameless[event.kernel]:
                    number = nameless[event.kernel].pop(0)
                if number >= 0:
                    found[number].outputs = event.outputs
                    found[number].microseconds.append(event.microseconds)
        for node, timing in zip(self._nodes, found, strict=True):
            if not timing.microseconds:
                raise MeasurementError(
                    f"onnxruntime's profile of {str(self._path)!r} has no time for {node.op_type} "
                    f"{node.name!r} of its optimized graph"
                )
        return found

    def _origins(self, node: NodeProto) -> list[int]:
        """Return the nodes of the file that an instruction does, what it is called by in front.

        Its mark may be that of an operator that was fused to it from behind: of a convolution and
        a Relu, the convolution has the layer's name.
        """
        found = self._marks(node)
        wanted = family(node.op_type)
        if not found or family(self._file.node[found[0]].op_type) == wanted:
            return found
        front, gone = found[:1], list[int]()
        while front:
            above = [each for number in front for each in self._layers.sources(number)]
            front = [each for each in above if each not in self._left]
            for each in front:
                if family(self._file.node[each].op_type) == wanted:
                    return [each, *gone, *found]
            gone += front
        return found

    def _marks(self, node: NodeProto) -> list[int]:
        """Return the nodes of the file whose marks an instruction bears, by name or by output."""
        for text in (node.name, *node.output):
            found = marks(text)
            if found:
                return found
        return [self._ends[name] for name in node.output if name in self._ends]

    def _absorbed(self) -> dict[int, tuple[str, ...]]:
        """Return by instruction the operators that it does beside its own.

        An operator that is gone went into the instruction before it.
        """
        whose = {number: k for k, own in enumerate(self._own) for number in own}
        fused = defaultdict[int, list[str]](list)
        for number, node in enumerate(self._file.node):
            if number not in whose and not self._layers.fixed(number):
                above = [whose[each] for each in self._layers.sources(number) if each in whose]
                if not above:
                    continue
                whose[number] = max(above)
            elif number not in whose or number == self._own[whose[number]][0]:
                continue
            conversion = self._nodes[whose[number]].op_type in _SILENT
            if node.op_type not in _SILENT and not conversion:
                fused[whose[number]].append(node.op_type)
        return {number: tuple(names) for number, names in fused.items()}
