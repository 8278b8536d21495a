"""Networks by name, with their weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from tightfit import SpecError
from tightfit.objectives.models.adaptation import fit_state, load_checked
from tightfit.objectives.models.built import Built
from tightfit.objectives.models.own import build_own
from tightfit.objectives.models.stems import StemChoice
from tightfit.objectives.models.timm_models import build_timm
from tightfit.objectives.models.torchvision_models import build_torchvision
from tightfit.objectives.models.weights import State, read_weights
from tightfit.objectives.seeding import seeded

__all__ = ["LoadedModel", "StemChoice", "check_model", "load_baseline", "load_model"]

PUBLISHED = "DEFAULT"
_PICTURE_AXES = 3


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network as a study begins with it.

    Attributes:
        module: In evaluation mode, float32, on the CPU.
        needs_training: Whether it has no weights, or weights that were changed in a way that only
            training can mend (another class count, another stem, other positions).
        notes: What of its weights was changed, one line each, for people.
    """

    module: nn.Module
    needs_training: bool
    notes: tuple[str, ...]


def load_model(
    name: str,
    *,
    input_shape: tuple[int, ...],
    classes: int | None,
    folder: Path,
    weights: str | None = None,
    stem: StemChoice = "auto",
    stem_stride: int = 2,
    seed: int = 0,
) -> nn.Module:
    """Return the network of :func:`load_baseline` alone."""
    return load_baseline(
        name,
        input_shape=input_shape,
        classes=classes,
        folder=folder,
        weights=weights,
        stem=stem,
        stem_stride=stem_stride,
        seed=seed,
    ).module


def load_baseline(
    name: str,
    *,
    input_shape: tuple[int, ...],
    classes: int | None,
    folder: Path,
    weights: str | None = None,
    stem: StemChoice = "auto",
    stem_stride: int = 2,
    seed: int = 0,
) -> LoadedModel:
    """Return a network that reads inputs of ``input_shape`` and tells ``classes`` apart.

    Args:
        name: ``torchvision:NAME``, ``NAME`` alone (the same), ``timm:NAME`` or ``module:function``.
        input_shape: Without the batch axis, ``(C, H, W)`` for pictures.
        classes: How many; ``None`` where targets are not classes, for the user's own networks.
        folder: Folder of the study file: weights and code are looked up from there.
        weights: A path, ``"DEFAULT"`` (published ones, which are downloaded, or those that the
            user's own network comes with), or ``None`` for fresh ones.
        stem: The first layers of torchvision's and timm's networks: ``"imagenet"`` as published,
            ``"small"`` a 3x3 convolution and no max-pool, ``"auto"`` small where the picture is too
            small for the published ones.
        stem_stride: Of the small stem's convolution.
        seed: Of everything random in fresh weights.

    Raises:
        SpecError: An unknown name, a network that cannot read such inputs or has another number of
            outputs, weights that are missing, damaged or of another network.
    """
    with seeded(seed):
        built = _build(
            name,
            input_shape=input_shape,
            classes=classes,
            folder=folder,
            stem=stem,
            stem_stride=stem_stride,
        )
        built.module.eval()
        check_model(built.module, name, input_shape=input_shape, classes=classes)
        return _with_weights(built, name, weights=weights, folder=folder)


def _build(
    name: str,
    *,
    input_shape: tuple[int, ...],
    classes: int | None,
    folder: Path,
    stem: StemChoice,
    stem_stride: int,
) -> Built:
    kind, colon, rest = name.partition(":")
    if colon and kind not in ("torchvision", "timm"):
        return build_own(name, folder=folder, input_shape=input_shape, classes=classes)
    if len(input_shape) != _PICTURE_AXES or classes is None:
        raise SpecError(
            f"{name!r} tells classes of pictures [C, H, W] apart, and the data are "
            f"{list(input_shape)} with {'no' if classes is None else classes} classes; "
            "write a model of your own as 'module:function'"
        )
    channels, height, width = input_shape
    shape = (channels, height, width)
    if kind == "timm" and colon:
        return build_timm(
            rest, input_shape=shape, classes=classes, stem=stem, stem_stride=stem_stride
        )
    return build_torchvision(
        rest if colon else name,
        input_shape=shape,
        classes=classes,
        stem=stem,
        stem_stride=stem_stride,
    )


def check_model(
    module: object, name: str, *, input_shape: tuple[int, ...], classes: int | None
) -> None:
    """Refuse what is no network for these data: one input of zeros is run through it.

    Raises:
        SpecError: Not a module, it fails on inputs of that shape, or gives something else than one
            output for each class.
    """
    if not isinstance(module, nn.Module):
        raise SpecError(
            f"the model {name!r} must be a torch.nn.Module, got {type(module).__name__}"
        )
    outputs = _outputs(module, name, input_shape)
    if not isinstance(outputs, Tensor):
        raise SpecError(
            f"the model {name!r} must return one tensor, got {type(outputs).__name__}; wrap it in "
            "a module whose forward returns the one that is scored"
        )
    if classes is not None and outputs.shape != (1, classes):
        raise SpecError(
            f"the model {name!r} must give {classes} outputs for {classes} classes, "
            f"[1, {classes}] for one input, got {list(outputs.shape)}"
        )


def _outputs(module: nn.Module, name: str, input_shape: tuple[int, ...]) -> object:
    """Run one input of zeros through the network in evaluation mode, and leave it as it was."""
    modes = [(part, part.training) for part in module.modules()]
    device = next((values.device for values in module.parameters()), None)
    try:
        module.eval()
        with torch.no_grad():
            return module(torch.zeros(1, *input_shape, dtype=torch.float32, device=device))
    # A network may fail on a strange shape in any way, and its own code may even exit.
    except (Exception, SystemExit) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise SpecError(
            f"the model {name!r} cannot read inputs of {list(input_shape)}: {reason}"
        ) from error
    finally:
        for part, training in modes:
            part.training = training


def _with_weights(built: Built, name: str, *, weights: str | None, folder: Path) -> LoadedModel:
    module = built.module
    if weights is None:
        return LoadedModel(module, needs_training=True, notes=())
    if weights == PUBLISHED:
        source, state = f"the published weights of {name!r}", _fetch(built, name)
    else:
        path = folder / Path(weights).expanduser()
        source, state = f"the weights {path}", read_weights(path)
        _check_file(built, state, source)
    state = {key: value for key, value in state.items() if not key.startswith(built.extras)}
    adaptation = fit_state(
        state, module, convolution=built.convolution, classifier=built.classifier
    )
    load_checked(module, adaptation.state, source=source)
    return LoadedModel(module, adaptation.needs_training, adaptation.notes)


def _fetch(built: Built, name: str) -> State:
    try:
        return built.published()
    # No network, no such file, a wrong digest: each library and hub fails in its own way.
    except Exception as error:
        raise SpecError(
            f"the published weights of {name!r} could not be fetched: {error}; write the path of a "
            "file in place of 'DEFAULT', or no weights to train the network first"
        ) from error


def _check_file(built: Built, state: State, source: str) -> None:
    """Refuse a file whose network differs in a way that its owner did not ask for.

    Raises:
        SpecError: Another class count, or another kernel of the first convolution.
    """
    target = built.module.state_dict()
    head, first = f"{built.classifier}.weight", f"{built.convolution}.weight"
    if head in state and head in target and len(state[head]) != len(target[head]):
        raise SpecError(
            f"{source} tell {len(state[head])} classes apart ({head}), and the data have "
            f"{len(target[head])}; take weights for these classes, 'DEFAULT' for published ones "
            "with a fresh classifier, or no weights to train the network first"
        )
    if first in state and first in target and state[first].shape[2:] != target[first].shape[2:]:
        old, new = (" x ".join(map(str, values[first].shape[2:])) for values in (state, target))
        raise SpecError(
            f"{source} have a first convolution ({first}) of {old}, and the model one of {new}; "
            "write stem = 'imagenet' or stem = 'small', whichever they were trained with"
        )
