"""Make the embedded data set `fashion_mnist_10k` from Fashion-MNIST's official training file.

Draws 1,000 pictures of each class with a fixed seed: 700 for training, 150 for validation and 150
for test. The official test file is never read. The position of each picture in the official
training file is kept as `official_index`, so that anyone can leave them out elsewhere.

    python tools/make_fashion_mnist_10k.py FOLDER

FOLDER holds `train-images-idx3-ubyte.gz` and `train-labels-idx1-ubyte.gz`; Debian's package
`dataset-fashion-mnist` puts them in /usr/share/datasets/fashion-mnist.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np

PER_CLASS = {"train": 700, "validation": 150, "test": 150}
SEED = 20240601
TARGET = Path(__file__).parents[1] / "objectives" / "datasets" / "fashion_mnist_10k.npz"


def read_idx(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def draw(labels: np.ndarray) -> np.ndarray:
    """Return positions in the official file, `[10000]`: training, then validation, then test."""
    rng = np.random.default_rng(SEED)
    by_class = [rng.permutation(np.flatnonzero(labels == label)) for label in range(10)]
    splits, start = [], 0
    for count in PER_CLASS.values():
        together = np.concatenate([found[start : start + count] for found in by_class])
        splits.append(rng.permutation(together))
        start += count
    return np.concatenate(splits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    images = read_idx(folder / "train-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28)
    labels = read_idx(folder / "train-labels-idx1-ubyte.gz", 8)
    index = draw(labels)
    np.savez_compressed(
        TARGET, images=images[index], labels=labels[index], official_index=index.astype(np.int32)
    )
    print(f"{TARGET}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
