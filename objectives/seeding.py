"""Randomness that follows a seed and leaves no trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

_NUMPY_SEEDS = 2**32


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it random numbers follow ``seed``; behind it they go on as before.

    Those are of torch on the CPU, of NumPy's global generator and of ``random``: a user's own code
    may draw from any of them. A generator of its own it has to seed itself.
    """
    state = torch.random.get_rng_state()
    of_numpy, of_python = np.random.get_state(), random.getstate()
    torch.default_generator.manual_seed(seed)
    np.random.seed(seed % _NUMPY_SEEDS)
    random.seed(seed)
    try:
        yield
    finally:
        torch.random.set_rng_state(state)
        np.random.set_state(of_numpy)
        random.setstate(of_python)
