"""Reads an exported file anew: numpy and the runtime alone, nothing that trains.

Run as a process of its own (``python -m tightfit.objectives.proof``), it takes one job as JSON on
standard input and answers with one line of JSON. What it reads is what serves: no torch is loaded.
"""

from tightfit.objectives.proof.job import Found, Job
from tightfit.objectives.proof.starting import prove

__all__ = ["Found", "Job", "prove"]
