"""The process that evaluates: candidates come in as lines of JSON, records go out as lines of JSON.

    {"start": {...}}                                        -> {"ready": true}
    {"candidate": [0, 3, 1], "origin": "tpe", "number": 7}  -> {"progress": [40, 330, 0.61]} ...
                                                            -> {"record": {...}}

With "rungs": true in its message a candidate's training is read on its way and waits for an answer:

    {"candidate": ..., "rungs": true}                       -> {"rung": {"share": 0.25, ...}}
    {"go_on": false}                                        -> {"record": {...}}

With "donors": [[...], ...] its training begins with the weights of the first of these candidates
that has any, where they answer better.

A reply {"refused": "why"} says that the study cannot be run as it is, {"crashed": "traceback"} that
this candidate could not be evaluated.

A process of its own, because native code may crash and memory may run out: then the run loses one
candidate and starts another worker. When the run itself is killed, its end of the pipe closes, and
the worker leaves at once.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from tightfit import Candidate, GoOn, Record, Rung, SpecError, TightfitError
from tightfit.objectives.evaluator import StagedEvaluator
from tightfit.studies.bench import open_bench

PROGRESS_SECONDS = 0.2


def main() -> None:
    """Serve candidates until the pipe closes."""
    replies = _take_standard_output()
    messages = _incoming(sys.stdin)
    try:
        bench = open_bench(**next(messages)["start"])
    except TightfitError as error:
        _say(replies, {"refused": str(error)})
        return
    _say(replies, {"ready": True})
    for message in messages:
        evaluator = bench.evaluator(_throttled(lambda *step: _say(replies, {"progress": step})))

        def go_on(rung: Rung) -> bool:
            _say(replies, {"rung": rung.to_json()})
            return bool(next(messages)["go_on"])

        _say(replies, _answer(evaluator, message, go_on))


def _answer(evaluator: StagedEvaluator, message: dict[str, Any], go_on: GoOn) -> dict[str, Any]:
    try:
        record = _evaluated(evaluator, message, go_on)
    except SpecError as error:
        # Not this candidate's fault, and the next one's fate too: a full disk, a user's function.
        return {"refused": str(error)}
    except Exception:  # noqa: BLE001 - whatever it is, it must reach the run as a reason
        return {"crashed": traceback.format_exc()}
    return {"record": record.to_json()}


def _evaluated(evaluator: StagedEvaluator, message: dict[str, Any], go_on: GoOn) -> Record:
    candidate = Candidate(tuple(message["candidate"]))
    origin, number = message["origin"], message["number"]
    if "donors" in message:
        evaluator = evaluator.starting_from([Candidate(tuple(each)) for each in message["donors"]])
    if message.get("rungs"):
        return evaluator.evaluate_by_rungs(candidate, origin, number, go_on)
    return evaluator.evaluate(candidate, origin, number)


def _throttled(say: Callable[[int, int, float], None]) -> Callable[[int, int, float], None]:
    last = 0.0

    def progress(done: int, total: int, loss: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_SECONDS or done == total:
            last = now
            say(done, total, loss)

    return progress


def _take_standard_output() -> TextIO:
    """Keep the pipe for replies alone; whatever else is printed goes to the log."""
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return replies


def _say(replies: TextIO, message: dict[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


def _incoming(stream: TextIO) -> Iterator[dict[str, Any]]:
    """Yield messages; leave the process the moment the other side is gone."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    while True:
        yield json.loads(lines.get())


if __name__ == "__main__":
    main()
