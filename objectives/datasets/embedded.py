"""The data set that ships: 10,000 pictures of Fashion-MNIST. Its licence lies beside it."""

from __future__ import annotations

from importlib import resources

import numpy as np
import torch

from tightfit.objectives.data import Data, Split, make_data
from tightfit.objectives.datasets.fashion_mnist import CLASS_NAMES, MEAN, STD

_TRAIN, _VALIDATION = 7_000, 1_500


def load_fashion_mnist_10k() -> Data:
    """Return the embedded data set: 7,000 pictures for training, 1,500 and 1,500 held out.

    Its splits are fixed, whatever the seed, and lie one after the other in the file.
    """
    file = resources.files("tightfit.objectives.datasets") / "fashion_mnist_10k.npz"
    with file.open("rb") as stream, np.load(stream) as arrays:
        inputs = torch.from_numpy(arrays["images"]).unsqueeze(1)
        targets = torch.from_numpy(arrays["labels"].astype(np.int64))
    held_out = _TRAIN + _VALIDATION
    return make_data(
        "fashion_mnist_10k",
        train=Split(inputs[:_TRAIN], targets[:_TRAIN]),
        validation=Split(inputs[_TRAIN:held_out], targets[_TRAIN:held_out]),
        test=Split(inputs[held_out:], targets[held_out:]),
        mean=MEAN,
        std=STD,
        class_names=CLASS_NAMES,
    )
