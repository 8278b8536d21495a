"""The errors a user of Tightfit can meet.

A `SpecError` is answered by the person: something they wrote must change, and nothing was run.
A `CandidateError` or `MeasurementError` concerns one candidate: it is recorded with its reason and
the search goes on.
"""


class TightfitError(Exception):
    """Every error raised on purpose by Tightfit."""


class SpecError(TightfitError, ValueError):
    """What was asked for is not possible as written; the message says what to write instead."""


class CandidateError(TightfitError):
    """A candidate could not be built, trained or written."""


class MeasurementError(TightfitError):
    """A metric could not be read, or is asked of a measurement that lacks it."""
