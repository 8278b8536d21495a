"""ExecuTorch with XNNPACK on the CPU, for ``.pte`` files.

Its Python bindings take torch's tensors and so import torch, in a proof's process too.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tightfit.errors import MeasurementError, SpecError
from tightfit.objectives.extras import extra_module
from tightfit.objectives.runtimes.inputs import check_inputs
from tightfit.objectives.runtimes.protocol import Float32Array
from tightfit.objectives.runtimes.quiet import heard, last_line

PACKAGE, EXTRA = "executorch", "executorch"


@dataclass(frozen=True, slots=True)
class ExecuTorch:
    """Sessions with a stated number of threads, one number for the whole process.

    Raises:
        SpecError: Less than one thread, or the extra ``executorch`` is not installed.
    """

    threads: int = 1

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise SpecError(f"a runtime needs at least 1 thread, got {self.threads}")
        _module("executorch.runtime")

    @property
    def name(self) -> str:
        """See :class:`tightfit.objectives.runtimes.protocol.Runtime`."""
        plural = "" if self.threads == 1 else "s"
        return f"executorch {version(PACKAGE)}, {self.threads} thread{plural}"

    def open(self, path: Path) -> ExecuTorchSession:
        """See :class:`tightfit.objectives.runtimes.protocol.Runtime`.

        Raises:
            SpecError: The process has begun with another number of threads.
        """
        runtime = _begun(self.threads)
        with _translated(path, "load"):
            return ExecuTorchSession(path, runtime.load_program(path))


class ExecuTorchSession:
    """See :class:`tightfit.objectives.runtimes.protocol.Session`.

    A file is of one picture; a batch is run one by one.
    """

    def __init__(self, path: Path, program: Any) -> None:
        self._path = path
        self._program = program  # its methods read from it
        self._method = program.load_method("forward")
        described = program.metadata("forward")
        sizes = (described.input_tensor_meta(k).sizes() for k in range(described.num_inputs()))
        self._shapes = tuple(tuple(each[1:]) for each in sizes)

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of each input for one picture, without the batch axis."""
        return self._shapes

    def run(self, inputs: Sequence[Float32Array]) -> list[Float32Array]:
        """Return the outputs of a batch."""
        check_inputs(self._path, self._shapes, inputs)
        torch = _module("torch")
        tensors = [torch.from_numpy(np.ascontiguousarray(each)) for each in inputs]
        with _translated(self._path, "run"):
            found = [
                [output.numpy().copy() for output in self._method.execute(list(picture))]
                for picture in zip(*(each.split(1) for each in tensors), strict=True)
            ]
        return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def _module(name: str) -> ModuleType:
    """Import a module of the package, which warns that it is experimental."""
    with heard(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return extra_module(name, package=PACKAGE, extra=EXTRA)


@functools.cache
def _begun(threads: int) -> Any:
    """Make this process's pool of threads, before anything is loaded; return the runtime.

    Made anew when a program has run, the pool hangs the next.
    """
    pool = _module("executorch.extension.pybindings.portable_lib")
    if _begun.cache_info().currsize:
        raise SpecError(
            f"executorch has begun with {pool._threadpool_get_thread_count()} threads in this "
            f"process, which cannot become {threads}; start another one"
        )
    with heard():
        pool._unsafe_reset_threadpool(threads)
    return _module("executorch.runtime").Runtime.get()


@contextmanager
def _translated(path: Path, doing: str) -> Iterator[None]:
    """Turn the library's exceptions into ours, with the file and the last line of its log."""
    with heard() as said:
        try:
            yield
        except (RuntimeError, KeyError) as error:
            reason = f"{' '.join(str(error).split())}; {last_line(said)}".rstrip("; ")
            raise MeasurementError(
                f"executorch could not {doing} {str(path)!r}: {reason}"
            ) from error
