"""What is asked of the process that reads a file anew, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tightfit.objectives.meter.device import DeviceSettings
from tightfit.reading import Reading


@dataclass(frozen=True, slots=True)
class Job:
    """Files to read.

    Attributes:
        model: The exported file.
        baseline: The uncompressed network's file; without it no latency is read.
        pictures: An ``.npz`` with ``inputs`` ``[N, C, ...]`` and ``targets`` ``[N, ...]``; without
            it no quality is read.
        mean, std: Per channel, as a plain file wants its inputs.
        preprocessed: Whether the model takes pictures ``[N, height, width, channels]`` as they are;
            the baseline is a plain file.
        device: Where latency, memory and answers are read; answers are this process's own where
            the runtime gives none elsewhere.
        beside: Names of further runtimes that read the same files; the latency is read in each.
        footprint: Names of metrics in ``FOOTPRINT_METRICS`` that are read beside the baseline.
        outputs: Folder for the files' outputs as ``model.npy`` and ``baseline.npy``, where another
            process scores them; without it, right answers are counted.
    """

    model: Path
    baseline: Path | None
    pictures: Path | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    device: DeviceSettings = field(default_factory=DeviceSettings)
    beside: tuple[str, ...] = ()
    footprint: tuple[str, ...] = ()
    outputs: Path | None = None
    preprocessed: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the job as JSON values."""
        return {
            "model": str(self.model),
            "baseline": _text(self.baseline),
            "pictures": _text(self.pictures),
            "mean": list(self.mean),
            "std": list(self.std),
            "device": asdict(self.device),
            "beside": list(self.beside),
            "footprint": list(self.footprint),
            "outputs": _text(self.outputs),
            "preprocessed": self.preprocessed,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Job:
        """Read back what :meth:`to_json` wrote."""
        return cls(
            model=Path(values["model"]),
            baseline=_path(values["baseline"]),
            pictures=_path(values["pictures"]),
            mean=tuple(values["mean"]),
            std=tuple(values["std"]),
            device=DeviceSettings(
                **{**values["device"], "processors": tuple(values["device"]["processors"])}
            ),
            beside=tuple(values["beside"]),
            footprint=tuple(values["footprint"]),
            outputs=_path(values["outputs"]),
            preprocessed=bool(values["preprocessed"]),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What was read.

    Attributes:
        size_kb: Bytes of the file.
        memory_kb: Peak resident memory above an empty runtime; ``None`` where the device does not
            tell it.
        arena_kb: The smallest arena in which it runs; ``None`` where the runtime has none.
        latency_ratio: To the baseline, in the same seconds; ``None`` without the baseline.
        latency_ms: Of the device; ``None`` without the baseline.
        right: How many pictures the model answered rightly; ``None`` where nothing was counted.
        pairs: Pictures that both files answered rightly, only the baseline, only the model, and
            neither; ``None`` without the baseline, or where nothing was counted.
        pictures: How many there were.
        pictures_digest: Of the pictures and targets, as :func:`pictures_digest` has it.
        runtime: Its name with version and threads.
        machine: Processor and system of the device.
        unchecked: What running the file there cannot show of other processors, in words; empty
            where it computes the same on all of them.
        apart: Whether the answers are this machine's, where latency and memory are a device's.
        modules: What the process had loaded beside Python's own.
        beside: By name of a further runtime, the latency's ratio to the baseline in it; none where
            the runtime is not there.
        footprint: By name of a metric that was asked for, its ratio to the baseline; none without
            the baseline.
    """

    size_kb: Reading
    memory_kb: Reading | None
    latency_ratio: Reading | None
    latency_ms: Reading | None
    right: int | None
    pairs: tuple[int, int, int, int] | None
    pictures: int
    pictures_digest: str
    runtime: str
    machine: Mapping[str, str] = field(default_factory=dict)
    unchecked: str = ""
    apart: bool = False
    modules: tuple[str, ...] = ()
    arena_kb: Reading | None = None
    beside: Mapping[str, Reading] = field(default_factory=dict)
    footprint: Mapping[str, Reading] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return what was read as JSON values."""
        readings = ("size_kb", "memory_kb", "arena_kb", "latency_ratio", "latency_ms")
        return {
            **{name: _reading_json(getattr(self, name)) for name in readings},
            "right": self.right,
            "pairs": None if self.pairs is None else list(self.pairs),
            "pictures": self.pictures,
            "pictures_digest": self.pictures_digest,
            "runtime": self.runtime,
            "machine": dict(self.machine),
            "unchecked": self.unchecked,
            "apart": self.apart,
            "modules": list(self.modules),
            "beside": {name: each.to_json() for name, each in self.beside.items()},
            "footprint": {name: each.to_json() for name, each in self.footprint.items()},
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Found:
        """Read back what :meth:`to_json` wrote."""
        pairs = values["pairs"]
        return cls(
            size_kb=Reading.from_json(values["size_kb"]),
            memory_kb=_reading(values["memory_kb"]),
            arena_kb=_reading(values["arena_kb"]),
            latency_ratio=_reading(values["latency_ratio"]),
            latency_ms=_reading(values["latency_ms"]),
            right=values["right"],
            pairs=None if pairs is None else (pairs[0], pairs[1], pairs[2], pairs[3]),
            pictures=int(values["pictures"]),
            pictures_digest=values["pictures_digest"],
            runtime=values["runtime"],
            machine=values["machine"],
            unchecked=values["unchecked"],
            apart=values["apart"],
            modules=tuple(values["modules"]),
            beside=_readings(values["beside"]),
            footprint=_readings(values["footprint"]),
        )


def _reading_json(reading: Reading | None) -> dict[str, Any] | None:
    return None if reading is None else reading.to_json()


def _reading(values: Mapping[str, Any] | None) -> Reading | None:
    return None if values is None else Reading.from_json(values)


def _readings(values: Mapping[str, Any]) -> dict[str, Reading]:
    return {name: Reading.from_json(each) for name, each in values.items()}


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _path(text: str | None) -> Path | None:
    return None if text is None else Path(text)
