"""The only place where data come over the network, when a study asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import torchvision

from tightfit import SpecError


def download_with(name: Literal["FashionMNIST", "CIFAR10", "CIFAR100"], root: Path) -> None:
    """Let torchvision download, check and unpack one of its data sets into ``root``.

    Raises:
        SpecError: It cannot be fetched, does not have the right digest, or cannot be written.
    """
    try:
        getattr(torchvision.datasets, name)(str(root), download=True)
    # URLError and HTTPError are OSErrors; torchvision raises RuntimeError for a wrong digest.
    except (OSError, RuntimeError) as error:
        raise SpecError(f"{name} could not be downloaded into {root}: {error}") from error
