"""What onnxruntime makes of a file, and where the time of a run goes.

A copy of the file, in which every node and tensor has a name that says which node of the file it
was, is optimized as the file itself is; what is left bears these names, and so does the profile.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from tightfit.errors import MeasurementError
from tightfit.objectives.meter.agent import session_options
from tightfit.objectives.runtimes.instructions import Instructions, Tensor
from tightfit.objectives.runtimes.layers import numpy_name
from tightfit.objectives.runtimes.marking import mark, outline
from tightfit.objectives.runtimes.optimized_graph import OptimizedGraph, events_of_runs
from tightfit.objectives.runtimes.ort import OnnxRuntime, translated

DROPPED = 2
FEWEST_RUNS, MOST_RUNS = 3, 12
FEWEST_ROUNDS, MOST_ROUNDS = 2, 5


def profile(paths: Sequence[Path], *, budget_s: float = 2.0) -> tuple[Instructions, ...]:
    """Return what one thread of onnxruntime computes for each file, and how long it takes.

    Blocks of runs alternate between the files, there and back; the first runs of a block find cold
    caches and are dropped. Every instruction's time is the median of the others. The profiler adds
    some microseconds to each: compare shares, and take the latency of a file from a meter.

    Args:
        paths: ONNX files, whose inputs are free in nothing but the batch axis, and in what their
            metadata tell.
        budget_s: Seconds of runs. Files so slow that the fewest runs take longer take longer.

    Raises:
        MeasurementError: A file cannot be read or run, or leaves the size of an input open.
    """
    with tempfile.TemporaryDirectory(prefix="tightfit-profile-") as folder:
        sessions = [_Profiled(path, Path(folder) / str(k)) for k, path in enumerate(paths)]
        seconds = sum(each.probe() for each in sessions)
        runs = min(max(int(budget_s / (FEWEST_ROUNDS * 2 * seconds)), FEWEST_RUNS), MOST_RUNS)
        rounds = int(budget_s / (runs * 2 * seconds))
        for _ in range(min(max(rounds, FEWEST_ROUNDS), MOST_ROUNDS)):
            for session in (*sessions, *reversed(sessions)):
                session.block(runs)
        return tuple(session.finish() for session in sessions)


class _Profiled:
    """A marked copy of a file in a session that writes down what it does."""

    def __init__(self, path: Path, folder: Path) -> None:
        folder.mkdir()
        self._path = path
        # The file itself first: what its runtime lacks is told by the file's own names.
        OnnxRuntime().open(path)
        model = onnx.load(path)
        self._file = outline(model.graph)
        self._optimized = folder / "optimized.onnx"
        options = session_options(threads=1)
        options.optimized_model_filepath = str(self._optimized)
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        with translated(path, "load"):
            self._session = onnxruntime.InferenceSession(
                mark(model), options, providers=["CPUExecutionProvider"]
            )
        usual = {each.key: each.value for each in model.metadata_props}
        entries = self._session.get_inputs()
        self._feed = {entry.name: _noise(path, entry, usual) for entry in entries}
        self._kept: list[bool] = []

    def probe(self) -> float:
        """Return the seconds of a run behind the first, which allocates."""
        self._run([False])
        return self._run([False, False])

    def block(self, runs: int) -> None:
        """Run and keep all times but the first ones."""
        self._run([False] * DROPPED + [True] * runs)

    def finish(self) -> Instructions:
        """Return the instructions with the medians of the runs that were kept."""
        events = json.loads(Path(self._session.end_profiling()).read_text("utf-8"))
        runs = [run for run, kept in zip(events_of_runs(events), self._kept, strict=True) if kept]
        optimized = outline(onnx.load(self._optimized).graph)
        graph = OptimizedGraph(self._file, optimized, self._path)
        inputs = {name: _tensor(array) for name, array in self._feed.items()}
        return Instructions(
            runtime=OnnxRuntime().name,
            runs=len(runs),
            inputs=tuple(inputs.values()),
            listing=tuple(graph.listing(inputs, runs)),
        )

    def _run(self, kept: Sequence[bool]) -> float:
        """Run once for each entry, which says whether its times count; return a run's seconds."""
        started = time.perf_counter()
        with translated(self._path, "run"):
            for _ in kept:
                self._session.run(None, self._feed)
        self._kept += kept
        return (time.perf_counter() - started) / len(kept)


def _noise(path: Path, entry: Any, usual: Mapping[str, str]) -> npt.NDArray[Any]:
    """Return something that an input takes; the batch is one.

    How large another free axis is, the file's metadata may say: ``axis.height``.
    """
    shape = [1 if axis == 0 and not isinstance(n, int) else n for axis, n in enumerate(entry.shape)]
    shape = [int(usual.get(f"axis.{n}", 0)) or n if isinstance(n, str) else n for n in shape]
    free = [str(size) for size in shape if not isinstance(size, int)]
    if free:
        raise MeasurementError(
            f"the input {entry.name!r} of {str(path)!r} leaves {', '.join(free)} open; "
            "only the batch may be free, fix the other sizes in the file"
        )
    rng = np.random.default_rng(0)
    try:
        dtype = np.dtype(numpy_name(entry.type.removeprefix("tensor(").removesuffix(")")))
    except TypeError:
        raise MeasurementError(
            f"the input {entry.name!r} of {str(path)!r} is a {entry.type}, which cannot be made up"
        ) from None
    if dtype == np.uint8:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if dtype.kind == "f":
        return rng.standard_normal(shape).astype(dtype)
    return np.zeros(shape, dtype)


def _tensor(array: npt.NDArray[Any]) -> Tensor:
    return Tensor(str(array.dtype), array.shape)
