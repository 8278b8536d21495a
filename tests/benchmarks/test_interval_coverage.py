from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.interval_coverage import measure_coverage


@pytest.mark.matrix
def test_the_intervals_of_twenty_exports_cover_the_truth_at_least_17_times(tmp_path: Path) -> None:
    found, _ = measure_coverage(tmp_path)
    assert {each.name: each.covered >= 17 for each in found} == {
        "accuracy": True,
        "accuracy beside the baseline": True,
    }
