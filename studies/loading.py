"""Gives an exported network back as a torch module."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from tightfit import SpecError
from tightfit.objectives.inheritance import WEIGHTS_FILE
from tightfit.objectives.models import load_model
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.network import Network
from tightfit.studies.export_folder import CONFIG_FILE, check_file, read_report
from tightfit.studies.settings import space_settings
from tightfit.studies.spec import ModelTable
from tightfit.studies.spec_device import DeviceTable
from tightfit.studies.spec_space import SpaceTable


def load(folder: str | Path, *, model: Callable[[], nn.Module] | None = None) -> Network:
    """Return the network of an export, in evaluation mode; its outputs are the file's.

    Args:
        folder: Written by an export.
        model: Makes the uncompressed network when it was the user's own; its weights do not
            matter. Code of the user's is never taken from an export.

    Raises:
        SpecError: The folder is no export, truncated, edited or of a newer version, or the model
            is needed or another.
    """
    folder = Path(folder)
    _check(folder)
    config = _config(folder / CONFIG_FILE)
    try:
        table = ModelTable(**config["model"])
        # Exports without the table have weights of the whole 8 bits.
        device = DeviceTable.model_validate(config.get("device", {"target_cpu": "vnni"}))
        settings = space_settings(SpaceTable.model_validate(config["space"]), device.target_cpu)
        shape = tuple(config["input"]["baseline_shape"])
        choices = {hparam["name"]: hparam.get("value") for hparam in config["candidate"]}
        classes = config["input"].get("classes")
    except (KeyError, TypeError, ValidationError) as error:
        raise SpecError(f"{folder / CONFIG_FILE} is not an export's: {error}") from error
    if model is None and (table.name == "object" or _is_users(table.name)):
        raise SpecError(
            f"{folder} was made from {table.name!r}, your own code; pass it: "
            "load(folder, model=factory)"
        )
    module = (
        model()
        if model is not None
        else load_model(
            table.name,
            input_shape=shape,
            classes=classes,
            folder=folder,
            stem=table.stem,
            stem_stride=table.stem_stride,
        )
    )
    space = CompressionSpace(module, torch.zeros(1, *shape), settings=settings)
    network = space.blank(space.search_space.from_choices(choices))
    _load_state(network, folder / WEIGHTS_FILE)
    return network


def _check(folder: Path) -> None:
    """Refuse a folder whose files are not those that were exported."""
    report = read_report(folder)
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        # Exports of the first version kept no checksums; what is wrong with them shows below.
        if "files" in report:
            check_file(folder, report, name)


def _load_state(network: Network, path: Path) -> None:
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError, RuntimeError) as error:
        first = str(error).splitlines()[0]
        raise SpecError(f"{path} does not hold this network's weights: {first}") from error
    network.mark_calibrated()
    network.quantization = network.quantized
    network.eval()


def _config(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"{path.parent} is not an export: {path.name}: {error}") from error


def _is_users(name: str) -> bool:
    return ":" in name and name.split(":")[0] not in ("torchvision", "timm")
