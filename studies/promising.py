"""What a model of a study's records expects of its candidates that have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tightfit import Constraint, IntArray, Record
from tightfit.search.forecast import Forecast, Promise, candidates_to_try, promise
from tightfit.search.region import Region
from tightfit.search.screening import Screen
from tightfit.spaces.compression import CompressionSpace
from tightfit.studies.assembly import Assembly
from tightfit.studies.costs import StaticCosts
from tightfit.studies.file_forecast import PREDICTED, FileForecast, counted_over
from tightfit.studies.prediction_error import static_errors

TOO_FEW = "There are too few records to predict anything."
NONE_LEFT = "Nothing is predicted: no candidate that may keep the limits is left to be trained."


@dataclass(frozen=True, slots=True)
class Prospect:
    """Limits over a study's records.

    Attributes:
        open_limits: On metrics that are not known before a candidate is built.
        forecast: Models of these metrics, of the quality, and of what files have beside their
            prediction.
        batch: Candidates that have no record, and that the static limits and the files that were
            counted leave, ``[n, hparams]``.
        share: Which share of uniform candidates keeps the static limits.
    """

    open_limits: tuple[Constraint, ...]
    forecast: Forecast
    batch: IntArray
    share: float

    def promise(self, trials: int) -> Promise | None:
        """Return what is promised within so many trials; ``None`` where nothing can be."""
        return promise(self.forecast, self.batch, self.open_limits, trials=trials)

    @property
    def unpredicted(self) -> str:
        """Why nothing is promised, where that is so."""
        return TOO_FEW if len(self.batch) else NONE_LEFT


def prospect(
    assembly: Assembly,
    space: CompressionSpace,
    costs: StaticCosts,
    constraints: Sequence[Constraint],
    records: Sequence[Record],
) -> Prospect:
    """Look at what limits leave, through the exact costs and the records."""
    search_space = space.search_space
    errors = static_errors(tuple(constraints))
    screen = Screen(search_space, costs, constraints, errors=errors)
    region = Region.survey(search_space, screen)
    open_limits = tuple(each for each in constraints if each.metric not in costs.names)
    of_files = [each for each in constraints if each.metric in PREDICTED]
    names = dict.fromkeys([*(each.metric for each in open_limits), assembly.task.metric.name])
    metrics = [assembly.metrics[name] for name in names]
    forecast = Forecast.of(search_space, records, metrics)
    batch = candidates_to_try(region, records)
    over = counted_over(batch, space=search_space, costs=costs, limits=of_files, records=records)
    return Prospect(
        open_limits,
        FileForecast.with_files(forecast, costs, of_files, records),
        batch[~over],
        region.share,
    )
