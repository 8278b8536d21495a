"""What a person does: study files, runs, exports, reports and the command line."""

from tightfit.studies.compressing import Result, compress
from tightfit.studies.loading import load

__all__ = ["Result", "compress", "load"]
