"""Looks into a network: what it costs layer by layer, and what of it can be compressed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Group
from rich.table import Table
from rich.text import Text

from tightfit import Blueprint, SpecError
from tightfit.objectives.metrics import METRICS, STATIC_METRICS
from tightfit.objectives.models import load_model
from tightfit.objectives.models.torchvision_models import auxiliary_heads
from tightfit.objectives.models.weights import tensors_of
from tightfit.objectives.profile import CPU
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.conditions import LIMIT_SECONDS, time_limit
from tightfit.spaces.settings import EVERYTHING
from tightfit.spaces.sites import Sites
from tightfit.studies.first_fit import FirstFit
from tightfit.studies.wording import quantity

CLASSES = 1000
_NUMBERS = ("params", "macs", "activations")
_COLUMNS = (
    ("layer", "stage", "operator", "shape", *_NUMBERS, "pruned with"),
    ("layer", "operator", "shape", *_NUMBERS, "pruned with"),
    ("layer", "shape", *_NUMBERS, "pruned with"),
    ("layer", *_NUMBERS, "pruned with"),
)
"""Of the table of layers, for wider and narrower terminals."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """A network's costs and sites.

    Attributes:
        name: Of the network.
        input_shape: ``(C, H, W)``.
        costs: Static metrics by name; `params` are those of the whole module.
        state_dict_kb: Bytes of all parameters and buffers (1 kB = 1,000 bytes).
        auxiliary: Parameters of heads that only training uses, by name; no file has them.
        layers: One row a layer.
        sites: What can be compressed.
        blocks: Residual blocks that can be dropped, with the names of their layers.
        fixed: Why the input keeps its size, ``None`` where it can change.
        computed: Weights that the model computes, with the parameters that it computes them from.
    """

    name: str
    input_shape: tuple[int, ...]
    costs: dict[str, float]
    state_dict_kb: float
    auxiliary: dict[str, int]
    layers: tuple[dict[str, Any], ...]
    sites: Sites
    blocks: dict[str, tuple[str, ...]]
    fixed: str | None
    computed: dict[str, tuple[str, ...]]

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "model": self.name,
            "input": list(self.input_shape),
            **self.costs,
            "state_dict_kb": self.state_dict_kb,
            "auxiliary": self.auxiliary,
            "layers": list(self.layers),
            "groups": [
                {
                    "name": group.name,
                    "stage": group.stage,
                    "width": group.width,
                    "producers": list(group.producers),
                    "consumers": list(group.consumers),
                }
                for group in self.sites.groups
            ],
            "blocks": [
                {"name": name, "layers": list(layers)} for name, layers in self.blocks.items()
            ],
            "input_fixed": self.fixed,
            "computed": {name: list(sources) for name, sources in self.computed.items()},
            "frozen": [{"name": name, "reason": reason} for name, reason in self.sites.frozen],
        }

    def view(self) -> Group:
        """Return what a terminal shows."""
        table = FirstFit(tuple(_table(self.layers, columns) for columns in _COLUMNS))
        known = {metric.name: metric for metric in METRICS}
        costs = ", ".join(
            f"{name} {quantity(known[name], value)}" for name, value in self.costs.items()
        )
        frozen = [f"{name} keeps its channels: {reason}" for name, reason in self.sites.frozen]
        frozen += [
            f"{name} is computed from {' and '.join(sources)}; from here on it is one weight, and "
            "trained as such"
            for name, sources in self.computed.items()
        ]
        frozen += [
            f"{name} is an auxiliary head of {count:,} parameters, for training alone"
            for name, count in self.auxiliary.items()
        ]
        shape = "x".join(str(side) for side in self.input_shape)
        lines = [
            f"{self.name} on {shape}: {costs}, state_dict_kb {self.state_dict_kb:,.0f}",
            _possible(self.sites, len(self.blocks)),
            "the input can have another size"
            if self.fixed is None
            else f"the input keeps its size: {self.fixed}",
            *frozen,
        ]
        return Group(table, Text(""), *(Text(line) for line in lines))


def inspect_model(name: str, input_text: str, *, folder: Path, classes: int) -> Inspection:
    """Return what a network costs and what of it can be compressed.

    Args:
        name: As in a study's ``model.name``.
        input_text: ``CxHxW``.
        folder: Where a user's module is looked up.
        classes: Of the network's classifier.

    Raises:
        SpecError: The network or the shape is not usable.
    """
    shape = picture_shape(input_text)
    with time_limit(LIMIT_SECONDS):
        module = load_model(
            name, input_shape=shape, classes=classes, folder=folder, stem="imagenet"
        )
    space = CompressionSpace(module, torch.zeros(1, *shape), settings=EVERYTHING)
    blueprint = space.baseline_blueprint()
    state = tensors_of(module).values()
    heads = auxiliary_heads(name.removeprefix("torchvision:"), classes)
    costs = {
        static.metric.name: float(static.compute(blueprint, CPU)[0]) for static in STATIC_METRICS
    }
    costs["params"] += sum(count for count, _ in heads.values())
    return Inspection(
        name=name,
        input_shape=shape,
        costs=costs,
        state_dict_kb=(
            sum(tensor.numel() * tensor.element_size() for tensor in state)
            + sum(size for _, size in heads.values())
        )
        / 1000,
        auxiliary={head: count for head, (count, _) in heads.items()},
        layers=tuple(_layer_rows(space.sites, blueprint)),
        sites=space.sites,
        blocks={block.name: block.layers for block in space.blocks},
        fixed=space.why_fixed(module),
        computed=dict(space.computed),
    )


def _table(layers: Sequence[dict[str, Any]], columns: Sequence[str]) -> Table:
    """Return some columns of the table of layers; long names are folded, numbers never."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold")
    names = ("layer", "pruned with")
    for column in columns:
        table.add_column(
            column,
            justify="right" if column in _NUMBERS else "left",
            no_wrap=column not in names,
            overflow="fold",
        )
    for row in layers:
        texts = {
            "layer": row["name"],
            "stage": row["stage"],
            "operator": row["operator"],
            "shape": "x".join(str(side) for side in row["shape"]),
            **{column: f"{row[column]:,}" for column in _NUMBERS},
            "pruned with": row["group"] or "",
        }
        table.add_row(*(texts[column] for column in columns))
    return table


def _possible(sites: Sites, blocks: int) -> str:
    groups = len(sites.groups)
    return (
        f"{groups} channel group{'' if groups == 1 else 's'} can be pruned, "
        f"{blocks} residual block{'' if blocks == 1 else 's'} can be dropped"
    )


def _layer_rows(sites: Sites, blueprint: Blueprint) -> list[dict[str, Any]]:
    operations = {operation.name: operation for operation in blueprint.operations}
    group_of = {name: group.name for group in sites.groups for name in group.producers}
    rows = []
    for layer in sites.layers:
        operation = operations[layer.name]
        activation = blueprint.activations[operation.output]
        rows.append(
            {
                "name": layer.name,
                "stage": layer.stage,
                "operator": layer.node.operator,
                "shape": list(layer.shape),
                "params": int(operation.weights[0] + operation.trained_extras[0]),
                "macs": int(operation.macs[0]),
                "activations": int(activation.elements[0]),
                "group": group_of.get(layer.name),
            }
        )
    return rows


def picture_shape(text: str) -> tuple[int, int, int]:
    """Return ``CxHxW`` as numbers.

    Raises:
        SpecError: It is something else.
    """
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise SpecError(f"--input takes CxHxW, e.g. 3x224x224, got {text!r}")
    channels, height, width = (int(part) for part in parts)
    return channels, height, width
