"""Tightfit from Python, for someone who has a model and data in hand."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import torch
from rich.console import Console
from torch import nn

from tightfit import Record, SpecError
from tightfit.objectives.datasets import Source, from_objects
from tightfit.objectives.models import LoadedModel, check_model
from tightfit.search import Front, pareto_front
from tightfit.spaces.conditions import LIMIT_SECONDS, plain_arithmetic, time_limit
from tightfit.spaces.received import received
from tightfit.spaces.rehearsal import rehearse
from tightfit.studies.assembly import Assembly, assemble_objects
from tightfit.studies.exporting import Exported, export_member
from tightfit.studies.figures import draw_cloud
from tightfit.studies.figures import front as front_data
from tightfit.studies.preprocess import Preprocess
from tightfit.studies.results import Results
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.running import run_objects
from tightfit.studies.study_file import Study, parse_spec
from tightfit.studies.tables import front_rows
from tightfit.studies.watching import ConsoleWatcher

DEFAULT_SPACE: dict[str, Any] = {
    "pruning": {"per": "layer"},
    "quantization": {"per": "stage"},
    "decomposition": {"per": "stage", "ranks": ["none", 0.5]},
    "distillation": {"weights": ["none", 0.9], "temperatures": [4.0]},
    "schedule": {"epochs": [6]},
}
"""What is searched when nothing is said: the techniques of the quickstart."""

_NOT_HERE = {
    "data": "the data are its arguments 'train', 'validation' and 'test'",
    "trial": "candidates are evaluated in this process, which cannot be ended for one of them; "
    "'tightfit run' of a study file keeps a trial's limits",
}
"""Tables of a study file that live objects have no use for, with why."""


@dataclass(frozen=True, slots=True)
class ResultFront:
    """The feasible front of a result.

    Attributes:
        results: Of the run.
    """

    results: Results

    @property
    def members(self) -> tuple[Record, ...]:
        """The records on the front, best first by the first objective."""
        return self._front().members

    def to_pandas(self) -> pd.DataFrame:
        """Return the baseline, the members and the references, one row each."""
        return pd.DataFrame([row.flat() for row in front_rows(self.results)])

    def plot(self) -> go.Figure:
        """Return the picture of the front."""
        return draw_cloud(front_data(self.results))

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        return f"ResultFront({_told(self.results)})"

    def _front(self) -> Front:
        return pareto_front(self.results.records, self.results.objectives)


@dataclass(frozen=True, slots=True)
class Result:
    """What :func:`compress` found.

    Attributes:
        results: Everything that was recorded.
        assembly: The model and data it was found with.
    """

    results: Results
    assembly: Assembly

    @property
    def front(self) -> ResultFront:
        """The feasible front; empty when nothing keeps the limits."""
        return ResultFront(self.results)

    def export(
        self,
        pick: str,
        to: str | Path,
        *,
        proof: bool = True,
        preprocess: Preprocess | None = None,
    ) -> Exported:
        """Write a member's file, weights, report and model card, verified in a fresh process.

        Args:
            pick: ``knee``, an objective, or a trial's number.
            to: Folder; made when it is not there.
            proof: Whether the baseline's file and the test split go along, to verify with.
            preprocess: ``Preprocess()`` for a file that takes uint8 pictures and prepares them
                itself, ``Preprocess((480, 640))`` for one that takes any size.

        Raises:
            SpecError: Nothing is feasible, or there is no such member.
        """
        folder = RunFolder(self.results.folder)
        return export_member(
            folder,
            pick=pick,
            to=Path(to),
            assembly=self.assembly,
            proof=proof,
            preprocess=preprocess,
        )

    def __repr__(self) -> str:
        return f"Result({_told(self.results)})"


def _told(results: Results) -> str:
    """Return in a few words what a notebook shows: the records themselves fill pages."""
    count = len(pareto_front(results.records, results.objectives))
    return f"{count} member{'' if count == 1 else 's'}, folder={str(results.folder)!r}"


def _default_space(training: object) -> dict[str, Any]:
    """Return what is searched; not how to distil, where a user's loop would not be told of it."""
    own = isinstance(training, dict) and training.get("fit")
    return {**DEFAULT_SPACE, "distillation": {}} if own else DEFAULT_SPACE


def compress(
    model: nn.Module,
    train: Source,
    validation: Source | None = None,
    test: Source | None = None,
    *,
    constraints: Sequence[str],
    objectives: Sequence[str] = ("accuracy", "size_kb"),
    trials: int = 40,
    space: dict[str, Any] | None = None,
    score: Callable[..., tuple[float, float]] | None = None,
    folder: str | Path | None = None,
    seed: int = 0,
    **study: Any,
) -> Result:
    """Search the compressed networks of a trained model under hard limits.

    The model and data are live objects, so candidates are evaluated in this process, one after
    another, and a candidate that crashes the process ends the search; a study file's run uses a
    process of its own. What was finished is kept in ``folder`` either way.

    Args:
        model: Trained; left as it is.
        train: A torch data set, a loader, or a pair (inputs, targets).
        validation: The same; a tenth of ``train`` when not given.
        test: The same; without it, exports say *not measured*.
        constraints: Limits, e.g. ``"size_kb <= 200"`` or ``"latency_ms <= 0.5 * baseline"``.
        objectives: One to three metrics.
        trials: How many candidates are trained.
        space: The study file's ``[space]`` table; the quickstart's techniques when not given.
        score: (outputs, targets) to (value, standard error), in place of accuracy.
        folder: Of the run; a new temporary one when not given. The same folder resumes.
        seed: Of everything random.
        study: Further keys and tables of a study file, e.g. ``training={"batch_size": 64}``; all
            but ``data`` and ``trial``.

    Raises:
        SpecError: Anything that is not possible as written.
    """
    for table in sorted(_NOT_HERE.keys() & study.keys()):
        raise SpecError(f"compress() takes no {table!r}: {_NOT_HERE[table]}; leave it out")
    baseline = received(model)
    values = {
        "constraints": list(constraints),
        "objectives": list(objectives),
        "trials": trials,
        "seed": seed,
        "model": {"name": "object"},
        "space": space or _default_space(study.get("training")),
        **study,
    }
    spec = parse_spec(values, "compress()")
    if score is not None and spec.quality.score is not None:
        raise SpecError(
            f"compress() takes one score, got 'score' and quality.score = {spec.quality.score!r}; "
            "leave one of them out"
        )
    run = RunFolder(Path(folder) if folder else Path(tempfile.mkdtemp(prefix="tightfit-")))
    data = from_objects(train, validation, test, seed=seed)
    with time_limit(LIMIT_SECONDS), plain_arithmetic():
        rehearse(baseline, torch.zeros(1, *data.input_shape, dtype=torch.float32))
        check_model(baseline, "the model", input_shape=data.input_shape, classes=data.classes)
    assembly = assemble_objects(
        Study(spec.name or "compress", spec, Path.cwd()),
        data=data,
        model=LoadedModel(baseline, needs_training=False, notes=()),
        score=score,
    )
    console = Console(stderr=True)
    where = f"Evaluating in this process; the run lies in {run.path}"
    console.print(where, highlight=False, markup=False)
    watcher = ConsoleWatcher(console, objective=spec.objectives[0], trials=trials)
    with watcher.shown():
        results = run_objects(assembly, run, watcher)
    return Result(results, assembly)
