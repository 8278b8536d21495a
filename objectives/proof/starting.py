"""Starts the process that reads a file anew, and hears its answer."""

from __future__ import annotations

import json
import subprocess
import sys

from tightfit.errors import MeasurementError
from tightfit.objectives.proof.job import Found, Job

LONGEST_S = 12 * 3600.0
"""For all of a job: 0.4 seconds a picture where 50,000 of them go through two files."""


def prove(job: Job) -> Found:
    """Return what a fresh process reads of the job's files.

    Raises:
        MeasurementError: A file does not run, the pictures do not fit it, or the process failed or
            did not end.
    """
    # Its log is our standard error's only where it fails: a runtime may print there as it likes.
    try:
        done = subprocess.run(
            [sys.executable, "-m", str(__package__)],
            input=json.dumps(job.to_json()),
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasurementError(
            f"the process that reads {job.model} anew did not end within "
            f"{LONGEST_S / 3600:.3g} hours and was ended; where {job.device.runtime} hangs on this "
            "file, serve it with another device.runtime"
        ) from error
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
