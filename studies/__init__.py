"""What a person does: study files, runs, exports, reports and the command line."""

import os

# Threads that wait for each other shall sleep, not spin: on a machine where anything else is at
# work, a spinning pool makes training ten times slower. It must be said before torch is loaded,
# and workers inherit it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from tightfit.studies.compressing import Result, compress
from tightfit.studies.loading import load
from tightfit.studies.preprocess import Preprocess

__all__ = ["Preprocess", "Result", "compress", "load"]
