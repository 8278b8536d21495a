"""A trained network that lost three quarters of its channels still tells pictures apart."""

from __future__ import annotations

import pytest
import torch

from tightfit.objectives.quality import prepare_inputs
from tightfit.objectives.task import accuracy
from tightfit.studies.assembly import assemble
from tightfit.studies.study_file import find_study, read_study


@pytest.mark.slow
def test_correction_saves_accuracy_before_anything_is_trained() -> None:
    reached = {}
    for correct in ("false", "true"):
        overrides = [f"space.pruning.correct={correct}", 'space.pruning.per="network"']
        assembly = assemble(read_study(find_study("quickstart"), overrides))
        space, data = assembly.space(assembly.model.module), assembly.data
        network = space.build(space.search_space.from_choices({"network.pruning_ratio": 0.75}))
        network.recalibrate_norms([prepare_inputs(data, data.train.inputs[:256], (1, 28, 28))])
        with torch.no_grad():
            outputs = network(prepare_inputs(data, data.validation.inputs[:500], (1, 28, 28)))
        reached[correct] = accuracy(outputs, data.validation.targets[:500])[0]
    assert reached["true"] > reached["false"] + 0.2
