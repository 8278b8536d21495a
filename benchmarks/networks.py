"""Every architecture of the contract, as it is published: its own input, 1,000 classes.

Torchvision's classifiers are built for 224 x 224 pictures (Inception v3 for 299 x 299, as GoogLeNet
without auxiliary heads), timm's for the input of their configuration; all without trained weights.
The tests' own odd networks have ten classes and 16 x 16 pictures.
"""

import timm
import torch
import torchvision
from torch import nn

from tests.spaces.nets import TIMM, OddNet
from tests.spaces.odd_nets import ODD_NETS
from tightfit.objectives.models.torchvision_models import torchvision_names

_ODD = {f"odd:{net.__name__}": net for net in (OddNet, *ODD_NETS)}
_WITH_AUXILIARY = ("googlenet", "inception_v3")

NAMES = (*torchvision_names(), *TIMM, *_ODD)


def build(name: str) -> tuple[nn.Module, tuple[int, int, int]]:
    """Return a network in evaluation mode, and the shape of its pictures."""
    torch.manual_seed(0)
    if name in _ODD:
        return _ODD[name]().eval(), (3, 16, 16)
    if name in TIMM:
        module = timm.create_model(TIMM[name][0]).eval()
        # Not as an attribute: the types of `nn.Module` have tensors and modules alone.
        channels, height, width = vars(module)["pretrained_cfg"]["input_size"]
        return module, (channels, height, width)
    plain = {"aux_logits": False, "init_weights": False} if name in _WITH_AUXILIARY else {}
    side = 299 if name == "inception_v3" else 224
    return torchvision.models.get_model(name, **plain).eval(), (3, side, side)
