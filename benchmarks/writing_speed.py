"""How long does it take to write the file of a network?

The network as it is and a candidate with 8 bits in every layer, from its program to the bytes on
the disk; beside it, what `torch.save` takes for the same state, to a file whose bytes are brought
to the disk in the same way. Both take turns, so that a busy machine slows both down.

    python benchmarks/writing_speed.py [NAME ...] [--rounds 5]
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision

from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.artifact.writer import write_onnx
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings

LIMITS_S = {"resnet50": 0.5, "efficientnet_b0": 1.0, "vit_b_16": 1.0}
METADATA = {"labels": " ".join(map(str, range(1000)))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=list(LIMITS_S))
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names:
        for kind, network in networks(name).items():
            took, text = compare(network, arguments.rounds)
            limit = LIMITS_S.get(name)
            kept = "kept" if limit is not None and took <= limit else "missed"
            goal = f"; at most {limit} s: {kept}" if limit is not None else ""
            print(f"{name}, {kind}: {text}{goal}", flush=True)


def networks(name: str) -> dict[str, Network]:
    """Return the network as it is, and with 8 bits in every layer."""
    model = torchvision.models.get_model(name).eval()
    settings = SpaceSettings(quantization=QuantizationSettings(per="network", bits=(8,)))
    space = CompressionSpace(model, torch.zeros(1, 3, 224, 224), settings=settings)
    coded = space.build(space.search_space.baseline())
    coded.calibrate([torch.randn(2, 3, 224, 224)])
    coded.quantization = True
    return {"float": space.baseline_network(), "8 bits": coded}


def compare(network: Network, rounds: int) -> tuple[float, str]:
    """Return the median seconds of writing, and what both took as text."""
    took: dict[str, list[float]] = {"ours": [], "torch.save": []}
    cores: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "model.onnx", Path(folder) / "state.pt"
        for _ in range(rounds):
            # The program is made anew: its numbers are those of the weights as they are now.
            started = time.process_time()
            took["ours"].append(
                _seconds(lambda: write_onnx(network.program(), ours, metadata=METADATA))
            )
            cores.append(time.process_time() - started)
            took["torch.save"].append(_seconds(lambda: _save(network, theirs)))
        kilobytes = [path.stat().st_size / 1000 for path in (ours, theirs)]
    middle = {who: statistics.median(times) for who, times in took.items()}
    return middle["ours"], (
        f"{middle['ours']:.3f} s (worst of {rounds} {max(took['ours']):.3f}; a core was busy for "
        f"{statistics.median(cores):.3f}) for "
        f"{kilobytes[0]:,.0f} kB; torch.save {middle['torch.save']:.3f} s for "
        f"{kilobytes[1]:,.0f} kB, ratio {middle['ours'] / middle['torch.save']:.2f}"
    )


def _save(network: Network, path: Path) -> None:
    content = io.BytesIO()
    torch.save(network.state_dict(), content)
    write_atomically(path, content.getvalue())


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
