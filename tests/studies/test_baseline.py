"""A baseline is trained once, and kept where that is possible."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file

from tests.studies.command_line import tiny_study
from tests.studies.tiny.own import make_net
from tightfit.objectives.seeding import seeded
from tightfit.studies.assembly import assemble
from tightfit.studies.baseline import kept_module, trained_module
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.study_file import read_study


def test_a_baseline_that_cannot_lie_beside_its_run_is_kept_in_it(tmp_path: Path) -> None:
    study = read_study(tiny_study(tmp_path), ["training.baseline_epochs=1"])
    (tmp_path / ".baselines").touch()  # where no folder can be made
    run, said = RunFolder(tmp_path / "run"), list[str]()
    first, again = (
        trained_module(assemble(study), run, say=said.append, progress=lambda *_: None)
        for _ in range(2)
    )
    assert len(said) == 1
    assert [path.suffix for path in run.baseline.iterdir()] == [".safetensors"]
    for name, tensor in first.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name


def test_what_was_not_trained_yet_is_not_there(tmp_path: Path) -> None:
    study = read_study(tiny_study(tmp_path), ["training.baseline_epochs=1"])
    run = RunFolder(tmp_path / "run")
    assert kept_module(assemble(study), run) is None
    trained_module(assemble(study), run, say=lambda _: None, progress=lambda *_: None)
    assert kept_module(assemble(study), run) is not None
    assert [path.suffix for path in (tmp_path / ".baselines").iterdir()] == [".safetensors"]


def test_other_weights_to_begin_with_are_another_baseline(tmp_path: Path) -> None:
    study = read_study(tiny_study(tmp_path), ["model.weights=net.safetensors"])
    for trained, found in ((True, 2), (False, 1)):
        seen = set()
        for seed in range(2):
            with seeded(seed):
                save_file(make_net().state_dict(), tmp_path / "net.safetensors")
            assembly = assemble(study)
            model = replace(assembly.model, needs_training=trained)
            seen.add(replace(assembly, model=model).basis())
        assert len(seen) == found
