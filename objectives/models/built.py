"""A network as it comes from one of the model sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from tightfit.objectives.models.weights import State


@dataclass(frozen=True, slots=True)
class Built:
    """A fresh network, fitted to its data, that knows where its published weights are.

    Attributes:
        module: The network.
        convolution, classifier: Names of its first convolution and its last layer; empty where the
            network is the user's own.
        published: Fetches the published weights, as the network would have them unfitted.
        extras: Beginnings of names that may stand in a weights file and are of no use here, such
            as auxiliary classifiers.
    """

    module: nn.Module
    convolution: str
    classifier: str
    published: Callable[[], State]
    extras: tuple[str, ...] = ()
