"""Trains every candidate of the tabular benchmark once, and 200 of them three times.

    python -m benchmarks.tabular.make WORK [--repeated 200] [--check 3]

WORK gets the baseline's file and what it teaches. The rows go to `table.csv` beside this file, in
random order, one after each training: an interrupted call goes on where it stopped. `--check`
trains a few rows anew and compares them with the table, which tells whether it is still what the
code gives: bytes must be equal, accuracy within four standard deviations of the seeds' noise.
"""

from __future__ import annotations

import argparse
import copy
import csv
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import torch

from benchmarks.tabular.rows import TABLE, Row, candidate_text, noise, read_rows
from tightfit import Candidate, SearchSpace
from tightfit.objectives.calibration import calibration_order
from tightfit.objectives.quality import outputs_of, prepare_inputs
from tightfit.objectives.runtimes import OnnxRuntime
from tightfit.objectives.workshop import MODEL_FILE
from tightfit.spaces.network import Network
from tightfit.studies.assembly import assemble
from tightfit.studies.bench import Bench, prepare
from tightfit.studies.run_folder import RunFolder
from tightfit.studies.study_file import read_study

HERE = Path(__file__).parent
STUDY = HERE / "study.toml"
SEEDS = (0, 1, 2)


class Trainings:
    """Trains candidates of the study, and scores them on the way."""

    def __init__(self, work: Path) -> None:
        assembly = assemble(read_study(STUDY, []))
        folder = RunFolder(work / "run")
        self.bench: Bench = prepare(assembly, folder, say=print, progress=lambda *_: None)
        self._workshop = self.bench.workshop
        self._seconds_on_the_way = 0.0

    @property
    def space(self) -> SearchSpace:
        """Of the study."""
        return self.bench.space.search_space

    def __call__(self, indices: tuple[int, ...], seed: int) -> Row:
        """Train one candidate."""
        candidate = Candidate(indices)
        static = self._workshop.static(candidate)
        work = self._workshop.begin(candidate, seed)
        work.build()
        on_the_way: dict[float, float] = {}
        self._seconds_on_the_way = 0.0

        def score(done: int, total: int, _loss: float) -> None:
            for share in (0.25, 0.5):
                if done == round(share * total):
                    on_the_way[share] = self._accuracy_now(work.model)

        began = time.process_time()
        work.train(score)
        seconds = time.process_time() - began - self._seconds_on_the_way
        readings = work.score()
        path = self.bench.folder.candidates / candidate.key / MODEL_FILE
        row = Row(
            candidate=candidate_text(indices),
            seed=seed,
            accuracy=self.accuracy(path),
            quarter=on_the_way[0.25],
            half=on_the_way[0.5],
            size_kb=readings["size_kb"].value,
            macs=static["macs"].value,
            ram_kb=static["ram_kb"].value,
            seconds=round(seconds, 2),
        )
        work.discard()
        return row

    def _accuracy_now(self, model: torch.nn.Module) -> float:
        """Return the accuracy of a network in training, in floats, and leave it as it is.

        Rounded before it has learned to be, a network of few bits tells nothing about its end: over
        40 candidates the rank correlation of the file's accuracy with the final one is 0.20 after a
        quarter of the steps, that of the float network's 0.88.
        """
        began = time.process_time()
        twin = copy.deepcopy(model).eval()
        assert isinstance(twin, Network)
        twin.recalibrate_norms(self._batches(twin))
        right = total = 0
        with torch.no_grad():
            for inputs, targets in self._held_out(twin):
                right += int((twin(inputs).argmax(1) == targets).sum())
                total += len(targets)
        self._seconds_on_the_way += time.process_time() - began
        return round(right / total, 6)

    def _held_out(self, network: Network) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        data = self.bench.assembly.data
        assert data.test is not None
        for split in (data.validation, data.test):
            for start in range(0, len(split), 500):
                chosen = slice(start, start + 500)
                yield (
                    prepare_inputs(data, split.inputs[chosen], network.input_shape),
                    split.targets[chosen],
                )

    def _batches(self, network: Network) -> Iterator[torch.Tensor]:
        data = self.bench.assembly.data
        for chosen in torch.split(calibration_order(data), 128):
            yield prepare_inputs(data, data.train.inputs[chosen], network.input_shape)

    def accuracy(self, path: Path) -> float:
        """Return the accuracy of a file on the validation and the test split."""
        data = self.bench.assembly.data
        assert data.test is not None
        right = total = 0
        for split in (data.validation, data.test):
            outputs = outputs_of(path, split, data=data, runtime=OnnxRuntime())
            right += int((outputs.argmax(1) == split.targets).sum())
            total += len(split)
        return round(right / total, 6)


def plan(space: SearchSpace, repeated: int) -> list[tuple[tuple[int, ...], int]]:
    """Return all trainings: every candidate with the first seed, then some with the others."""
    everything = np.indices([len(hparam.choices) for hparam in space.hparams])
    rows = everything.reshape(len(space.hparams), -1).T
    order = [tuple(map(int, row)) for row in np.random.default_rng(0).permutation(rows)]
    once = [(row, SEEDS[0]) for row in order]
    return once + [(row, seed) for row in order[:repeated] for seed in SEEDS[1:]]


def make(trainings: Trainings, repeated: int) -> None:
    """Do the trainings that the table lacks."""
    known = {row.key for row in read_rows()}
    wanted = plan(trainings.space, repeated)
    began, first = time.monotonic(), len(known)
    new = not TABLE.exists()
    with TABLE.open("a", newline="") as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)], lineterminator="\n")
        if new:
            writer.writeheader()
        for indices, seed in wanted:
            if (candidate_text(indices), seed) in known:
                continue
            row = trainings(indices, seed)
            writer.writerow(asdict(row))
            file.flush()
            known.add(row.key)
            if len(known) % 20 == 0:
                pace = (time.monotonic() - began) / (len(known) - first)
                left = pace * (len(wanted) - len(known)) / 60
                print(f"{len(known)} of {len(wanted)}, {left:.0f} minutes left", flush=True)


def check(trainings: Trainings, count: int) -> list[str]:
    """Return what of a few rows, trained anew, is not what the table says."""
    rows = read_rows()
    allowed = 4 * noise(rows)
    chosen = np.random.default_rng(1).choice(len(rows), count, replace=False)
    wrong = []
    for kept in (rows[place] for place in chosen):
        found = trainings(kept.indices, kept.seed)
        print(f"{kept.candidate}, seed {kept.seed}: {kept.accuracy:.4f}, now {found.accuracy:.4f}")
        if abs(found.accuracy - kept.accuracy) > allowed:
            wrong.append(
                f"{kept.candidate}: accuracy {found.accuracy:.4f}, the table has "
                f"{kept.accuracy:.4f}, and seeds differ by at most {allowed:.4f}"
            )
        if (found.size_kb, found.macs) != (kept.size_kb, kept.macs):
            wrong.append(
                f"{kept.candidate}: {found.size_kb} kB and {found.macs:.0f} MACs, the table has "
                f"{kept.size_kb} and {kept.macs:.0f}"
            )
    return wrong


def main() -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--repeated", type=int, default=200)
    parser.add_argument("--check", type=int, default=0)
    arguments = parser.parse_args()
    trainings = Trainings(arguments.work)
    if not arguments.check:
        make(trainings, arguments.repeated)
        return 0
    wrong = check(trainings, arguments.check)
    print("\n".join(wrong) or "the table is what the code gives")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
