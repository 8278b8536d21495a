"""Models that cannot be compressed: what makes each, the shape of its inputs, what is said."""

from __future__ import annotations

import random
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
import torchvision
from torch import Tensor, nn
from torch.ao import quantization as ao_quantization
from torch.nn import functional as F

from tests.spaces.bad_models import (
    PICTURE,
    Autoencoder,
    Model,
    Nested,
    TwoInputs,
    conv,
    plain,
    tail,
)

Refused = tuple[Callable[[], Any], tuple[int, ...], str]
ITSELF = r"the model itself \(Model\)"


@dataclass
class Scores:
    """What a model of another library may give."""

    logits: Tensor
    hidden: Tensor | None = None


class ModelOutput(OrderedDict[str, Tensor]):
    """What a model of a third library may give."""


def model(forward: Callable[[Any, Tensor], object], **parts: Any) -> Callable[[], nn.Module]:
    return lambda: Model(forward, **parts)


def giving(change: Callable[[Tensor], object]) -> Callable[[], nn.Module]:
    return model(lambda m, x: change(m.t(m.a(x))))


def overflowing(scores: Tensor) -> Tensor:
    """Put as many infinite scores beside them."""
    return torch.cat([scores, scores.exp() * 3e38 * 3e38], 1)


def with_number(name: str, number: float) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        found = plain()
        found.state_dict()[name].view(-1)[0] = number
        return found

    return make


def with_weight(change: Callable[[Tensor], Tensor]) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        found = plain()
        layer = cast(nn.Conv2d, found[3])
        layer.weight = nn.Parameter(change(layer.weight.detach()), requires_grad=False)
        return found

    return make


def nowhere(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        found = plain()
        found.get_submodule(name).to("meta")
        return found

    return make


def scripted_part() -> nn.Module:
    found = plain()
    found[3] = torch.jit.script(found[3])
    return found


def quantized() -> nn.Module:
    layers, torchs = nn.Sequential(nn.Flatten(), nn.Linear(192, 5)), cast(Any, ao_quantization)
    return cast(nn.Module, torchs.quantize_dynamic(layers, {nn.Linear}))


def prepared() -> nn.Module:
    found: Any = nn.Sequential(conv(), tail()).train()
    torchs = cast(Any, ao_quantization)
    found.qconfig = torchs.get_default_qat_qconfig("x86")
    return cast(nn.Module, torchs.prepare_qat(found))


def deep() -> nn.Module:
    found = nn.Sequential(nn.Conv2d(16, 16, 1))
    for _ in range(250):
        found = nn.Sequential(found)
    return nn.Sequential(conv(), found, tail())


class CopiesAreItself(Model):
    """Hands itself out when it is copied."""

    def __deepcopy__(self, memo: dict[int, object]) -> CopiesAreItself:
        return self


class NeverBegun(nn.Module):
    """Forgets to call its base class."""

    def __init__(self) -> None:
        pass

    def forward(self, x: Tensor) -> Tensor:
        return x


def remembering(m: Any, x: Tensor) -> Tensor:
    scores: Tensor = m.t(m.a(x)) + getattr(m, "last", 0.0)
    m.last = scores.mean(0, keepdim=True)
    return scores


def raising(_m: Any, _x: Tensor) -> Tensor:
    raise KeyError("nothing")


def leaving(_m: Any, _x: Tensor) -> Tensor:
    sys.exit(3)


def choosing(m: Any, x: Tensor) -> Tensor:
    scores: Tensor = m.t(m.a(x) if x.sum() > 0 else -m.a(x))
    return scores


def many(m: Any, x: Tensor) -> Tensor:
    scores: Tensor = m.t(m.a(x) if len(x) < 32 else m.a(-x))
    return scores


KINDS: dict[str, Refused] = {
    "a state dict": (lambda: plain().state_dict(), PICTURE, "got a state dict; build the network"),
    "a checkpoint": (lambda: {"model": {}, "epoch": 3}, PICTURE, "got a state dict; build the"),
    "a path": (lambda: Path("model.pt"), PICTURE, r"got the path 'model\.pt'; build the network"),
    "a class": (lambda: torchvision.models.ResNet, PICTURE, r"got the class ResNet; give an obj"),
    "nothing": (lambda: None, PICTURE, r"must be a torch\.nn\.Module, got NoneType"),
    "a program": (
        lambda: torch.export.export(plain(), (torch.zeros(2, *PICTURE),)), PICTURE,
        "got an ExportedProgram; give the module that it was exported from"),
    "an exported module": (
        lambda: torch.export.export(plain(), (torch.zeros(2, *PICTURE),)).module(), PICTURE,
        r"by torch\.export, in '_guards_fn' \(GuardsFn\).*exported graphs, .* have to go"),
    "TorchScript": (
        lambda: torch.jit.script(plain()), PICTURE,
        r"the model itself \(RecursiveScriptModule\) is TorchScript.*give the nn\.Module"),
    "a trace": (
        lambda: cast(Any, torch.jit).trace(plain(), torch.zeros(1, *PICTURE)), PICTURE,
        r"the model itself \(TopLevelTracedModule\) is TorchScript"),
    "TorchScript inside": (scripted_part, PICTURE, r"'3' \(RecursiveScriptModule\) is TorchScr"),
    "quantized": (quantized, PICTURE, r"'1' \(Linear\) is quantized by torch\.ao.* in float"),
    "prepared": (prepared, PICTURE, r"'0' \(Conv2d\) is quantized by torch\.ao, or prepared"),
    "never begun": (NeverBegun, PICTURE, r"__init__ of .*\(NeverBegun\) must call super\(\)"),
    "too deep": (deep, PICTURE, r"\(Sequential\) lie too deep in each other.*one nn\.Sequential"),
    "a lock": (
        lambda: Nested(threading.Lock()), PICTURE,
        r"the attribute 'held' of 'inner' \(Model\) cannot be copied \(.*lock.*keep it out"),
    "no copy": (CopiesAreItself, PICTURE, r"__deepcopy__ of .*\(CopiesAreItself\) must return a"),
}  # fmt: skip
WEIGHTS: dict[str, Refused] = {
    "no weights there": (
        lambda: plain().to("meta"), PICTURE,
        r"'0\.weight' of '0' \(Conv2d\) is on the device 'meta', where no numbers are; call to_em"),
    "a layer that is not there": (nowhere("3"), PICTURE, r"'3\.weight' of '3' \(Conv2d\) is on"),
    "a norm that is not there": (nowhere("1"), PICTURE, r"'1\.weight' of '1' \(BatchNorm2d\) is"),
    "lazy": (
        lambda: nn.Sequential(nn.LazyConv2d(8, 3), nn.Flatten(), nn.LazyLinear(5)), PICTURE,
        r"'0\.weight' of '0' \(LazyConv2d\) has no shape yet; run the lazy model once"),
    "complex": (
        model(lambda m, x: m.t((m.a(x) * m.n).real), n=nn.Parameter(torch.ones(1) * 1j)), PICTURE,
        rf"'n' of {ITSELF} is a parameter of torch\.complex64, and only real floats"),
    "integers": (
        with_weight(lambda w: (w * 100).to(torch.int8)), PICTURE,
        r"'3\.weight' of '3' \(Conv2d\) is a parameter of torch\.int8"),
    "NaN": (
        with_number("3.weight", float("nan")), PICTURE,
        r"'3\.weight' of '3' \(Conv2d\) must be finite, and 1 of its 2,304 numbers are not"),
    "infinite": (with_number("5.2.bias", float("inf")), PICTURE, r"'5\.2\.bias' of '5\.2' \(Lin"),
    "a norm of NaN": (
        with_number("1.running_var", float("nan")), PICTURE,
        r"'1\.running_var' of '1' \(BatchNorm2d\) must be finite, and 1 of its 16"),
    "no numbers in a layer": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.Linear(8, 0), nn.Linear(0, 4)), (6,),
        r"'1\.bias' of '1' \(Linear\) must have numbers, its shape is \[0\]; leave the layer out"),
    "a norm of all batches": (
        lambda: nn.Sequential(conv(), nn.BatchNorm2d(16, momentum=None), tail()), PICTURE,
        r"'1' \(BatchNorm2d\) keeps the mean over all batches \(momentum=None\).*; set its momen"),
    "transposed": (
        Autoencoder, (12,),
        r"the weight of .*\(Autoencoder\) is computed from activations, or from parame"),
}  # fmt: skip
OUTPUTS: dict[str, Refused] = {
    "a tuple": (giving(lambda y: (y, y)), PICTURE, "gives a tuple of Tensor, Tensor; wrap it in"),
    "a dictionary": (giving(lambda y: {"logits": y}), PICTURE, "gives a dict of 'logits'; wrap"),
    "a dataclass": (giving(Scores), PICTURE, "gives a Scores of 'logits', 'hidden'; wrap it in"),
    "an ordered output": (
        giving(lambda y: ModelOutput(logits=y, last=y)), PICTURE,
        "gives a ModelOutput of 'logits', 'last'; wrap it in a module whose forward returns"),
    "no output": (giving(lambda _y: None), PICTURE, "must give one tensor, it gives a NoneType"),
    "no scores": (lambda: nn.Linear(6, 0), (6,), r"it gives one without numbers, \[2, 0\]"),
    "other shapes of a large batch": (
        model(lambda m, x: m.t(m.a(x))[:, :4] if len(x) > 32 else m.t(m.a(x))), PICTURE,
        "differs from .* by inf of its largest output"),
    "labels": (
        giving(lambda y: y.argmax(1)), PICTURE,
        rf"'argmax' in {ITSELF} has no rule: it gives no floats; choose among scores outside"),
    "one number": (giving(lambda y: y.sum()), PICTURE, rf"'sum' in {ITSELF}: a reduction over ev"),
    "the input": (lambda: Model(lambda _m, x: x), PICTURE, "no convolution and no linear layer"),
    "no layer": (lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Flatten()), PICTURE, "no convolutio"),
    "one axis": (
        lambda: nn.Sequential(nn.Conv1d(4, 8, 3), nn.ReLU(), nn.Flatten()), (4, 8),
        r"that can be compressed: the operator 'conv1d' in '0' \(Conv1d\) has no rule: write nn"),
    "two inputs": (
        lambda: TwoInputs(needed=True), PICTURE,
        r"\[2, 3, 8, 8\], float32, on the CPU: the model itself \(TwoInputs\), line \d+ of .*: no"),
    "channels": (
        plain, (1, 8, 8), r"inputs of shape \[2, 1, 8, 8\].*: '0' \(Conv2d\): .*3 channels"),
    "an error": (lambda: Model(raising), PICTURE, rf"{ITSELF}, line \d+ of .*: KeyError: 'nothi"),
    "an exit": (lambda: Model(leaving), PICTURE, rf"{ITSELF}, line \d+ of refused_models\.py: 3"),
    "another device": (
        model(lambda m, x: m.t(m.a(x) + torch.zeros(1, device="meta"))), PICTURE,
        rf"cannot read inputs .* on the CPU: {ITSELF}, line \d+ of refused_models\.py: .*meta"),
    "casts to half": (
        model(lambda m, x: m.t(m.a(x.half()))), PICTURE, r"float32, on the CPU: 'a' \(Conv2d\)"),
}  # fmt: skip
OPERATORS: dict[str, Refused] = {
    "flow by data": (
        lambda: Model(choosing), PICTURE,
        rf"control flow that depends on data, in {ITSELF}, line \d+ of refused_models\.py; a net"),
    "a mask that is computed": (
        lambda: Model(lambda m, x: m.t(m.a(x)[:, m.n >= 0]), n=torch.arange(16)), PICTURE,
        r"or by arithmetic; of a mask that it indexes by, keep mask\.nonzero\(\) as a buffer"),
    "flow by a number": (
        model(lambda m, x: m.t(m.a(x) * float(x.mean()))), PICTURE, "that depends on data, in the"),
    "NumPy": (
        model(lambda m, x: m.t(torch.from_numpy(m.a(x).numpy()))), PICTURE,
        rf"traced by torch\.export, in {ITSELF}, line \d+ of .*numpy.* have to go"),
    "as many as there are": (
        model(lambda m, x: torch.masked_select(m.t(m.a(x)), m.t(m.a(x)) > 0)[:5]), PICTURE,
        "control flow that depends on data|how much it gives depends on numbers"),
    "a graph inside": (
        model(lambda m, x: m.t(torch.vmap(torch.sin)(m.a(x)))), PICTURE, "traced by|has no rule"),
    "a width like a batch": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(192, 1021), nn.Softmax(-1)), PICTURE,
        r"over the batch has no rule; the shape of '1\.weight' is \[1021, 192\], and sides that 1"),
    "words": (
        lambda: nn.Sequential(nn.Embedding(9, 16), nn.Linear(16, 4)), (6,),
        r"cannot read inputs .* '0' \(Embedding\): .*indices"),
}  # fmt: skip
CHANCE = r" draws random numbers when it is evaluated; let it draw them in training alone"
BATCHES: dict[str, Refused] = {
    "dropout": (
        model(lambda m, x: m.t(F.dropout(m.a(x), 0.001, training=True))), PICTURE,
        rf"{ITSELF}{CHANCE}"),
    "a coin": (
        model(lambda m, x: m.t(m.a(x) if random.random() < 0.999 else -m.a(x))), PICTURE, CHANCE),
    "batch statistics": (
        model(lambda m, x: m.t(F.batch_norm(m.a(x), m.n.running_mean, m.n.running_var,
                                            training=True)), n=nn.BatchNorm2d(16)), PICTURE,
        rf"'batch_norm' in {ITSELF}: a batch norm that takes the statistics of its batch"),
    "a mean over the batch": (
        model(lambda m, x: m.t(m.a(x - x.mean(0, keepdim=True)))), PICTURE,
        rf"{ITSELF} gives another output for an input alone than for the same one in a batch"),
    "a rolled batch": (
        model(lambda m, x: torch.roll(m.t(m.a(x)), 1, 0)), PICTURE, "for an input alone than for"),
    "memory": (lambda: Model(remembering), PICTURE, "one input must not depend on .*last call"),
    "a count": (
        model(lambda m, x: m.t(m.a(x)) * len(x)), PICTURE,
        rf"the traced graph differs from {ITSELF} by .* with the size of its batch"),
    "a count beside infinities": (
        model(lambda m, x: overflowing(m.t(m.a(x)) * len(x))), PICTURE,
        rf"the traced graph differs from {ITSELF} by .* with the size of its batch"),
    "a mean over the batch beside infinities": (
        model(lambda m, x: overflowing(m.t(m.a(x - x.mean(0, keepdim=True))))), PICTURE,
        rf"{ITSELF} gives another output for an input alone than for the same one in a batch"),
    "a large batch": (lambda: Model(many), PICTURE, "differs from .* with the size of its batch"),
    "a batch of one": (
        model(lambda m, x: m.t(m.a(x)).view(1, 5)), PICTURE,
        r"shape '\[1, 5\]' is invalid.*One alone it reads: write x\.size\(0\) for a fixed 1"),
    "a batch of eight": (
        model(lambda m, x: m.t(m.a(x)).view(8, 5)), PICTURE, r"'\[8, 5\]' is .* of any size, and"),
}  # fmt: skip
REFUSED = {**KINDS, **WEIGHTS, **OUTPUTS, **OPERATORS, **BATCHES}
