"""With which runtimes a study serves and measures its networks."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from tightfit import SpecError
from tightfit.objectives.footprint import FOOTPRINT_METRICS
from tightfit.objectives.meter.connection import LOCAL
from tightfit.objectives.metrics import latency_ms
from tightfit.objectives.profile import MICROCONTROLLER
from tightfit.objectives.runtimes import RUNTIMES, KnownRuntime, Runtime
from tightfit.studies.settings import device_profile
from tightfit.studies.spec import StudySpec
from tightfit.studies.spec_space import QuantizationTable

_OF_THIS_MACHINE = frozenset(metric.name for metric in (latency_ms.METRIC, *FOOTPRINT_METRICS))


@dataclass(frozen=True, slots=True)
class Serving:
    """The runtime of a study, and those that it is compared with.

    Attributes:
        chosen: Serves: measures, and gives the answers that count.
        beside: By name of a metric, further ones whose latency is measured.
        threads: Of each.
    """

    chosen: KnownRuntime
    beside: dict[str, KnownRuntime]
    threads: int

    @property
    def runtime(self) -> Runtime:
        """What opens the files that are served."""
        return self.chosen.make(self.threads)


def serving(spec: StudySpec, named: Collection[str]) -> Serving:
    """Return the runtimes that a study names.

    Args:
        spec: Of the study.
        named: Metrics of its limits and objectives.

    Raises:
        SpecError: A runtime that is not installed, or does not read what the space may choose.
    """
    table = spec.device
    chosen = RUNTIMES[table.runtime]
    if not chosen.timed:
        _check_untimed(spec, named)
    own = latency_ms.BY_RUNTIME.get(chosen.name)
    if own is not None and own.name in named:
        raise SpecError(
            f"{own.name!r} is 'latency_ms' in a study whose device.runtime is "
            f"{chosen.name!r}; name that"
        )
    beside = {
        metric.name: RUNTIMES[name]
        for name, metric in latency_ms.BY_RUNTIME.items()
        if metric.name in named
    }
    for runtime in (chosen, *beside.values()):
        if spec.space.quantization is not None:
            _check_bits(runtime, spec.space.quantization)
        if runtime.integers:
            _check_integers(runtime, spec.space.quantization)
        if table.batch > 1 and not runtime.batches:
            raise SpecError(
                f"files for {runtime.name} take one picture at a time, and device.batch is "
                f"{table.batch}; write 'batch = 1'"
            )
        runtime.make(table.threads)
    return Serving(chosen, beside, table.threads)


def _check_untimed(spec: StudySpec, named: Collection[str]) -> None:
    """Refuse what a runtime cannot tell whose kernels are not those of the device."""
    runtime, profile = spec.device.runtime, spec.device.profile
    timed = sorted(name for name in named if name.partition(".")[0] in _OF_THIS_MACHINE)
    if timed:
        raise SpecError(
            f"{timed[0]!r} cannot be measured with device.runtime = {runtime!r}: here it runs with "
            "kernels of reference, and a microcontroller has its own; limit 'macs', 'ram_kb' or "
            "'energy_mj' instead"
        )
    if spec.device.connect != LOCAL:
        raise SpecError(
            f"nothing is measured on a device with device.runtime = {runtime!r}, whose arena is "
            f"found here, and device.connect is {spec.device.connect!r}; leave that out"
        )
    if not device_profile(spec.device).arena:
        raise SpecError(
            f"device.runtime = {runtime!r} computes 'ram_kb' as an arena, and the profile "
            f"{profile!r} has none; write 'profile = \"{MICROCONTROLLER.name}\"' in [device]"
        )


def _check_integers(runtime: KnownRuntime, table: QuantizationTable | None) -> None:
    if table is None or not table.integer_only:
        raise SpecError(
            f"{runtime.name} reads files of integers alone, and networks of this study have "
            "floats; write 'integer_only = true' in [space.quantization]"
        )


def _check_bits(runtime: KnownRuntime, table: QuantizationTable) -> None:
    read = [bits for bits in table.bits if bits == "none" or bits in runtime.weight_bits]
    unread = [str(bits) for bits in table.bits if bits not in read]
    if unread:
        written = json.dumps(read or list(runtime.weight_bits))
        raise SpecError(
            f"{runtime.name} reads no weights of {' or '.join(unread)} bits, which "
            f"space.quantization.bits names; write 'bits = {written}'"
        )
