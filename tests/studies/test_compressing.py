"""What compress() is asked for it does, or refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import torch

from tests.spaces.bad_models import PICTURE, plain
from tests.studies.conftest import make_results
from tightfit import SpecError
from tightfit.studies import compressing
from tightfit.studies.assembly import Assembly
from tightfit.studies.compressing import Result, compress
from tightfit.studies.results import Results


def live(**more: Any) -> Result:
    pair = (torch.zeros(10, *PICTURE), torch.arange(10) % 5)
    return compress(plain(), pair, pair, constraints=["size_kb <= 100"], **more)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"trial": {"minutes": 5}}, "takes no 'trial': candidates are evaluated in this process"),
        ({"data": {"name": "cifar10"}}, "takes no 'data': the data are its arguments 'train', "),
        (
            {"score": lambda *_: (0.0, 0.0), "quality": {"score": "own:error_rate"}},
            r"takes one score, got 'score' and quality\.score = 'own:error_rate'",
        ),
    ],
)
def test_what_would_do_nothing_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        live(**more)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Assembly]:
    """What is run, without running it."""
    found: list[Assembly] = []

    def run(assembly: Assembly, *_: object) -> object:
        found.append(assembly)
        return make_results(tmp_path)

    monkeypatch.setattr(compressing, "run_objects", run)
    return found


@pytest.mark.parametrize(("more", "name"), [({"name": "small"}, "small"), ({}, "compress")])
def test_a_run_has_the_name_that_it_is_given(
    tmp_path: Path, asked: list[Assembly], more: dict[str, Any], name: str
) -> None:
    live(folder=tmp_path / "run", **more)
    assert asked[0].study.name == name


def test_what_a_loop_of_the_users_own_is_not_told_is_not_searched(
    tmp_path: Path, asked: list[Assembly]
) -> None:
    live(folder=tmp_path / "run", training={"fit": "own:fit"})
    space = asked[0].study.spec.space
    assert space.distillation is not None
    assert (space.distillation.weights, space.schedule.learning_rates) == ((0.9,), (0.05,))


def test_what_a_notebook_shows_of_a_result_is_short(results: Results) -> None:
    result = Result(results, cast(Assembly, None))
    count = len(result.front)
    told = f"{count} members, folder={str(results.folder)!r}"
    assert repr(result) == f"Result({told})"
    assert repr(result.front) == f"ResultFront({told})"
