"""What every test shares."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings

# How long an example takes says how busy the machine is.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")

# Nets of tests are small: a second thread costs more than it gives, and on a busy machine the two
# wait for each other most of the time.
torch.set_num_threads(1)

WHOLE_RUNS = Path(__file__).parent / "studies"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measure coverage by the quick tests and by whole runs.

    The other slow ones are many networks and long searches through the same lines; under coverage
    they would take twice as long.
    """
    for item in items:
        if item.get_closest_marker("slow") and WHOLE_RUNS not in item.path.parents:
            item.add_marker("no_cover")


@pytest.fixture
def mount_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return what mounts a real file system of so many megabytes."""
    mounted: list[Path] = []

    def mount(megabytes: int) -> Path:
        disk = tmp_path / f"disk{len(mounted)}"
        disk.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(disk)]
        try:
            done = subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            done = False
        if not done:
            pytest.skip("mounting a small file system takes root")
        mounted.append(disk)
        return disk

    yield mount
    for disk in mounted:
        # Lazily: a database may still hold its file.
        subprocess.run(["umount", "-l", str(disk)], check=True)
