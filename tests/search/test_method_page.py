"""The study that the page about the method shows is searched as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

PAGE = Path(__file__).parents[2] / "docs" / "method.md"


def test_the_sampler_s_example_runs_and_keeps_its_limits() -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(compile(found[1], PAGE.name, "exec"), names)
    trials = names["study"].trials
    assert len({tuple(trial.params.values()) for trial in trials}) == 6
    assert all(trial.params["width"] * trial.params["bits"] / 8 <= 40 for trial in trials)
    states = [trial.state for trial in trials]
    assert set(states) <= {TrialState.COMPLETE, TrialState.PRUNED}
    assert states.count(TrialState.COMPLETE) >= 3
