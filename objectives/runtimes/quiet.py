"""What native code says on the standard error stream, kept from the terminal."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

STDERR = 2


@contextmanager
def heard() -> Iterator[BinaryIO]:
    """Send the process's standard error stream to a file meanwhile, and give that file.

    Native libraries write there around Python's own stream; it would tear the progress bar.
    """
    with tempfile.TemporaryFile() as said:
        kept = os.dup(STDERR)
        try:
            os.dup2(said.fileno(), STDERR)
            yield said
        finally:
            os.dup2(kept, STDERR)
            os.close(kept)


def last_line(said: BinaryIO) -> str:
    """Return the last line of what was heard, or nothing."""
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
