"""Calls of torch's operators, recorded as they are: what a node runs whose operator has no rule.

A record is plain values, so that it needs no torch here: whoever runs it brings torch along. Among
the arguments, an object of one key stands for what is known only when they are called:

===========================  ==================================================================
``{"input": k}``             the node's input ``k``
``{"parameter": role}``      the node's parameter of that role
``{"step": k}``              the result of the record's own call ``k``
``{"batch": n}``             ``n`` times the batch's size
``{"torch": name}``          torch's own value of that name, such as ``float32``
``{"like": part}``           the ``dtype`` or the ``device`` of the first floats that are read
===========================  ==================================================================
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, TypeAlias

Shape: TypeAlias = tuple[int, ...]
"""A side of ``-k`` is ``k`` times the batch."""

ITEM = "getitem"
"""Takes one of several results; it is Python's, and the only operator that is not torch's."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call.

    Attributes:
        operator: As torch names it, e.g. ``aten.cumsum.default``, or `ITEM`.
        arguments: By position, JSON values and the objects of the module's table.
        keywords: The others, by name.
    """

    operator: str
    arguments: tuple[Any, ...]
    keywords: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Calls:
    """A node's calls, in order; the result of the last one is the node's.

    Attributes:
        reads: Shapes of the inputs, all of them floats.
        gives: Shape of the result, floats as well.
        steps: The calls.
    """

    reads: tuple[Shape, ...]
    gives: Shape
    steps: tuple[Step, ...]

    def text(self) -> str:
        """Return the record as JSON, an attribute of a node."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def run(
        self,
        inputs: Sequence[Any],
        parameters: Mapping[str, Any],
        *,
        named: Callable[[str], Any],
    ) -> Any:
        """Call everything and return what the last call gives.

        Args:
            inputs: Of torch.
            parameters: By role.
            named: Returns what torch has under a name with dots, e.g. ``ops.aten.cumsum.default``.
        """
        results: list[Any] = []
        read = (*inputs, *parameters.values())
        first = next((each for each in read if each.is_floating_point()), None)
        stands_for: dict[str, Callable[[Any], Any]] = {
            "input": inputs.__getitem__,
            "parameter": parameters.__getitem__,
            "step": results.__getitem__,
            "batch": lambda times: times * self.batch(inputs),
            "torch": named,
            "like": lambda part: getattr(first, part),
        }

        def value(argument: Any) -> Any:
            if isinstance(argument, dict):
                ((kind, which),) = argument.items()
                return stands_for[kind](which)
            if isinstance(argument, list | tuple):
                return [value(each) for each in argument]
            return argument

        for step in self.steps:
            arguments = value(step.arguments)
            if step.operator == ITEM:
                results.append(arguments[0][arguments[1]])
                continue
            keywords = {name: value(each) for name, each in step.keywords.items()}
            results.append(named(f"ops.{step.operator}")(*arguments, **keywords))
        return results[-1]

    def batch(self, inputs: Sequence[Any]) -> Any:
        """Return the size of the batch; 1 where no input has one."""
        for expected, given in zip(self.reads, inputs, strict=True):
            for side, size in zip(expected, given.shape, strict=True):
                if side < 0:
                    return size // -side
        return 1

    def check(self, inputs: Sequence[Any], result: Any) -> None:
        """Compare shapes with those that were recorded.

        Raises:
            ValueError: They are others.
        """
        batch = self.batch(inputs)
        for verb, expected, given in (
            *(("reads", shape, each) for shape, each in zip(self.reads, inputs, strict=True)),
            ("gives", self.gives, result),
        ):
            wanted = [-side * batch if side < 0 else side for side in expected]
            if wanted != list(given.shape):
                raise ValueError(f"it {verb} {list(given.shape)}, and was recorded with {wanted}")


@lru_cache(maxsize=1024)
def recorded(text: str) -> Calls:
    """Return the calls of :meth:`Calls.text`."""
    found = json.loads(text)
    return Calls(
        reads=tuple(tuple(shape) for shape in found["reads"]),
        gives=tuple(found["gives"]),
        steps=tuple(
            Step(step["operator"], tuple(step["arguments"]), step["keywords"])
            for step in found["steps"]
        ),
    )
