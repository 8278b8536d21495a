from __future__ import annotations

import pytest
import torch

from tightfit.objectives.peak_memory import PeakMemory


def test_memory_is_also_watched_where_the_kernel_keeps_no_peak(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tightfit.objectives.peak_memory._reset_peak", lambda: False)
    with PeakMemory() as watch:
        held = [torch.ones(10_000_000) for _ in range(5)]
    assert watch.kilobytes == pytest.approx(40_000 * len(held), rel=0.1)


def test_memory_that_was_freed_before_counts_when_it_is_used_again() -> None:
    for _ in range(2):
        with PeakMemory() as watch:
            torch.ones(10_000_000)
        assert watch.kilobytes == pytest.approx(40_000, rel=0.1)
