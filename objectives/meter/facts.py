"""What an agent tells: of its machine, of one session, of one fresh process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Facts:
    """A machine with its runtime.

    Attributes:
        architecture: E.g. ``x86_64``, ``aarch64``.
        processor: Its name, as the system tells it; may be empty.
        processors: How many may be used.
        system: Operating system with its version.
        python: Version.
        runtime: With its version.
        threads: Of the runtime.
        batch: Pictures at once.
        features: Of the processor, those that decide how products of 8 bits are added, as Linux
            names them; none where the system tells none.
    """

    architecture: str
    processor: str
    processors: int
    system: str
    python: str
    runtime: str
    threads: int
    batch: int = 1
    features: tuple[str, ...] = ()

    @property
    def runtime_name(self) -> str:
        """For people: ``onnxruntime 1.32.0, 1 thread``, and the pictures at once if several."""
        plural = "" if self.threads == 1 else "s"
        batch = "" if self.batch == 1 else f", {self.batch} pictures at once"
        return f"{self.runtime}, {self.threads} thread{plural}{batch}"

    def __str__(self) -> str:
        """For people: ``Raspberry Pi 4 (aarch64), onnxruntime 1.32.0, 1 thread``."""
        name = f"{self.processor} ({self.architecture})" if self.processor else self.architecture
        return f"{name}, {self.runtime_name}"

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Facts:
        """Read back what :meth:`to_json` or an agent wrote."""
        return cls(**{**values, "features": tuple(values.get("features", ()))})


@dataclass(frozen=True, slots=True)
class Session:
    """Files that were loaded afresh and timed beside each other.

    Attributes:
        ms: Milliseconds of one run, a file each.
        waited: Share of the time in which a thread could have run and did not; ``None``, as below,
            is what the system does not tell.
        others: How many processors everything else kept busy.
        clock_mhz: Of the fastest processor, behind the runs.
        temperature_c: Of the hottest part.
        runs: Of each file, the milliseconds of single runs; none where they were not asked for.
    """

    ms: tuple[float, ...]
    waited: float | None = None
    others: float | None = None
    clock_mhz: float | None = None
    temperature_c: float | None = None
    runs: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Session:
        """Read an agent's answer."""
        runs = tuple(map(tuple, values["runs"]))
        return cls(**{**values, "ms": tuple(values["ms"]), "runs": runs})


@dataclass(frozen=True, slots=True)
class Fresh:
    """A file that was loaded and run in a new process.

    Attributes:
        load_ms: From the file to the first answer.
        peak_kb: Highest resident memory above the empty runtime (1 kB = 1,000 bytes); ``None``
            where the system does not tell it.
        untold: Why it does not.
    """

    load_ms: float
    peak_kb: float | None
    untold: str = ""

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Fresh:
        """Read an agent's answer."""
        return cls(**values)
