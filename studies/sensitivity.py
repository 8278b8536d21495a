"""What each single choice damages: measured on a sample before training, for a few after some.

Layer by layer the damage tells where a network can be compressed (Li et al., "Pruning filters for
efficient ConvNets", 2017, section 3.2). It is kept in the run, where its reference candidates and
samplers find it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from tightfit import Candidate, Choice, FloatArray, Recipe, SearchSpace, SpecError
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.calibration import calibration_order, settle
from tightfit.objectives.damage import Damage, DamageMeter
from tightfit.search import technique_columns
from tightfit.spaces.network import Network
from tightfit.studies.assembly import Assembly, assemble
from tightfit.studies.baseline import Say, trained_module
from tightfit.studies.bench import use_processors
from tightfit.studies.kept import read_kept
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.same_run import check_same_fingerprint, check_same_spec, check_unchanged
from tightfit.studies.study_file import Study

INPUTS, CALIBRATION_INPUTS, TRAINING_INPUTS = 256, 96, 768
VERSION = 1

SensitivityProgress = Callable[[int, int, str], None]
"""Called with choices done, choices in all, and what is measured now."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What one choice does, everything else as in the mildest candidate.

    Attributes:
        hparam: Its name.
        choice: One of its choices.
        damage: Before training.
        tuned: After a short training; ``None`` where it was not trained.
    """

    hparam: str
    choice: Choice
    damage: Damage
    tuned: Damage | None = None


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """What single choices were found to damage.

    Attributes:
        fingerprint: Of all that it depends on.
        inputs: Of the validation split that were compared.
        metric: Whose worsening ``Damage.quality`` is.
        loss: Of the mildest candidate: the first choice of every hparam.
        effects: In the space's order.
    """

    fingerprint: str
    inputs: int
    metric: str
    loss: float
    effects: tuple[Effect, ...]

    def damage(self, space: SearchSpace) -> list[FloatArray]:
        """Return by hparam what each choice adds to the loss, ``[choices]``; empty if not known.

        Before training, which all choices have. A stronger one counts at least as much as a milder
        one, and nothing counts as a gain: what is below is noise.
        """
        known = {(each.hparam, each.choice): each.damage for each in self.effects}
        found: list[FloatArray] = []
        for hparam in space.hparams:
            rest = [known.get((hparam.name, choice)) for choice in hparam.choices[1:]]
            if not rest or None in rest:
                found.append(np.zeros(0))
                continue
            losses = [0.0, *(each.loss for each in rest if each is not None)]
            found.append(np.maximum.accumulate(np.array(losses)))
        return found

    def to_json(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return {"version": VERSION, **asdict(self)}

    def write(self, path: Path) -> None:
        """Keep it, whole or not at all."""
        write_atomically(path, json.dumps(self.to_json(), indent=1).encode())

    @classmethod
    def read(cls, path: Path, fingerprint: str) -> Sensitivity | None:
        """Return what was kept; ``None`` where nothing was, or it is of another study.

        Raises:
            SpecError: The file is damaged, or another version wrote it.
        """
        kept = read_kept(path, cls._of, cure="remove it to measure anew", versions=(VERSION,))
        return kept if kept is not None and kept.fingerprint == fingerprint else None

    @classmethod
    def _of(cls, values: dict[str, Any]) -> Sensitivity:
        rest = {name: each for name, each in values.items() if name not in ("version", "effects")}
        return cls(**rest, effects=tuple(_effect(each) for each in values["effects"]))


def _effect(values: dict[str, Any]) -> Effect:
    tuned = values["tuned"]
    return Effect(
        values["hparam"],
        values["choice"],
        Damage(**values["damage"]),
        None if tuned is None else Damage(**tuned),
    )


def study_sensitivity(
    study: Study, folder: RunFolder, *, tuned: int, say: Say, progress: SensitivityProgress
) -> Sensitivity:
    """Measure what each single choice of a study damages, and keep it in the run's folder.

    What was measured there before is not measured again.

    Args:
        study: As it was read.
        folder: Of a run, begun or not; made when it is not there.
        tuned: How many choices are trained for a moment, from the most damaging one to the median.
        say: Told what is being done.
        progress: Told how far it is.

    Raises:
        SpecError: The study cannot be run as written, no technique of it has choices, or the folder
            holds another study's run or cannot be written.
    """
    check_same_spec(study.spec, folder)
    folder.make()
    with folder.locked():
        assembly = assemble(study)
        if folder.started():  # before a baseline is trained that is not the run's
            check_unchanged(assembly, folder)
        use_processors(study.spec)
        module = trained_module(assembly, folder, say=say, progress=lambda *_: None)
        check_same_fingerprint(assembly.fingerprint(module), folder)
        return _Comparison(assembly, module, folder.sensitivity).measure(tuned, progress)


class _Comparison:
    def __init__(self, assembly: Assembly, module: nn.Module, path: Path) -> None:
        self._assembly = assembly
        self._space = assembly.space(module)
        self._path = path
        mildest = self._built(self._space.search_space.baseline())
        self._meter = DamageMeter(assembly.data, assembly.task, mildest, inputs=INPUTS)
        fingerprint = assembly.fingerprint(module)
        kept = Sensitivity.read(path, fingerprint)
        metric = assembly.task.metric.name
        self._found = kept or Sensitivity(
            fingerprint, self._meter.inputs, metric, self._meter.loss, ()
        )

    def measure(self, tuned: int, progress: SensitivityProgress) -> Sensitivity:
        wanted = list(_choices(self._space.search_space))
        if not wanted:
            raise SpecError("no technique of this study has more than one choice to compare")
        known = {(each.hparam, each.choice) for each in self._found.effects}
        total = len(wanted) + min(tuned, len(wanted))
        for done, (hparam, choice) in enumerate(wanted):
            progress(done, total, f"{hparam} = {choice}")
            if (hparam, choice) not in known:
                network = self._built(self._single(hparam, choice))
                self._keep(Effect(hparam, choice, self._meter(network)))
        for done, effect in enumerate(spread(self._found.effects, tuned)):
            progress(len(wanted) + done, total, f"training {effect.hparam} = {effect.choice}")
            if effect.tuned is None:
                trained = self._trained(self._single(effect.hparam, effect.choice))
                self._keep(replace(effect, tuned=self._meter(trained)))
        progress(total, total, "")
        return self._found

    def _single(self, hparam: str, choice: Choice) -> Candidate:
        return self._space.search_space.from_choices({hparam: choice})

    def _built(self, candidate: Candidate) -> Network:
        network = self._space.build(candidate)
        settle(network, self._assembly.data, inputs=CALIBRATION_INPUTS)
        network.quantization = network.quantized
        return network

    def _trained(self, candidate: Candidate) -> nn.Module:
        data = self._assembly.data
        few = data.train.take(calibration_order(data, TRAINING_INPUTS))
        trainer = replace(self._assembly.trainer(None), data=replace(data, train=few))
        recipe = Recipe(1, self._space.recipe(candidate).learning_rate)
        return trainer(self._built(candidate), recipe, seed=0, progress=lambda *_: None)

    def _keep(self, effect: Effect) -> None:
        rank = {key: number for number, key in enumerate(_choices(self._space.search_space))}
        others = [
            each
            for each in self._found.effects
            if (each.hparam, each.choice) != (effect.hparam, effect.choice)
        ]
        effects = sorted([*others, effect], key=lambda each: rank[each.hparam, each.choice])
        self._found = replace(self._found, effects=tuple(effects))
        self._found.write(self._path)


def _choices(space: SearchSpace) -> Iterator[tuple[str, Choice]]:
    """Yield every choice of a technique but the mildest, in the space's order."""
    columns = sorted(column for group in technique_columns(space).values() for column in group)
    for column in columns:
        hparam = space.hparams[column]
        for choice in hparam.choices[1:]:
            yield hparam.name, choice


def spread(effects: Sequence[Effect], count: int) -> list[Effect]:
    """Return ``count`` effects from the most damaging one to the median, evenly spread."""
    ranked = sorted(effects, key=lambda each: -each.damage.loss)
    half = ranked[: max(count, (len(ranked) + 1) // 2)]
    if count < 2 or len(half) < 2:
        return half[:count]
    places = np.linspace(0, len(half) - 1, min(count, len(half))).round().astype(int)
    return [half[place] for place in dict.fromkeys(places.tolist())]
