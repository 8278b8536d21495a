"""Work in a process of its own: what it does, takes and keeps ends with it."""

import multiprocessing
import time
import traceback
import warnings
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeAlias

Figures: TypeAlias = dict[str, Any]
"""What some work found, as JSON has it; under ``failed``, why it found nothing."""

_GOODBYE_S = 10
"""A process that has told its figures has this long to end by itself."""


def run_apart(work: Callable[..., Figures], *arguments: object, limit_s: float) -> Figures:
    """Return what ``work(*arguments)`` returns in a new process, and its ``seconds``.

    Errors, the end of the process and a limit of ``limit_s`` seconds are figures as well: the first
    line of the reason stands under ``failed``.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(sender, work, arguments))
    started = time.perf_counter()
    process.start()
    sender.close()
    try:
        if not receiver.poll(limit_s):
            figures: Figures = {"failed": f"no result within {limit_s:.0f} s"}
        else:
            figures = receiver.recv()
            process.join(_GOODBYE_S)
    except (EOFError, OSError):  # it is gone, and told nothing or a part
        process.join()
        figures = {"failed": f"its process ended with exit code {process.exitcode}"}
    finally:
        process.kill()
        process.join()
        receiver.close()
    return {**figures, "seconds": time.perf_counter() - started}


def _report(
    sender: Connection, work: Callable[..., Figures], arguments: tuple[object, ...]
) -> None:
    warnings.simplefilter("ignore")
    try:
        figures = work(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever a network does is a line of the table
        lines = str(error).splitlines() or [""]
        where = traceback.extract_tb(error.__traceback__)[-1]
        figures = {
            "failed": f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: "
            f"{lines[0][:160]}"
        }
    sender.send(figures)
