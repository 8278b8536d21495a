"""Attention as a file has it: the operators of :func:`tightfit.objectives.artifact.rules.tokens`.

A blueprint has an attention as one operation. What it keeps meanwhile, a number for each query and
each key of every head, is more than all that it reads and gives where a picture has many tokens.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tightfit.blueprint import FLOAT_BITS, Activation, Blueprint, Operation
from tightfit.space import IntArray


def written_out(blueprint: Blueprint) -> Blueprint:
    """Return a blueprint whose attentions are products, sums and softmaxes.

    It tells which activations there are and who reads them; products are counted before.
    """
    activations = dict(blueprint.activations)
    operations: list[Operation] = []
    for operation in blueprint.operations:
        if operation.scores is None:
            operations.append(operation)
        else:
            operations += _steps(operation, operation.scores, activations)
    if len(operations) == len(blueprint.operations):
        return blueprint
    return replace(blueprint, operations=tuple(operations), activations=activations)


def _steps(
    attention: Operation, scores: IntArray, activations: dict[str, Activation]
) -> list[Operation]:
    """Return an attention's operators, and add what they give to the activations."""
    query, key, value, *mask = attention.inputs
    floats = np.zeros_like(attention.bits) + FLOAT_BITS
    steps: list[Operation] = []

    def step(operator: str, inputs: tuple[str, ...], elements: IntArray, bits: IntArray) -> str:
        name = f"{attention.name} {len(steps)}"
        activations[name] = Activation(name, elements, bits)
        steps.append(_plain(attention, operator, inputs, name))
        return name

    scaled = step("mul", (query,), activations[query].elements, floats)
    turned = step("permute", (key,), activations[key].elements, activations[key].bits)
    found = step("matmul", (scaled, turned), scores, floats)
    if mask or attention.attributes.get("causal"):
        found = step("add", (found, *mask), scores, floats)
    weights = step("softmax", (found,), scores, floats)
    return [*steps, _plain(attention, "matmul", (weights, value), attention.output)]


def _plain(attention: Operation, operator: str, inputs: tuple[str, ...], output: str) -> Operation:
    return replace(
        attention,
        name=output,
        operator=operator,
        inputs=inputs,
        output=output,
        products=None,
        scores=None,
        attributes={},
    )
