from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from tightfit.errors import MeasurementError
from tightfit.objectives.proof import Job, prove, starting


def test_a_process_that_does_not_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "LONGEST_S", 0.01)
    job = Job(Path("model.onnx"), None, None, mean=(), std=())
    words = r"reads model\.onnx anew did not end within .* where onnxruntime hangs on this file"
    with pytest.raises(MeasurementError, match=words):
        prove(job)
    assert not [each for each in psutil.Process().children() if "-m" in each.cmdline()]
