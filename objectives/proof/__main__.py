"""Takes a job as JSON on standard input; answers with ``{"found": ...}`` or ``{"refused": ...}``.

An exit code other than 0 is a defect, whose traceback stands on standard error.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from tightfit.errors import TightfitError
from tightfit.objectives.proof.job import Job
from tightfit.objectives.proof.measuring import measure


def main() -> None:
    """Do one job."""
    job = Job.from_json(json.load(sys.stdin))
    try:
        answer: dict[str, Any] = {"found": measure(job).to_json()}
    except TightfitError as error:
        answer = {"refused": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
