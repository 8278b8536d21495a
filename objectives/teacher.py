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

from tightfit import SpecError
from tightfit.objectives.artifact.files import write_atomically
from tightfit.objectives.augmentation import Augment, apply, suited
from tightfit.objectives.data import Data
from tightfit.objectives.devices import Precision
from tightfit.objectives.quality import prepare_inputs

BATCH = 250
_VIEW_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Teacher:
    """Views of the training inputs and what the baseline says of them.

    Attributes:
        views: ``[V, N, C, ...]``, of the data set's own dtype, all in memory.
        outputs: ``[V, N, ...]``, float32.

    Raises:
        SpecError: The two are not of the same views.
    """

    views: Tensor
    outputs: Tensor

    def __post_init__(self) -> None:
        if self.views.shape[:2] != self.outputs.shape[:2]:
            raise SpecError(
                "a teacher needs one output for each view [V, N], got views "
                f"{list(self.views.shape[:2])} and outputs {list(self.outputs.shape[:2])}"
            )


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
        augment: Makes the views; see :func:`suited`.
        views: How many views of each input, at least 1; the first is the input itself.
        seed: Of the views.
        precision: Where and how precisely the model computes.
        folder: Of the run's teachers; it exists.
        key: Digest of the baseline, of the augmentation and of all else that the outputs depend on,
            beside data, views and seed.
        progress: Told views done and views in all.

    Raises:
        SpecError: The augmentation does not work on these inputs.
    """
    pictures = make_views(
        data.train.inputs, augment=suited(augment, data.train), views=views, seed=seed
    )
    name = hashlib.sha256(f"{key} {data.fingerprint} {views} {seed}".encode()).hexdigest()[:16]
    path = folder / f"{name}.safetensors"
    outputs = _read(path)
    if outputs is None or outputs.shape[:2] != pictures.shape[:2]:
        outputs = _outputs(model, data, pictures, precision.suited(model), progress)
        write_atomically(path, save({"outputs": outputs.contiguous()}))
    return Teacher(pictures, outputs)


def make_views(inputs: Tensor, *, augment: Augment, views: int, seed: int) -> Tensor:
    """Return the fixed views of inputs ``[N, ...]``, ``[views, N, ...]``; the first is the inputs.

    Raises:
        SpecError: The augmentation does not work on these inputs.
    """
    made = torch.empty((views, *inputs.shape), dtype=inputs.dtype)
    made[0] = inputs
    for number in range(1, views):
        generator = torch.Generator().manual_seed(1_000_003 * seed + number)
        chunks = zip(
            torch.split(made[number], _VIEW_CHUNK), torch.split(inputs, _VIEW_CHUNK), strict=True
        )
        for place, part in chunks:
            place.copy_(apply(augment, part, generator))
    return made


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
                prepared = prepare_inputs(data, inputs.to(precision.device), data.input_shape)
                with precision.autocast():
                    parts.append(model(precision.inputs(prepared)).float().cpu())
            found.append(torch.cat(parts))
            progress(number + 1, len(views))
    model.cpu()
    return torch.stack(found)


def _read(path: Path) -> Tensor | None:
    """Return what was kept, or nothing when it is not there or not whole."""
    try:
        return load_file(path)["outputs"]
    except (FileNotFoundError, SafetensorError, KeyError):
        return None
