"""How far a student is from its teacher."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tightfit import Distillation


def distillation_loss(
    outputs: Tensor, teacher: Tensor, *, targets: Tensor, how: Distillation
) -> Tensor:
    """Return the distance of outputs ``[n, ...]`` to the teacher's ``[n, ...]``, a scalar.

    Where the targets are numbers of classes and the outputs are their scores along axis 1 (of
    pictures ``[n, classes]``, of pixels ``[n, classes, H, W]``), it is the Kullback-Leibler
    divergence of the softened distributions, times the squared temperature (Hinton, Vinyals and
    Dean, "Distilling the knowledge in a neural network", 2015, section 2). For all other outputs it
    is the mean squared difference, and the temperature has no part in it.

    Args:
        outputs: Of the student.
        teacher: Of the teacher, for the same inputs.
        targets: ``[n, ...]``; only their kind and shape matter.
        how: Gives the temperature.
    """
    classes = targets.dtype == torch.int64 and outputs.dim() == targets.dim() + 1
    if not classes:
        return F.mse_loss(outputs, teacher)
    softened = F.log_softmax(outputs / how.temperature, 1)
    wanted = F.log_softmax(teacher / how.temperature, 1)
    divergence = F.kl_div(softened, wanted, log_target=True, reduction="none").sum(1).mean()
    return how.temperature**2 * divergence
