"""A network that is judged, as a file and as the torch module that the file was written from."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from tightfit import MeasurementError
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.data import Data, Split
from tightfit.objectives.quality import BATCH, prepare_inputs
from tightfit.objectives.quality_metrics.settings import QualitySettings
from tightfit.objectives.runtimes import Runtime, Session, predict

ANSWERS_FILE = "answers-{digest}.npy"
"""The uncompressed network's classes; the digest is of all that they follow from."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What fine-tuning one candidate took, once for each seed; the delivered one first.

    Attributes:
        seconds: Wall time.
        peak_kb: Resident memory above what the process held before; empty where nobody asked.
        other_accuracies: On the file, of the seeds that are not delivered.
    """

    seconds: tuple[float, ...]
    peak_kb: tuple[float, ...] = ()
    other_accuracies: tuple[float, ...] = ()


@dataclass(frozen=True)
class Subject:
    """One network, and what it is judged by. Its answers are asked for once.

    Attributes:
        file: Of the network.
        model: Its twin in torch, in evaluation mode on the CPU.
        baseline: The uncompressed network's file.
        data: Says how inputs are normalized.
        split: Judges; the search's is the validation split.
        runtime: Opens the files.
        settings: What metrics are taken at.
        tuning: What its fine-tuning took; ``None`` for a network that had none.
    """

    file: Path
    model: nn.Module
    baseline: Path
    data: Data
    split: Split
    runtime: Runtime
    settings: QualitySettings
    tuning: Tuning | None = None

    @cached_property
    def right(self) -> Tensor:
        """Which inputs of the split the file answers rightly, ``[N]``."""
        return self.answers == self.split.targets

    @cached_property
    def answers(self) -> Tensor:
        """The file's class for each input of the split, ``[N]``."""
        return self.answers_to(self.split.inputs)

    @cached_property
    def baseline_answers(self) -> Tensor:
        """The uncompressed network's classes, ``[N]``; kept beside its file for other candidates.

        Raises:
            MeasurementError: It does not run.
        """
        kept = self.baseline.with_name(ANSWERS_FILE.format(digest=self._baseline_digest()))
        if kept.is_file():
            return torch.from_numpy(np.load(kept, allow_pickle=False))
        session = self.runtime.open(self.baseline)
        answers = classes(session, self.split.inputs, self.data)
        content = io.BytesIO()
        np.save(content, answers.numpy(), allow_pickle=False)
        write_atomically(kept, content.getvalue())
        return answers

    def _baseline_digest(self) -> str:
        """Return 16 hexadecimal digits over the inputs, the baseline's file and the runtime."""
        inputs = self.split.inputs
        about = (self.runtime.name, self.data.mean, self.data.std, inputs.dtype, inputs.shape)
        digest = hashlib.sha256(repr(about).encode())
        if self.baseline.is_file():  # else the runtime says so
            digest.update(self.baseline.read_bytes())
        digest.update(inputs.contiguous().numpy().data)
        return digest.hexdigest()[:16]

    def answers_to(self, inputs: Tensor) -> Tensor:
        """Return the file's class for each of other inputs ``[n, C, ...]``, ``[n]``.

        Args:
            inputs: As the data set holds them; pixels may be floats in 0..1 in place of bytes.

        Raises:
            MeasurementError: The file does not run, or its outputs are not ``[N, classes]``.
        """
        return classes(self._session, inputs, self.data)

    @cached_property
    def _session(self) -> Session:
        return self.runtime.open(self.file)


def classes(session: Session, inputs: Tensor, data: Data) -> Tensor:
    """Return a file's class for each of some inputs ``[n, C, ...]``, ``[n]``.

    Raises:
        MeasurementError: The file does not run, or its outputs are not ``[N, classes]``.
    """
    shape, found = session.input_shapes[0], []
    for part in torch.split(inputs, BATCH):
        outputs = predict(session, prepare_inputs(data, part, shape).numpy())
        if outputs.ndim != 2:
            raise MeasurementError(
                f"a class is the largest of outputs [N, classes], got outputs of {outputs.shape}"
            )
        found.append(torch.from_numpy(outputs.argmax(1)))
    return torch.cat(found)
