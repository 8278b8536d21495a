"""Finds the smallest arena in which a file loads, in a process of its own.

TensorFlow Lite Micro may crash where an arena is too small, instead of saying so. What is tried is
said before, so that whoever started this knows what was too small. It imports the runtime alone.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tflite_micro.python.tflite_micro import runtime


def main(path: str, step: int, low: int, high: int) -> None:
    """Halve what is between an arena that is too small and one that is not, in steps of bytes.

    A line for each one that is tried, ``try N`` and then ``fits N`` or ``fails N``.
    """
    content = Path(path).read_bytes()
    while high - low > 1:
        middle = (low + high) // 2
        _say("try", middle)
        try:
            runtime.Interpreter.from_bytes(content, arena_size=middle * step)
        except (RuntimeError, ValueError):
            low = middle
            _say("fails", middle)
        else:
            high = middle
            _say("fits", middle)


def _say(word: str, number: int) -> None:
    sys.stdout.write(f"{word} {number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
