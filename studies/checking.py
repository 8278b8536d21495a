"""Says what a study would mean, before anything is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tightfit import Constraint, Metric, Reading
from tightfit.objectives.meter.connection import LOCAL
from tightfit.objectives.static_readings import static_readings
from tightfit.search.survey import Survey
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.costs import StaticCosts
from tightfit.studies.limits import Limit, check_contradictions
from tightfit.studies.settings import measuring_device
from tightfit.studies.static_reach import StaticReach, static_reach
from tightfit.studies.study_file import Study
from tightfit.studies.wording import quantity


@dataclass(frozen=True, slots=True)
class Check:
    """What a study would mean.

    Attributes:
        name: Of the study.
        metrics: By name.
        baseline: Static readings of the uncompressed network.
        limits: As written.
        constraints: Those that are settled before training, with bounds as numbers.
        reach: Whether they can be kept; ``None`` where no limit is static.
        size: Combinations of choices.
        hparams: How many.
        notes: What is worth knowing, one line each.
    """

    name: str
    metrics: dict[str, Metric]
    baseline: dict[str, Reading]
    limits: tuple[Limit, ...]
    constraints: tuple[Constraint, ...]
    reach: StaticReach | None
    size: int
    hparams: int
    notes: tuple[str, ...]

    @property
    def possible(self) -> bool | None:
        """Whether some candidate keeps every limit that is known before training.

        ``None`` where none was found, and that there is none is not proven.
        """
        return True if self.reach is None else self.reach.possible

    @property
    def survey(self) -> Survey | None:
        """The space under the limits; ``None`` where no limit is static."""
        return None if self.reach is None else self.reach.survey

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {
            "name": self.name,
            "possible": self.possible,
            "unproven": None if self.reach is None else self.reach.why or None,
            "hparams": self.hparams,
            "candidates": self.size,
            "baseline": {name: reading.to_json() for name, reading in self.baseline.items()},
            "limits": [str(limit) for limit in self.limits],
            "static_limits": [str(constraint) for constraint in self.constraints],
            "share_within_static_limits": None if self.survey is None else self.survey.share,
            "share_that_breaks": {} if self.survey is None else dict(self.survey.broken),
            "least_violation": 0.0 if self.survey is None else self.survey.excess,
            "notes": list(self.notes),
        }

    def view(self) -> Group:
        """Return what a terminal shows."""
        costs = Table(title="Baseline", title_justify="left", box=None, padding=(0, 2))
        for column in ("metric", "value", "kind"):
            costs.add_column(column)
        for name, reading in self.baseline.items():
            costs.add_row(name, quantity(self.metrics[name], reading.value), reading.kind.value)
        lines = [
            f"[bold]{self.name}[/]: {self.hparams} hparams, {self.size:.3g} combinations",
            *(f"limit: {limit}" for limit in self.limits),
        ]
        if self.reach is not None:
            lines += _reach_lines(self.reach)
        lines += [f"note: {escape(note)}" for note in self.notes]
        return Group(*(Text.from_markup(line) for line in lines), Text(""), costs)


def check_study(study: Study) -> Check:
    """Read everything a study names and say what it would mean; train nothing.

    Raises:
        SpecError: The study cannot be run as written, or its device does not answer.
    """
    assembly = assemble(study)
    space = assembly.space(assembly.model.module)
    shapes = space.baseline_blueprint(rounded=assembly.serving.chosen.integers)
    baseline = static_readings(shapes, assembly.profile)
    constraints = tuple(
        limit.resolve(lambda metric: baseline[metric].value)
        for limit in assembly.limits
        if limit.metric in baseline
    )
    check_contradictions(constraints)
    found = None
    if constraints:
        found = static_reach(space, StaticCosts(space, assembly.profile), constraints)
    return Check(
        name=study.name,
        metrics=assembly.metrics,
        baseline=baseline,
        limits=assembly.limits,
        constraints=constraints,
        reach=found,
        size=space.search_space.size,
        hparams=len(space.search_space),
        notes=(*_device_notes(study), *_notes(assembly, space.sites.frozen)),
    )


def _reach_lines(reach: StaticReach) -> list[str]:
    """Return how the space stands to the static limits, as marked-up lines."""
    found = reach.survey
    kept = f"{100 * found.share:.3g} % of random candidates keep the limits that are known"
    lines = [
        f"{kept} before training",
        *(f"  {100 * share:.3g} % break {name}" for name, share in found.broken.items()),
    ]
    over = f"the nearest that was found breaks them by {100 * found.excess:.3g} % in sum"
    if reach.possible is None:
        lines.append(
            "[bold yellow]Of candidates that keep them none was found[/], which is no proof "
            f"({escape(reach.why)}): {over}; 'tightfit decide' looks further"
        )
    elif not reach.possible:
        lines.append(
            f"[bold red]No candidate keeps them[/], which is proven: {over}; relax one of them, "
            "or give the space stronger choices"
        )
    elif not found.share:
        lines.append("but a candidate that keeps them was found")
    return lines


def _device_notes(study: Study) -> tuple[str, ...]:
    """Return what another device is, so that one that does not answer is told before the run."""
    table = study.spec.device
    if table.connect == LOCAL:
        return ()
    device = measuring_device(table)
    facts = device.facts()
    device.close()
    return (f"files are measured on {facts}",)


def _notes(assembly: Assembly, frozen: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    notes = list(assembly.model.notes)
    if assembly.model.needs_training:
        epochs = assembly.study.spec.training.baseline_epochs
        notes.append(f"the baseline has no weights; a run trains it first, for {epochs} epochs")
    if assembly.data.test is None:
        notes.append("there is no test split; reports will say 'not measured'")
    if assembly.quality.repeats > 1:
        notes.append(f"accuracy_std trains every candidate {assembly.quality.repeats} times")
    notes += [f"{name} keeps its channels: {reason}" for name, reason in frozen]
    return tuple(notes)
