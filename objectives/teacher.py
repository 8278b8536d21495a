"""The teacher's outputs, computed once, so that no trial runs the teacher.

For a fixed number of augmented views of every training input the baseline's outputs are kept
(Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", 2022: student and
teacher see the same view). Views follow from a seed and are made again where they are needed; the
outputs lie in the run's folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.augmentation import Augment
from tightfit.objectives.data import Data
from tightfit.objectives.devices import Precision
from tightfit.objectives.quality import prepare_inputs

BATCH = 250


@dataclass(frozen=True, slots=True)
class Teacher:
    """Views of the training inputs and what the baseline says of them.

    Attributes:
        views: ``[V, N, C, ...]``, of the data set's own dtype.
        outputs: ``[V, N, ...]``, float32.
    """

    views: Tensor
    outputs: Tensor


def prepare_teacher(
    model: nn.Module,
    data: Data,
    *,
    augment: Augment,
    views: int,
    seed: int,
    precision: Precision,
    folder: Path,
    key: str,
    progress: Callable[[int, int], None],
) -> Teacher:
    """Return the teacher, its outputs read from ``folder`` or computed and kept there.

    Args:
        model: The baseline.
        data: Its training split is viewed.
        augment: Makes the views; all its randomness comes from the generator.
        views: How many views of each input; the first is the input itself.
        seed: Of the views.
        precision: Where and how precisely the model computes.
        folder: Of the run's teachers; it exists.
        key: Digest of the baseline and of all else that the outputs depend on.
        progress: Told views done and views in all.
    """
    pictures = make_views(data.train.inputs, augment=augment, views=views, seed=seed)
    name = hashlib.sha256(f"{key} {views} {seed}".encode()).hexdigest()[:16]
    path = folder / f"{name}.safetensors"
    outputs = _read(path)
    if outputs is None:
        outputs = _outputs(model, data, pictures, precision, progress)
        write_atomically(path, save({"outputs": outputs}))
    return Teacher(pictures, outputs)


def make_views(inputs: Tensor, *, augment: Augment, views: int, seed: int) -> Tensor:
    """Return the fixed views of inputs ``[N, ...]``, ``[views, N, ...]``."""
    made = [inputs]
    for number in range(1, views):
        generator = torch.Generator().manual_seed(1_000_003 * seed + number)
        parts = [augment(part, generator) for part in torch.split(inputs, 4096)]
        made.append(torch.cat(parts))
    return torch.stack(made)


def _outputs(
    model: nn.Module,
    data: Data,
    views: Tensor,
    precision: Precision,
    progress: Callable[[int, int], None],
) -> Tensor:
    model = precision.place(model.eval())
    found = []
    with torch.no_grad():
        for number, view in enumerate(views):
            parts = []
            for inputs in torch.split(view, BATCH):
                prepared = prepare_inputs(data, inputs, data.input_shape)
                with precision.autocast():
                    parts.append(model(precision.inputs(prepared)).float().cpu())
            found.append(torch.cat(parts))
            progress(number + 1, len(views))
    return torch.stack(found)


def _read(path: Path) -> Tensor | None:
    """Return what was kept, or nothing when it is not there or not whole."""
    try:
        return load_file(path)["outputs"]
    except (FileNotFoundError, SafetensorError, KeyError):
        return None
