"""The name that a wrong one is likely to mean."""

from __future__ import annotations

import pytest

from tightfit.objectives.nearest import did_you_mean, nearest


@pytest.mark.parametrize(
    ("name", "known", "meant"),
    [
        ("trialz", ("trial", "trials", "training"), "trials"),
        ("trail", ("trial", "trials", "training"), "trial"),
        ("modell", ("model", "module"), "model"),
        ("resnet81", ("resnet101", "resnet18", "resnet34"), "resnet18"),
        ("ratio", ("ratios", "align"), "ratios"),
        ("xyz", ("trial", "trials"), None),
    ],
)
def test_of_names_as_near_one_of_the_same_length_is_meant(
    name: str, known: tuple[str, ...], meant: str | None
) -> None:
    assert nearest(name, known) == meant
    assert did_you_mean(name, known) == (f"; did you mean {meant!r}?" if meant else "")


def test_a_lower_cutoff_reaches_farther() -> None:
    assert nearest("lat", ("latency_ms",)) is None
    assert nearest("lat", ("latency_ms",), cutoff=0.4) == "latency_ms"
