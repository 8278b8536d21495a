from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from torch import nn

from tightfit.errors import SpecError
from tightfit.objectives.artifact.executorch import write_executorch


def test_a_missing_package_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(SpecError, match=r"'executorch' is not .* 'tightfit\[executorch\]'"):
        write_executorch(nn.Linear(4, 2), (4,), tmp_path / "m.pte", metadata={})
