"""Candidates leave nothing behind: the memory of a process stays what it is while they are built.

The ruler is the process itself: what 50 candidates take that somebody keeps. A leak of one network
for each of 200 that are dropped would be four times as much.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICK = "Shuffled"
MATRIX = (
    "Tokens", "odd", "resnet18", "mobilenet_v3_small", "shufflenet_v2_x0_5", "regnet_y_400mf",
    "squeezenet1_1", "mnasnet0_5", "timm:levit_128s", "timm:convnext_atto",
    "timm:edgenext_xx_small",
)  # fmt: skip


def grown(name: str, *options: str) -> dict[str, int]:
    """Return by how many bytes a fresh process grew."""
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    command = [sys.executable, "-m", "tests.contracts.memory_growth", name, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    found: dict[str, int] = json.loads(done.stdout)
    return found


@pytest.mark.matrix
@pytest.mark.parametrize("name", MATRIX)
def test_two_hundred_dropped_candidates_take_less_than_fifty_kept_ones(name: str) -> None:
    growth = grown(name)
    assert growth["dropped"] < growth["kept"]


def test_memory_is_flat_and_a_network_kept_by_each_build_would_show() -> None:
    growth = grown(QUICK, "--leak")
    assert growth["dropped"] < growth["kept"] < growth["leaked"] / 2
