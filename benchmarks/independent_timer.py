"""Times two files with onnxruntime and numpy alone, knowing nothing of Tightfit.

Blocks of runs that alternate, over fresh sessions, by the clock on the wall; the first runs of a
block find cold caches and are dropped. Prints one line of JSON: the median ratio of the first file
to the second over the sessions, its range, the milliseconds of both, and the share of the time in
which the process had no processor: where that is more than a little, the clock on the wall has
measured the scheduler.

    python benchmarks/independent_timer.py CANDIDATE.onnx BASELINE.onnx [--sessions 9] [--threads 1]
"""

import argparse
import json
import statistics
import time

import numpy as np
import onnxruntime

RUNS, DROPPED, ROUNDS = 20, 5, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs=2)
    parser.add_argument("--sessions", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    start, began = time.perf_counter(), time.process_time()
    taken = [_session(arguments.files, arguments.threads) for _ in range(arguments.sessions)]
    ratios = [candidate / baseline for candidate, baseline in taken]
    figures = {
        "ratio": statistics.median(ratios),
        "range": [min(ratios), max(ratios)],
        "waited": 1 - (time.process_time() - began) / (time.perf_counter() - start),
        "ms": [statistics.median(column) for column in zip(*taken, strict=True)],
    }
    print(json.dumps(figures))


def _session(files: list[str], threads: int) -> tuple[float, float]:
    """Return the milliseconds of both files, loaded afresh."""
    runs = [_load(file, threads) for file in files]
    medians: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for which in (0, 1, 1, 0):
            medians[which].append(_block(runs[which]))
    return statistics.median(medians[0]), statistics.median(medians[1])


def _load(file: str, threads: int) -> tuple[onnxruntime.InferenceSession, dict[str, np.ndarray]]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    noise = np.random.default_rng(1).random((1, *entry.shape[1:]), dtype=np.float32)
    return session, {entry.name: noise}


def _block(loaded: tuple[onnxruntime.InferenceSession, dict[str, np.ndarray]]) -> float:
    session, inputs = loaded
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        session.run(None, inputs)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[DROPPED:])


if __name__ == "__main__":
    main()
