"""A worker reads what its run reads, or nothing."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from tests.studies.command_line import tiny_study
from tests.studies.test_same_run import prepared_bench, request
from tightfit import SpecError
from tightfit.studies import session
from tightfit.studies.assembly import assemble
from tightfit.studies.bench import Bench, open_bench
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.study_file import read_study

DATA = """
import random
import numpy
import torch

def split():
    order = {order}
    inputs, targets = torch.randn(30, 1, 16, 16), torch.arange(30) % 3
    return tuple((inputs[part], targets[part]) for part in (order[:20], order[20:25], order[25:]))
"""


@pytest.mark.parametrize(
    "order", ["numpy.random.permutation(30)", "random.sample(range(30), 30)", "torch.randperm(30)"]
)
def test_data_that_are_split_at_random_are_the_same_in_every_process(
    tmp_path: Path, order: str
) -> None:
    study = tiny_study(tmp_path)
    (tmp_path / "drawn.py").write_text(DATA.format(order=order))
    found = {
        assemble(read_study(study, ["data.name=drawn:split"])).data.fingerprint for _ in range(2)
    }
    assert len(found) == 1


def test_a_worker_refuses_data_that_are_others_in_every_process_and_trains_nothing(
    tmp_path: Path,
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    order = "numpy.random.default_rng().permutation(30)"
    (tmp_path / "drawn.py").write_text(DATA.format(order=order))
    override = "data.name=drawn:split"
    bench = prepared_bench(run, assemble(read_study(study, [override])))
    with pytest.raises(SpecError, match=r"'drawn:split' or the model .* seed every generator"):
        open_bench(str(study), [override], str(run.path), fingerprint=bench.fingerprint)
    assert not (tmp_path / ".baselines").exists()


def test_a_run_tells_its_worker_what_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, run = tiny_study(tmp_path), RunFolder(tmp_path / "run")
    bench = prepared_bench(run, assemble(read_study(study)))
    told: list[dict[str, Any]] = []

    class Worker:
        def __init__(self, start: dict[str, Any], *_: Any, **__: Any) -> None:
            told.append(start)

        def open(self) -> None: ...
        def close(self) -> None: ...

    monkeypatch.setattr(session, "WorkerProcess", Worker)
    monkeypatch.setattr(Bench, "workshop", SimpleNamespace(folder=run.candidates))
    with session.working(request(study, run), bench, Mock()):
        assert told[0]["fingerprint"] == bench.fingerprint
