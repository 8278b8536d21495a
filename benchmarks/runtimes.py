"""One network in every runtime that is installed: latency, bytes, and how far the answers differ.

    python benchmarks/runtimes.py [--rounds 6] [--side 224] [--threads 1] [--nets resnet18 ...]

Random weights, calibrated on noise. Latencies are ratios to onnxruntime's of the float file; each
round asks every runtime once, so that a machine that changes its pace changes all of them, and the
median over the rounds is shown. Answers are compared with the torch network's.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from tightfit import SpecError
from tightfit.objectives.artifact.formats import write_file
from tightfit.objectives.meter.device import Device, DeviceSettings
from tightfit.objectives.meter.taking import SESSION_S
from tightfit.objectives.models import load_model
from tightfit.objectives.runtimes import RUNTIMES, KnownRuntime, predict
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings

NETS = ("resnet18", "mobilenet_v3_small", "efficientnet_b0")
REFERENCE = "onnxruntime"
PICTURES = 64
INTEGERS = "all 8"
"""Name of the variant that computes with nothing but integers."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A network as it is compared, with its files by suffix."""

    name: str
    network: Network
    files: dict[str, Path]
    inputs: torch.Tensor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nets", nargs="+", default=NETS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    timed = [each for each in RUNTIMES.values() if each.timed]
    runtimes = [each for each in timed if installed(each, arguments.threads)]
    print("| network | weights | runtime | latency | kB | largest difference | same class |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for net in arguments.nets:
        with tempfile.TemporaryDirectory() as folder:
            found = list(variants(net, arguments.side, Path(folder), runtimes))
            times = latencies(found, runtimes, arguments.rounds, arguments.threads)
            for variant in found:
                for runtime in reading(runtimes, variant.name):
                    ratio = times[variant.name, runtime.name]
                    row(net, variant, runtime, ratio, arguments.threads)


def installed(runtime: KnownRuntime, threads: int) -> bool:
    try:
        runtime.make(threads)
    except SpecError as error:
        print(f"left out: {error}\n")
        return False
    return True


def reading(runtimes: list[KnownRuntime], variant: str) -> list[KnownRuntime]:
    """Return those that read a variant's file: some take integers alone."""
    return [each for each in runtimes if variant == INTEGERS or not each.integers]


def variants(net: str, side: int, folder: Path, runtimes: list[KnownRuntime]) -> Iterator[Variant]:
    """Yield the network in floats, with weights of 8 bits, and with nothing but integers."""
    shape = (3, side, side)
    for name, bits, integer_only in (("float", None, False), ("8", 8, False), (INTEGERS, 8, True)):
        torch.manual_seed(0)
        module = load_model(f"torchvision:{net}", input_shape=shape, classes=1000, folder=Path())
        choices = (8,) if integer_only else (None, 8)
        quantization = QuantizationSettings("network", choices, integer_only=integer_only)
        settings = SpaceSettings(quantization=quantization)
        space = CompressionSpace(module, torch.zeros(1, *shape), settings=settings)
        named = [h.name for h in space.search_space.hparams if bits in h.choices]
        candidate = space.search_space.from_choices(dict.fromkeys(named, bits))
        network = space.build(candidate)
        inputs = torch.randn(PICTURES, *shape)
        network.recalibrate_norms([inputs])
        network.calibrate([inputs])
        network.quantization = True
        files = {}
        for suffix in {runtime.suffix for runtime in reading(runtimes, name)}:
            files[suffix] = folder / f"{name.replace(' ', '_')}{suffix}"
            write_file(network, files[suffix], metadata={})
        yield Variant(name, network.eval(), files, inputs)


def latencies(
    found: list[Variant], runtimes: list[KnownRuntime], rounds: int, threads: int
) -> dict[tuple[str, str], float]:
    """Return by variant and runtime the median ratio to the reference's float file."""
    devices = {
        each.name: Device(DeviceSettings(runtime=each.name, threads=threads)) for each in runtimes
    }
    taken: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        ms: dict[tuple[str, str], float] = {}
        for runtime in runtimes:
            read = [variant for variant in found if runtime in reading(runtimes, variant.name)]
            files = [variant.files[runtime.suffix] for variant in read]
            session = devices[runtime.name].session(files, SESSION_S)
            ms |= {(v.name, runtime.name): each for v, each in zip(read, session.ms, strict=True)}
        for key, each in ms.items():
            taken.setdefault(key, []).append(each / ms["float", REFERENCE])
    for device in devices.values():
        device.close()
    return {key: statistics.median(ratios) for key, ratios in taken.items()}


def row(net: str, variant: Variant, runtime: KnownRuntime, ratio: float, threads: int) -> None:
    path = variant.files[runtime.suffix]
    with torch.no_grad():
        parts = torch.split(variant.inputs, 8)
        wanted = torch.cat([variant.network(part) for part in parts]).numpy()
    answers = predict(runtime.make(threads).open(path), variant.inputs.numpy(), batch_size=8)
    distance = np.abs(answers - wanted).max() / np.abs(wanted).max()
    same = (answers.argmax(1) == wanted.argmax(1)).mean()
    print(
        f"| {net} | {variant.name} | {runtime.name} | {ratio:.2f} | "
        f"{path.stat().st_size / 1000:,.0f} | {distance:.1e} | {100 * same:.0f} % |",
        flush=True,
    )


if __name__ == "__main__":
    main()
