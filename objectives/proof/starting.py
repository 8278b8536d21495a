"""Starts the process that reads a file anew, and hears its answer."""

from __future__ import annotations

import json
import subprocess
import sys

from tightfit.errors import MeasurementError
from tightfit.objectives.proof.job import Found, Job


def prove(job: Job) -> Found:
    """Return what a fresh process reads of the job's files.

    Raises:
        MeasurementError: A file does not run, the pictures do not fit it, or the process failed.
    """
    # Its log is our standard error's only where it fails: a runtime may print there as it likes.
    done = subprocess.run(
        [sys.executable, "-m", str(__package__)],
        input=json.dumps(job.to_json()),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise MeasurementError(
            f"the process that reads {job.model} anew ended with exit code {done.returncode}: "
            f"{last}"
        )
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    if "refused" in answer:
        raise MeasurementError(answer["refused"])
    return Found.from_json(answer["found"])
