"""What the process of a metric tells from few readings: noise is noise, equal is not certain."""

from __future__ import annotations

import numpy as np
import pytest

from tightfit import FloatArray, Hparam, IntArray, SearchSpace
from tightfit.search.choice_kernel import ChoiceKernel
from tightfit.search.choice_process import ChoiceProcess, Points, fitted, typical

LAYERS, CHOICES = 8, 4
SPACE = SearchSpace(
    tuple(Hparam(f"layer{i}.pruning_ratio", (0.0, 0.2, 0.4, 0.6)) for i in range(LAYERS))
)
DAMAGE = [np.linspace(0, 1 + i, CHOICES) for i in range(LAYERS)]
KERNEL = ChoiceKernel(SPACE, DAMAGE)


def points(batch: IntArray) -> Points:
    believed = sum(each[batch[:, column]] for column, each in enumerate(DAMAGE))
    scaled = (np.asarray(believed) - 18) / 4
    return Points(KERNEL.codes(batch), scaled[:, None])


def drawn(n: int, seed: int) -> tuple[IntArray, FloatArray, np.random.Generator]:
    rng = np.random.default_rng(seed)
    batch = rng.integers(0, CHOICES, (n, LAYERS))
    weights = rng.uniform(0.5, 1.5, LAYERS)
    truth = sum(
        w * each[batch[:, c]] for c, (w, each) in enumerate(zip(weights, DAMAGE, strict=True))
    )
    return batch, np.asarray(truth / np.std(truth)), rng


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_what_is_noise_in_readings_is_found_to_be(share: float) -> None:
    batch, truth, rng = drawn(100, 0)
    noisy = truth + np.sqrt(share / (1 - share)) * rng.standard_normal(100)
    found = fitted(KERNEL, typical(KERNEL, 1), points(batch), noisy)
    assert share / 2.5 < found.noise < 2.5 * share
    believed, _ = ChoiceProcess(KERNEL, found, points(batch), noisy).predict(points(batch))
    assert np.std(believed - truth) < 0.7 * np.std(noisy - truth)


def test_readings_of_nothing_but_noise_are_all_noise() -> None:
    batch, _, rng = drawn(60, 1)
    noise = rng.standard_normal(60)
    found = fitted(KERNEL, typical(KERNEL, 1), points(batch), noise)
    assert found.noise > 0.5


def test_readings_without_noise_are_believed() -> None:
    batch, truth, _ = drawn(100, 2)
    found = fitted(KERNEL, typical(KERNEL, 1), points(batch), truth)
    assert found.noise < 5e-3
    believed, _ = ChoiceProcess(KERNEL, found, points(batch), truth).predict(points(batch))
    assert believed == pytest.approx(truth, abs=0.1)


def test_equal_readings_do_not_make_certain_what_others_will_read() -> None:
    batch, _, rng = drawn(5, 3)
    process = ChoiceProcess(KERNEL, typical(KERNEL, 1), points(batch), np.full(5, 0.1))
    mean, deviation = process.predict(points(rng.integers(0, CHOICES, (20, LAYERS))))
    assert mean == pytest.approx(np.full(20, 0.1))
    assert (deviation > 1e-3).all()
