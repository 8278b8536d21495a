"""Draw what the grey box deduces and what it induces as a PNG, as `docs/method.md` shows it.

    python -m tools.draw_method FILE.png [--trainings 14]

Of the tabular benchmark, all of whose candidates were trained: what is predicted can be seen beside
what became of it. Needs Chromium (`tools/install_browser.sh`).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from benchmarks.tabular.problem import Tabular
from tightfit import BoolArray, FloatArray, IntArray
from tightfit.search.expectations import Learner
from tightfit.search.grey_box import GreyBox
from tightfit.search.hypervolume import non_dominated
from tightfit.search.observations import Observations
from tightfit.search.region import Region, Row
from tightfit.search.screening import Screen
from tightfit.studies.figures import style
from tools.screenshot import save

_NORMAL = 1.96
"""Deviations to each side that hold 95 %."""


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """The state of a search after some trainings.

    Attributes:
        size_kb: Of every candidate of the space, ``[n]``.
        macs: Likewise.
        kept: Which keep the static limits, ``[n]``.
        trained: Positions of those that were trained, in order.
        read: Their accuracies as training read them.
        proposed: Position of the next proposal.
        mean: Predicted accuracy of every candidate, ``[n]``.
        deviation: Of the prediction, ``[n]``.
        front: Positions of the true front's members, from the smallest file.
        accuracy: True ones, ``[n]``.
    """

    size_kb: FloatArray
    macs: FloatArray
    kept: BoolArray
    trained: IntArray
    read: FloatArray
    proposed: int
    mean: FloatArray
    deviation: FloatArray
    front: IntArray
    accuracy: FloatArray


def method(problem: Tabular, trainings: int, seed: int = 0) -> Method:
    """Search with so many trainings, and look at what is known then."""
    shape = tuple(len(hparam.choices) for hparam in problem.space.hparams)
    every = np.indices(shape).reshape(len(shape), -1).T
    costs, accuracy = problem.costs(every), problem.truth(every)["accuracy"]
    region = Region.survey(
        problem.space, Screen(problem.space, problem.costs, problem.constraints, errors={})
    )
    damage = problem.prior(seed)
    box = GreyBox(region, problem.objectives, problem.constraints, damage=damage)
    rows: list[Row] = []
    for number in range(trainings + 1):
        seen = _observed(problem, rows, seed)
        row = box.propose(seen, np.random.default_rng([seed, number]))
        assert row is not None
        rows.append(row)
    learner = Learner(
        region, [each if len(each) else np.zeros(n) for each, n in zip(damage, shape, strict=True)]
    )
    expected = learner.expected(["accuracy"], seen, np.zeros(len(seen.rows)))
    mean, deviation = expected(every)["accuracy"]
    places = np.ravel_multi_index(tuple(np.array(rows).T), shape)
    floor = problem.constraints[-1].bound
    kept = region.screen.keeps(every)
    good = np.flatnonzero(kept & (accuracy >= floor))
    front = good[non_dominated(np.column_stack([-accuracy, costs["size_kb"]])[good])]
    return Method(
        size_kb=costs["size_kb"],
        macs=costs["macs"],
        kept=kept,
        trained=places[:-1],
        read=seen.values["accuracy"],
        proposed=int(places[-1]),
        mean=mean,
        deviation=deviation,
        front=front[np.argsort(costs["size_kb"][front])],
        accuracy=accuracy,
    )


def _observed(problem: Tabular, rows: list[Row], seed: int) -> Observations:
    batch = np.array(rows, dtype=np.int64).reshape(-1, len(problem.space))
    accuracy = problem.answers(batch, seed)["accuracy"] if rows else np.zeros(0)
    known = problem.costs(batch)
    return Observations(
        rows=batch,
        values={"accuracy": accuracy, **known},
        pending=np.empty((0, len(problem.space)), dtype=np.int64),
        seen=set(rows),
    )


def draw(found: Method, problem: Tabular) -> go.Figure:
    """Return the costs of all candidates beside the accuracies of those that may be trained."""
    size, macs, floor = (each.bound for each in problem.constraints)
    titles = (
        f"Deduced: what {len(found.kept):,} candidates cost; {found.kept.sum()} keep both limits",
        f"Induced: accuracy, from {len(found.trained)} trainings",
    )
    figure = make_subplots(cols=2, subplot_titles=titles, horizontal_spacing=0.09)
    _add_costs(figure, found, size, macs)
    _add_accuracies(figure, found, floor)
    figure.update_xaxes(title="bytes of the file, kB")
    figure.update_yaxes(title="million multiply-accumulates", row=1, col=1)
    figure.update_yaxes(title="accuracy", tickformat=".0%", range=[0.74, 0.88], row=1, col=2)
    figure.update_xaxes(range=[5.5, size + 0.4], row=1, col=2)
    figure.update_layout(
        template=style.TEMPLATE, paper_bgcolor="white", margin={"t": 48, "r": 24, "b": 96}
    )
    return figure


def _add_costs(figure: go.Figure, found: Method, size: float, macs: float) -> None:
    for chosen, colour, name in (
        (~found.kept, style.BROKEN, "breaks a limit: never trained"),
        (found.kept, style.MEMBER, "may be trained"),
    ):
        marker = {"color": colour, "size": 4}
        figure.add_scatter(
            x=found.size_kb[chosen],
            y=found.macs[chosen] / 1e6,
            mode="markers",
            name=name,
            marker=marker,
            row=1,
            col=1,
        )
    figure.add_vline(x=size, line_dash="dash", row=1, col=1)
    figure.add_hline(y=macs / 1e6, line_dash="dash", row=1, col=1)


def _add_accuracies(figure: go.Figure, found: Method, floor: float) -> None:
    open_ = found.kept.copy()
    open_[found.trained] = False
    figure.add_scatter(
        x=found.size_kb[open_],
        y=found.mean[open_],
        mode="markers",
        name="predicted, with 95 %",
        marker={"color": style.MEMBER, "size": 4},
        row=1,
        col=2,
        error_y={
            "array": _NORMAL * found.deviation[open_],
            "thickness": 0.4,
            "width": 0,
            "color": style.FEASIBLE,
        },
    )
    figure.add_scatter(
        x=found.size_kb[found.front],
        y=found.accuracy[found.front],
        name="the true front",
        mode="lines",
        line={"color": style.BROKEN, "width": 2, "shape": "hv"},
        row=1,
        col=2,
    )
    figure.add_scatter(
        x=found.size_kb[found.trained],
        y=found.read,
        mode="markers",
        name="trained",
        marker={"color": style.INK, "size": 8},
        row=1,
        col=2,
    )
    at = [found.proposed]
    figure.add_scatter(
        x=found.size_kb[at],
        y=found.mean[at],
        mode="markers",
        name="next: worth most",
        marker={"color": style.LIMIT, "size": 13, "symbol": "star"},
        row=1,
        col=2,
        error_y={"array": _NORMAL * found.deviation[at], "thickness": 1.5, "color": style.LIMIT},
    )
    figure.add_hline(y=floor, line_dash="dash", row=1, col=2)


def main() -> None:
    """Read the command line and write the picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("--trainings", type=int, default=14)
    arguments = parser.parse_args()
    problem = Tabular()
    save(draw(method(problem, arguments.trainings), problem), arguments.picture)


if __name__ == "__main__":
    main()
