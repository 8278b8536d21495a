"""A search that is killed at any moment goes on as one that was not."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.integration.synthetic_problem import (
    CONSTRAINTS,
    OBJECTIVES,
    SPACE,
    SyntheticEvaluator,
    costs,
)
from tightfit import Candidate, Record
from tightfit.search import Search, SearchOutcome, open_storage

TRIALS = 30
ROOT = Path(__file__).parents[2]


class SleepyEvaluator(SyntheticEvaluator):
    """Takes a little time, so that a kill may come at any moment of a trial."""

    def evaluate(self, candidate: Candidate, origin: str, number: int) -> Record:
        """Return the record of a candidate after a while."""
        time.sleep(0.02)
        return super().evaluate(candidate, origin, number)


def run(journal: Path) -> SearchOutcome:
    """Search to the end, or to where the process is killed."""
    return Search(
        space=SPACE,
        costs=costs,
        constraints=CONSTRAINTS,
        objectives=OBJECTIVES,
        evaluator=SleepyEvaluator(),
        storage=open_storage(journal),
        name="synthetic",
        fingerprint="f",
        sampler="tpe",
    ).run(trials=TRIALS)


@pytest.mark.slow
def test_killed_at_any_moment_no_trial_is_lost_repeated_or_changed(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole.journal").records
    killed = tmp_path / "killed.journal"
    program = (
        "import sys, pathlib\n"
        "from tests.integration.test_killed_search import run\n"
        "print('ready', flush=True)\n"
        "run(pathlib.Path(sys.argv[1]))\n"
    )
    moments = random.Random(0)
    for _ in range(4):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(killed)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(moments.uniform(0.05, 0.5))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
    assert killed.stat().st_size > 0
    assert run(killed).records == whole
