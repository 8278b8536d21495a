"""``python -m tightfit`` is the command line."""

from __future__ import annotations

import sys
from importlib import import_module

INTERRUPTED = 130


def main() -> None:
    """Load the command line and run it; Ctrl-C while it loads is no error of the program.

    The import stands here because it takes seconds, and what interrupts one above cannot be caught.
    """
    try:
        run = import_module("tightfit.studies.cli").main
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; nothing was begun.\n")
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
