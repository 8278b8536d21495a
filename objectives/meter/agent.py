"""Measures files where they will run. This one file is sent to a device, as it is.

It needs Python 3.10, numpy and the runtime, and imports nothing else but the standard library.
Messages are lines of JSON on standard input; each gets one line of JSON on standard output:

    {"do": "hello", "runtime": "onnxruntime", "threads": 1, ...} -> {"architecture": "aarch64", ...}
    {"do": "have", "name": "SHA256.onnx", "path": "/a/file"} -> {"have": true}
    {"do": "put", "name": "SHA256.onnx", "size": 9, "offset": 0, "data": "base64", "beside": []}
        -> {}
    {"do": "session", "files": ["SHA256.onnx", ...], "seconds": 0.2, "runs": 0}
        -> {"ms": [1.2, 4.8], "runs": [[], []], "clock_mhz": 2100.0, ...}
    {"do": "answers", "files": ["SHA256.onnx"], "inputs": "base64 of a .npy"}
        -> {"outputs": "base64 of a .npy"}
    {"do": "fresh", "files": ["SHA256.onnx"]} -> {"load_ms": 31.0, "peak_kb": 9120.0, "untold": ""}

What could not be done is ``{"failed": KIND, "why": TEXT}``, with ``file`` where one is to blame.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import hashlib
import importlib
import importlib.metadata
import io
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

BOOTSTRAP = (
    "import sys; sys.path[:] = [entry for entry in sys.path if entry]; "
    "source = sys.stdin.buffer.read(int(sys.stdin.buffer.readline())); "
    'exec(compile(source, "tightfit agent", "exec"))'
)
"""For ``python -c``: reads the length of this file and its bytes from standard input, runs it."""
SOURCE: bytes = globals().get("source", b"")
"""The text of this file, where it was started so; a fresh process is started with it again."""

FEWEST_RUNS, USUAL_RUNS, MOST_RUNS = 3, 12, 100
MOST_PAIRS = 3
DROPPED, DROPPED_SHARE = 4, 5
TOLD_RUNS = 20
CALM_RUNS, CALM = 3, 0.95
UNINTERRUPTED = 0.95
STORE_BYTES = 2_000_000_000
FATAL_ONLY = 4
LONGEST_REASON = 300
FRESH_S = 500.0
"""For a fresh process, which must have ended before the other side gives this one up."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
TFLITE_MICRO = "tflite_micro.python.tflite_micro.runtime"
ROOMY_ARENA = 1 << 26
FEATURES = (
    *("avx512_vnni", "avx_vnni", "avx_vnni_int8", "avx512f", "avx2"),
    *("i8mm", "asimddp", "asimd"),
)
"""Of a processor, as Linux names them: those that decide how products of 8 bits are added."""
NOISY = {"float": "float32", "double": "float64", "float16": "float16"}

_OPERATOR = re.compile(r"running (\w+) node\. Name:'([^']*)'")


class Failure(Exception):  # noqa: N818 - it becomes an answer, and an error only where it is read
    """What the other side must hear: a kind that it knows, a reason, and the file to blame."""

    def __init__(self, kind: str, why: str, file: str = "") -> None:
        super().__init__(why)
        self.answer = {"failed": kind, "why": why, "file": file}


def explain(error: Exception) -> str:
    """Return the runtime's reason in one line, behind the operator where it is told."""
    found = _OPERATOR.search(str(error))
    layer = f" at {found[1]} {found[2]!r}" if found else ""
    return f"{layer}: {' '.join(str(error).split())[:LONGEST_REASON]}"


def session_options(threads: int, *, spinning: bool = False) -> Any:
    """Return onnxruntime's options for sessions that can be measured beside each other.

    A pool that spins would take the core from whatever is measured beside it: it sleeps between
    runs, or, where it shall spin, stops when a run ends. With one thread there is no pool.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.force_spinning_stop", "1")
    # What fails is raised; the library's own log would tear the progress bar.
    options.log_severity_level = FATAL_ONLY
    return options


Run = Callable[[], object]
Answer = Callable[[Any], Any]
"""From an array of inputs to one of outputs."""


class Opened(NamedTuple):
    """A file that is loaded.

    Attributes:
        draw: Makes inputs of noise and hands them over; called once, before the first run.
        run: Runs it once.
    """

    draw: Callable[[], None]
    run: Run


def begin_onnxruntime(_threads: int) -> str:
    """Import the runtime; return its version."""
    import onnxruntime

    return str(onnxruntime.__version__)


def open_onnxruntime(path: Path, threads: int, spinning: bool, batch: int) -> Opened:
    """Load a file, for so many pictures at once where the batch is free.

    A file may say in its metadata how large another free axis usually is: ``axis.height``.
    """
    import numpy
    import onnxruntime

    options = session_options(threads, spinning=spinning)
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs: dict[str, Any] = {}

    def draw() -> None:
        rng = numpy.random.default_rng(0)
        usual = session.get_modelmeta().custom_metadata_map
        for entry in session.get_inputs():
            shape = [
                size
                if isinstance(size, int)
                else int(usual.get(f"axis.{size}", size if axis else batch))
                for axis, size in enumerate(entry.shape)
            ]
            kind = entry.type.removeprefix("tensor(").removesuffix(")")
            if kind in NOISY:
                noise = rng.standard_normal(shape, dtype="float32")
                inputs[entry.name] = noise.astype(NOISY[kind], copy=False)
            else:
                inputs[entry.name] = numpy.zeros(shape, dtype=kind)  # 0 is in any table

    return Opened(draw, lambda: session.run(None, inputs))


def answer_onnxruntime(path: Path, threads: int) -> Answer:
    """Load a file; return what gives its answers."""
    import onnxruntime

    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(str(path), session_options(threads), providers=providers)
    name = session.get_inputs()[0].name
    return lambda inputs: session.run(None, {name: inputs})[0]


def silence_openvino() -> None:
    """Keep its telemetry out, which writes into the home folder and calls out once imported."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]


def begin_openvino(_threads: int) -> str:
    """See :func:`begin_onnxruntime`."""
    silence_openvino()
    importlib.import_module("openvino")
    return importlib.metadata.version("openvino")


def openvino_options(threads: int) -> dict[str, Any]:
    """Return options with which OpenVINO computes what the file says, where the process may.

    By itself it takes bfloat16 where the processor has it, rounds the inputs of layers with weights
    of few bits once more, and binds its threads to processors of its own choice.
    """
    return {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "f32",
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        "ENABLE_CPU_PINNING": False,
    }


def open_openvino(path: Path, threads: int, _spinning: bool, batch: int) -> Opened:
    """See :func:`open_onnxruntime`. A free batch is fixed first: small networks gain from it."""
    import numpy

    openvino = importlib.import_module("openvino")
    core = openvino.Core()
    model = core.read_model(path)
    # It does not keep the names of axes, but their order is that of pictures.
    told = [["framework", f"axis.{side}"] for side in ("height", "width")]
    usual = [model.get_rt_info(key).astype(str) for key in told if model.has_rt_info(key)]
    shapes = {}
    for entry in model.inputs:
        free = iter([batch, *map(int, usual)])
        shape = list(entry.partial_shape)
        if sum(side.is_dynamic for side in shape) > 1 + len(usual):
            raise ValueError(f"the input {entry.any_name!r} does not say how large it usually is")
        shapes[entry] = [next(free) if side.is_dynamic else side for side in shape]
    model.reshape(shapes)
    request = core.compile_model(model, "CPU", openvino_options(threads)).create_infer_request()

    def draw() -> None:
        rng = numpy.random.default_rng(0)
        for entry in model.inputs:
            noise = rng.standard_normal(tuple(entry.shape), dtype="float32")
            values = noise.astype(entry.element_type.to_dtype(), copy=False)
            request.set_tensor(entry, openvino.Tensor(values))

    return Opened(draw, request.infer)


def answer_openvino(path: Path, threads: int) -> Answer:
    """See :func:`answer_onnxruntime`."""
    core = importlib.import_module("openvino").Core()
    model = core.compile_model(core.read_model(path), "CPU", openvino_options(threads))
    return lambda inputs: model([inputs])[0]


def begin_litert(_threads: int) -> str:
    """See :func:`begin_onnxruntime`."""
    importlib.import_module("ai_edge_litert.interpreter")
    return importlib.metadata.version("ai_edge_litert")


def open_litert(path: Path, threads: int, _spinning: bool, _batch: int) -> Opened:
    """Load a file, which is of one picture."""
    import numpy

    library = importlib.import_module("ai_edge_litert.interpreter")
    interpreter = library.Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()

    def draw() -> None:
        rng = numpy.random.default_rng(0)
        for entry in interpreter.get_input_details():
            codes = rng.integers(-128, 128, entry["shape"], dtype=entry["dtype"])
            interpreter.set_tensor(entry["index"], codes)

    return Opened(draw, interpreter.invoke)


def begin_tflite_micro(_threads: int) -> str:
    """See :func:`begin_onnxruntime`."""
    importlib.import_module(TFLITE_MICRO)
    return importlib.metadata.version("tflite_micro")


def open_tflite_micro(path: Path, _threads: int, _spinning: bool, _batch: int) -> Opened:
    """Load a file, which is of one picture."""
    import numpy

    library = importlib.import_module(TFLITE_MICRO)
    interpreter = library.Interpreter.from_bytes(path.read_bytes(), arena_size=ROOMY_ARENA)

    def draw() -> None:
        shape = interpreter.get_input_details(0)["shape"]
        codes = numpy.random.default_rng(0).integers(-128, 128, shape, dtype=numpy.int8)
        interpreter.set_input(codes, 0)

    return Opened(draw, interpreter.invoke)


def begin_executorch(threads: int) -> str:
    """See :func:`begin_onnxruntime`. The pool of threads is one for the whole process.

    Made anew when a program has run, it hangs the next.
    """
    portable = importlib.import_module("executorch.extension.pybindings.portable_lib")
    portable._unsafe_reset_threadpool(threads)
    for name in ("torch", "executorch.runtime"):
        importlib.import_module(name)
    return importlib.metadata.version("executorch")


def open_executorch(path: Path, _threads: int, _spinning: bool, _batch: int) -> Opened:
    """Load a file, which is of one picture."""
    torch, runtime = (importlib.import_module(name) for name in ("torch", "executorch.runtime"))
    program = runtime.Runtime.get().load_program(path)
    method = program.load_method("forward")
    inputs: list[Any] = []

    def draw() -> None:
        described, maker = program.metadata("forward"), torch.Generator().manual_seed(0)
        for number in range(described.num_inputs()):
            shape = described.input_tensor_meta(number).sizes()
            inputs.append(torch.randn(shape, generator=maker))

    return Opened(draw, lambda: method.execute(inputs))


class Runtime(NamedTuple):
    """A runtime that this file can measure with.

    Attributes:
        begin: Imports it, and sets what belongs to a whole process; called once, with the number of
            threads, before any file is opened. Returns the version.
        open: Loads a file for so many threads, that may wait without sleeping or not, and so many
            pictures at once.
        answer: Loads a file for so many threads; returns what gives its answers. Where it is not
            given, they are asked of the runtime elsewhere.
    """

    begin: Callable[[int], str]
    open: Callable[[Path, int, bool, int], Opened]
    answer: Callable[[Path, int], Answer] | None = None


RUNTIMES = {
    "onnxruntime": Runtime(begin_onnxruntime, open_onnxruntime, answer_onnxruntime),
    "openvino": Runtime(begin_openvino, open_openvino, answer_openvino),
    "litert": Runtime(begin_litert, open_litert),
    "tflite-micro": Runtime(begin_tflite_micro, open_tflite_micro),
    "executorch": Runtime(begin_executorch, open_executorch),
}
"""By the name that a study gives them."""


class Timer:
    """Times one session's runs, in milliseconds.

    Where one thread does all the work, a run that was interrupted counts with the time that its
    thread was on a processor: what the run takes when nothing else wants it.
    """

    def __init__(self, run: Callable[[], object], threads: int = 1) -> None:
        self._run = run
        self._alone = threads == 1
        self.medians: list[float] = []
        self.kept: list[float] = []

    def once(self) -> float:
        """Return the milliseconds of one run."""
        began, start = time.thread_time_ns(), time.perf_counter_ns()
        self._run()
        wall, core = time.perf_counter_ns() - start, time.thread_time_ns() - began
        return (core if self._alone and core < UNINTERRUPTED * wall else wall) / 1e6

    def warm_up(self, limit_ms: float) -> float:
        """Run until nothing gets faster any more; return the milliseconds of the fastest run."""
        spent = self.once()  # allocates
        fastest, calm = self.once(), 0
        spent += fastest
        while calm < CALM_RUNS and spent < limit_ms:
            took = self.once()
            calm = calm + 1 if took > CALM * fastest else 0
            fastest = min(fastest, took)
            spent += took
        return fastest

    def block(self, runs: int) -> None:
        """Take the median of a block, without the runs that find cold caches.

        Behind another file the first runs are slower by up to a tenth, those of tiny nets by more,
        and four runs or a fifth of a block later nothing is left of it.
        """
        times = [self.once() for _ in range(runs)]
        dropped = max(min(DROPPED, runs // 3), runs // DROPPED_SHARE)
        self.kept += times[dropped:]
        self.medians.append(statistics.median(times[dropped:]))


class Watch:
    """What else the machine did since it was made."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._before = self._now()

    def seen(self) -> dict[str, float | None]:
        """Return how disturbed the time since then was.

        ``waited`` is the share in which a thread could have run and did not. With one thread it is
        all time without the processor, with several what the kernel's ``schedstat`` counts.
        ``others`` is how many processors everything else kept busy. ``None`` is what this system
        does not tell.
        """
        wall, core, own, queued, busy = (
            None if after is None or before is None else after - before
            for after, before in zip(self._now(), self._before, strict=True)
        )
        assert wall is not None
        assert core is not None
        assert own is not None
        waited = queued / wall / self._threads if queued is not None else None
        return {
            "waited": max(0.0, 1 - core / wall) if self._threads == 1 else waited,
            "others": None if busy is None else max(0.0, (busy - own) / wall),
        }

    def _now(self) -> tuple[float | None, ...]:
        """Return seconds: of the clock, this thread, this process, in the queue, of all."""
        queued = busy = None
        with contextlib.suppress(OSError, ValueError, IndexError):
            tasks = Path("/proc/self/task").glob("*/schedstat")
            queued = sum(int(task.read_text().split()[1]) for task in tasks) / 1e9
        with contextlib.suppress(OSError, ValueError, IndexError):
            ticks = [int(field) for field in Path("/proc/stat").read_text().split()[1:9]]
            busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), time.thread_time(), time.process_time(), queued, busy


def time_session(
    opened: Sequence[Callable[[], object]], seconds: float, threads: int, runs: int = 0
) -> dict[str, Any]:
    """Return the milliseconds of each opened file, in blocks that alternate, and the disturbance.

    Rounds go there and back, first file first and then last file first, so that a pace that
    changes evenly cancels. Files have blocks of equal time and not of equal runs: a fast file that
    ran as seldom as a slow one would never leave the caches that the slow one left cold. Nets so
    slow that the fewest runs take longer than ``seconds`` take longer, and so it does where single
    runs are asked for: at least ``runs`` of each file, without those that find cold caches.
    """
    timers = [Timer(run, threads) for run in opened]
    share = 1000 * seconds / (2 * len(timers))
    singles = [timer.warm_up(share / 2) for timer in timers]
    pairs = min(max(int(share / (USUAL_RUNS * max(singles))), 1), MOST_PAIRS)
    fewest = TOLD_RUNS if runs else FEWEST_RUNS
    counts = [min(max(int(share / pairs / ms), fewest), MOST_RUNS) for ms in singles]
    there = list(zip(timers, counts, strict=True))
    watch = Watch(threads)
    while pairs > 0 or any(len(timer.kept) < runs for timer in timers):
        for timer, count in (*there, *reversed(there)):
            timer.block(count)
        pairs -= 1
    return {
        "ms": [statistics.median(timer.medians) for timer in timers],
        "runs": [timer.kept if runs else [] for timer in timers],
        **watch.seen(),
    }


class Store:
    """Files by the checksum that they are named after, each sent once."""

    def __init__(self) -> None:
        cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        self.folder = Path(cache) / "tightfit" / "files"
        self._known: dict[str, Path] = {}

    def have(self, name: str, path: str | None) -> bool:
        """Say whether the file is here: at ``path``, where both sides share a disk, or kept."""
        for place in (*([Path(path)] if path else []), self.folder / name):
            with contextlib.suppress(OSError):
                if _checksum(place) == Path(name).stem:
                    self._known[name] = place
                    if place.parent == self.folder:
                        os.utime(place)
                    return True
        return False

    def path(self, name: str) -> Path:
        """Return where a file lies that is here."""
        place = self._known.get(name)
        if place is None or (place.parent == self.folder and not place.exists()):
            raise Failure("gone", f"{name} is no longer in {self.folder}", name)
        return place

    def put(
        self, name: str, size: int, offset: int, data: bytes, beside: Collection[str] = ()
    ) -> None:
        """Take a part of a file; behind the last one it has its name, or the attempt is gone.

        Files ``beside`` it, which the same question is about, make no room for it.
        """
        part = self.folder / f"{name}.{os.getpid()}.part"
        try:
            if offset == 0:
                self._make_room(size, beside)
            with part.open("ab" if offset else "wb") as stream:
                stream.write(data)
            if offset + len(data) == size:
                if _checksum(part) != Path(name).stem:
                    raise Failure("damaged", "the bytes that arrived are not those that were sent")
                part.replace(self.folder / name)
                self._known[name] = self.folder / name
        except (OSError, Failure) as error:
            with contextlib.suppress(OSError):
                part.unlink()
            if isinstance(error, Failure):
                raise
            kind = "room" if error.errno in FULL else "store"
            raise Failure(kind, f"{self.folder}: {error.strerror}") from error

    def _make_room(self, size: int, beside: Collection[str]) -> None:
        """Drop files that were used longest ago, where there would be too many or no room."""
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = sorted(self.folder.iterdir(), key=lambda path: path.stat().st_mtime)
        held = sum(path.stat().st_size for path in kept)
        free = shutil.disk_usage(self.folder).free
        kept = [path for path in kept if path.name not in beside]
        if free + sum(path.stat().st_size for path in kept) < size:
            raise Failure("room", f"{self.folder} has {free:,} bytes left, {size:,} are needed")
        while kept and (held + size > STORE_BYTES or free < size):
            gone = kept.pop(0)
            held, free = held - gone.stat().st_size, free + gone.stat().st_size
            self._known.pop(gone.name, None)
            gone.unlink()


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(1 << 20):
            digest.update(part)
    return digest.hexdigest()


class Agent:
    """Answers messages, one after another."""

    def __init__(self) -> None:
        self._store = Store()
        self._runtime = "onnxruntime"
        self._threads, self._spinning, self._batch = 1, False, 1
        self._answering: tuple[str, Answer] | None = None

    def answer(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to a message; a :class:`Failure` is one as well."""
        work = message.pop("do")
        try:
            answer: dict[str, Any] = getattr(self, f"do_{work}")(**message)
        except Failure as failure:
            return failure.answer
        return answer

    def do_hello(
        self, runtime: str, threads: int, spinning: bool, batch: int, processors: Sequence[int]
    ) -> dict[str, Any]:
        """Set what is measured with, and tell what this machine is."""
        if processors:
            try:
                os.sched_setaffinity(0, processors)
            except (AttributeError, OSError, ValueError) as error:
                raise Failure("processors", str(error)) from error
        if runtime not in RUNTIMES:
            raise Failure("runtime", f"it is none of {', '.join(RUNTIMES)}")
        try:
            version = RUNTIMES[runtime].begin(threads)
            # What numpy loads when it is first used would count as the first file's.
            importlib.import_module("numpy.random")
        except Exception as error:
            raise Failure("runtime", f"{type(error).__name__}: {error}") from error
        self._runtime, self._batch = runtime, batch
        self._threads, self._spinning = threads, spinning
        return {**machine(), "runtime": f"{runtime} {version}"}

    def do_have(self, name: str, path: str | None) -> dict[str, Any]:
        """See :meth:`Store.have`."""
        return {"have": self._store.have(name, path)}

    def do_put(
        self, name: str, size: int, offset: int, data: str, beside: Sequence[str] = ()
    ) -> dict[str, Any]:
        """See :meth:`Store.put`."""
        self._store.put(name, size, offset, base64.b64decode(data), beside)
        return {}

    def do_session(self, files: Sequence[str], seconds: float, runs: int) -> dict[str, Any]:
        """Load files afresh and time them; see :func:`time_session`."""
        ready = [self._drawn(file, self._open(file, self._store.path(file))) for file in files]
        answer = time_session(ready, seconds, self._threads, runs)
        return {**answer, **condition()}

    def do_answers(self, files: Sequence[str], inputs: str) -> dict[str, Any]:
        """Return a file's answers; it stays loaded until another one is asked."""
        import numpy

        (file,) = files
        if self._answering is None or self._answering[0] != file:
            load = RUNTIMES[self._runtime].answer
            if load is None:
                raise Failure("run", f": {self._runtime} gives no answers through a pipe", file)
            path = self._store.path(file)
            try:
                self._answering = file, load(path, self._threads)
            except Exception as error:
                raise Failure("load", explain(error), file) from error
        _, answer = self._answering
        asked = numpy.load(io.BytesIO(base64.b64decode(inputs)), allow_pickle=False)
        try:
            outputs = answer(asked)
        except Exception as error:
            raise Failure("run", explain(error), file) from error
        told = io.BytesIO()
        numpy.save(told, outputs)
        return {"outputs": base64.b64encode(told.getvalue()).decode()}

    def do_fresh(self, files: Sequence[str]) -> dict[str, Any]:
        """Load and run one file in a process of its own; return what that took."""
        (file,) = files
        hello = {"do": "hello", "runtime": self._runtime, "threads": self._threads}
        hello |= {"spinning": self._spinning, "batch": self._batch, "processors": []}
        alone = {"do": "alone", "file": file, "path": str(self._store.path(file))}
        lines = "".join(f"{json.dumps(message)}\n" for message in (hello, alone)).encode()
        try:
            process = subprocess.run(
                [sys.executable, "-c", BOOTSTRAP],
                input=b"%d\n" % len(SOURCE) + SOURCE + lines,
                stdout=subprocess.PIPE,
                timeout=FRESH_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failure("run", f": it did not end within {FRESH_S:.0f} s", file) from None
        answers = process.stdout.splitlines()
        if len(answers) < 2:
            raise Failure("run", f": its process ended with code {process.returncode}", file)
        answer: dict[str, Any] = json.loads(answers[1])
        return answer

    def do_alone(self, file: str, path: str) -> dict[str, Any]:
        """Load and run a file here, where nothing was loaded before.

        ``load_ms`` is from the file to the first answer, without the drawing of inputs in between,
        which no application does. ``peak_kb`` is the highest resident memory above what the
        runtime took with nothing loaded; where the system does not tell it, ``untold`` says why.
        """
        empty, untold = 0.0, ""
        try:
            empty = resident("VmRSS", reset=True)
        except Failure as failure:
            untold = str(failure)
        start = time.perf_counter_ns()
        opened = self._open(file, Path(path))
        loaded = time.perf_counter_ns() - start
        timer = Timer(self._drawn(file, opened))
        start = time.perf_counter_ns()
        timer.once()
        load_ms = (loaded + time.perf_counter_ns() - start) / 1e6
        for _ in range(2):
            timer.once()
        peak_kb = None if untold else resident("VmHWM") - empty
        return {"load_ms": load_ms, "peak_kb": peak_kb, "untold": untold}

    def _open(self, file: str, path: Path) -> Opened:
        try:
            open_file = RUNTIMES[self._runtime].open
            return open_file(path, self._threads, self._spinning, self._batch)
        except Exception as error:
            raise Failure("load", explain(error), file) from error

    def _drawn(self, file: str, opened: Opened) -> Run:
        """Give a file its inputs; return one run of it."""
        try:
            opened.draw()
        except Exception as error:
            raise Failure("load", explain(error), file) from error
        return _guarded(opened.run, file)


def _guarded(run: Run, file: str) -> Run:
    """Return the run with its errors blamed on the file; plain, for it is timed."""

    def guarded() -> object:
        try:
            return run()
        except Exception as error:
            raise Failure("run", explain(error), file) from error

    return guarded


def resident(field: str, *, reset: bool = False) -> float:
    """Return a figure of this process's resident memory, in kilobytes of 1,000 bytes.

    Args:
        field: ``VmRSS`` is what is held now, ``VmHWM`` the highest since the reset.
        reset: Let the highest begin anew.
    """
    try:
        if reset:
            Path("/proc/self/clear_refs").write_text("5")
        status = Path("/proc/self/status").read_text()
    except OSError as error:
        raise Failure("memory", f"{error.filename}: {error.strerror}") from error
    found = re.search(rf"{field}:\s+(\d+) kB", status)
    if found is None:
        raise Failure("memory", f"/proc/self/status has no {field}")
    return int(found[1]) * 1.024


def machine() -> dict[str, Any]:
    """Return what this machine is."""
    processor, told = _read("/proc/device-tree/model").strip("\0"), _read("/proc/cpuinfo")
    has = re.search(r"^(?:flags|Features)\s*:(.+)", told, re.MULTILINE)
    if not processor:
        named = re.search(r"model name\s*: (.+)", told)
        processor = named[1] if named else platform.processor()
    usable = getattr(os, "sched_getaffinity", None)
    return {
        "architecture": platform.machine(),
        "processor": processor,
        "processors": len(usable(0)) if usable else os.cpu_count() or 1,
        "features": [each for each in FEATURES if has and each in has[1].split()],
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def condition() -> dict[str, float | None]:
    """Return clock and temperature of the hottest part, where this system tells them."""
    devices = Path("/sys")
    clocks = [
        float(text) / 1000
        for path in devices.glob("devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq")
        if (text := _read(path))
    ] or [float(text) for text in re.findall(r"cpu MHz\s*: ([\d.]+)", _read("/proc/cpuinfo"))]
    heat = [
        float(text) / 1000
        for path in devices.glob("class/thermal/thermal_zone*/temp")
        if (text := _read(path))
    ]
    return {
        "clock_mhz": max(clocks, default=None),
        "temperature_c": max(heat, default=None),
    }


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return ""


def main() -> None:
    """Answer messages until the other side is gone."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a runtime prints is no answer
    agent = Agent()
    for line in sys.stdin.buffer:
        answers.write(json.dumps(agent.answer(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
