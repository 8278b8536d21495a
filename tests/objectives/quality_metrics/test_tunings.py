"""What is read from fine-tunings: their spread, their time, their memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from tightfit import MeasurementError
from tightfit.objectives.quality_metrics import QualityMetric, Subject, Tuning
from tightfit.objectives.quality_metrics.accuracy_std import ACCURACY_STD
from tightfit.objectives.quality_metrics.training_ram_kb import TRAINING_RAM_KB
from tightfit.objectives.quality_metrics.training_s import TRAINING_S

Judged = Callable[..., Subject]


def test_the_spread_over_seeds_has_the_error_of_a_spread(judged: Judged) -> None:
    subject = judged(nn.Identity(), tuning=Tuning((1.0, 1.0, 1.0), (), (0.5, 0.9)))
    subject.__dict__["right"] = torch.tensor([True] * 7 + [False] * 3)
    reading = ACCURACY_STD.measure(subject)
    assert reading.value == pytest.approx(0.2)
    assert reading.stderr == pytest.approx(0.2 / 2)
    assert reading.repeats == 3


def test_what_training_takes_is_its_mean_over_the_seeds(judged: Judged) -> None:
    subject = judged(nn.Identity(), tuning=Tuning((2.0, 4.0), (100.0,)))
    seconds, memory = TRAINING_S.measure(subject), TRAINING_RAM_KB.measure(subject)
    assert (seconds.value, seconds.repeats) == (3.0, 2)
    assert seconds.stderr == pytest.approx(1.0)
    assert (memory.value, memory.stderr, memory.repeats) == (100.0, 0.0, 1)


@pytest.mark.parametrize("metric", [ACCURACY_STD, TRAINING_S, TRAINING_RAM_KB])
def test_a_network_that_was_not_fine_tuned_has_no_such_reading(
    judged: Judged, metric: QualityMetric
) -> None:
    with pytest.raises(MeasurementError, match=r"fine-tun"):
        metric.measure(judged(nn.Identity()))
