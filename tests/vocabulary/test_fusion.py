"""What an integer kernel takes with it."""

from __future__ import annotations

import pytest

from tightfit import Graph, Node
from tightfit.fusion import rounding_behind


def behind(*nodes: Node, outputs: tuple[str, ...] = ()) -> tuple[str | None, str] | None:
    """Return the names of the activation and the rounding behind a first node ``layer``."""
    layer = Node("layer", "conv", ("input",))
    graph = Graph(("input",), (layer, *nodes), outputs or (nodes[-1].name,))
    found = rounding_behind("layer", graph, graph.consumers())
    if found is None:
        return None
    activation = found.activation.name if found.activation else None
    return activation, found.quantize.name


RELU = Node("relu", "relu", ("layer",))
ROUND = Node("round", "quantize", ("relu",))


def test_a_rounding_is_found_at_once_and_behind_an_activation() -> None:
    assert behind(RELU, ROUND) == ("relu", "round")
    assert behind(Node("round", "quantize", ("layer",))) == (None, "round")


@pytest.mark.parametrize(
    "other",
    [Node("other", "sigmoid", ("layer",)), Node("other", "sigmoid", ("relu",))],
    ids=["of the layer", "of the activation"],
)
def test_another_reader_keeps_a_layer_from_being_rounded_at_once(other: Node) -> None:
    assert behind(RELU, ROUND, other) is None


def test_an_output_of_the_graph_is_a_reader() -> None:
    assert behind(RELU, ROUND, outputs=("relu", "round")) is None


def test_an_operator_that_is_not_fused_stands_in_the_way() -> None:
    assert behind(Node("relu", "sigmoid", ("layer",)), ROUND) is None


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point", "vanishes"),
    [
        (0.0, 6.0, 6 / 255, 0, True),
        (0.0, 6.0, 6.0000001 / 255, 0, True),
        (0.0, 6.0, 6.1 / 255, 0, False),
        (0.0, 6.0, 5 / 255, 3, False),
        (-1.0, 1.0, 2 / 255, 127, True),
    ],
)
def test_an_activation_vanishes_where_the_grid_lies_within_its_range(
    low: float, high: float, scale: float, zero_point: int, vanishes: bool
) -> None:
    clip = Node("relu", "clip", ("layer",), attributes={"low": low, "high": high})
    graph = Graph(("input",), (Node("layer", "conv", ("input",)), clip, ROUND), ("round",))
    found = rounding_behind("layer", graph, graph.consumers())
    assert found is not None
    assert found.vanishes(scale, zero_point) is vanishes
