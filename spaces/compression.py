"""The space of compressed networks of one trained network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from tightfit import (
    Blueprint,
    Candidate,
    Choice,
    Graph,
    IntArray,
    Recipe,
    SearchSpace,
)
from tightfit.spaces.axes import Axis
from tightfit.spaces.axis_rules import find_ties
from tightfit.spaces.batch_sizes import BatchChoices
from tightfit.spaces.blocks import find_blocks
from tightfit.spaces.blueprint_program import blueprint
from tightfit.spaces.compiled_graph import compile_graph
from tightfit.spaces.correction import Correction
from tightfit.spaces.decomposition import Decomposition
from tightfit.spaces.depth import Depth
from tightfit.spaces.equalization import equalized
from tightfit.spaces.evidence import Evidence, Observations
from tightfit.spaces.importance import Importance, View
from tightfit.spaces.inheritance import inherited
from tightfit.spaces.input_size import InputSize, check_channels, input_size, why_fixed
from tightfit.spaces.network import Network
from tightfit.spaces.pruning import Pruning
from tightfit.spaces.quantization import LayerBits, Quantization
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings
from tightfit.spaces.shapes import BATCH
from tightfit.spaces.sites import Sites, find_sites
from tightfit.spaces.surgery import Cuts, Surgeon
from tightfit.spaces.techniques import Techniques
from tightfit.spaces.ties import changes, positions
from tightfit.spaces.tracing import trace
from tightfit.spaces.training import TrainingChoices


class CompressionSpace:
    """What may change about a network, what each choice costs, and the network it gives.

    Args:
        model: Trained; left as it is.
        example: One input, ``[1, ...]``.
        settings: The techniques that are on.
        evidence: Pictures for criteria and corrections that look at them.

    Raises:
        SpecError: The model cannot be traced, or nothing of it can be compressed in these ways.
    """

    def __init__(
        self,
        model: nn.Module,
        example: Tensor,
        *,
        settings: SpaceSettings,
        evidence: Evidence | None = None,
    ) -> None:
        self._traced = trace(model, example)
        graph, tensors = self._traced.graph, self._traced.tensors
        size = input_size(settings.input_size, self._traced, model)
        self._ties = find_ties(graph, tensors, size.shapes[0])
        check_channels(size, self._ties)
        self.sites: Sites = find_sites(graph, tensors, size.shapes[0], self._ties)
        self.blocks = find_blocks(graph, self.sites.layers, size.shapes)
        self._layers = {layer.name: layer for layer in self.sites.layers}
        seen = Observations(self.baseline_network, self._layers, evidence)
        self._techniques = self._of(settings, size, seen)
        self._correction = (
            Correction(self.sites.layers, self._ties, seen)
            if settings.pruning and settings.pruning.correct
            else None
        )
        self._rounding = (settings.quantization or QuantizationSettings()).rounding
        self.search_space = SearchSpace(self._techniques.hparams())
        self._columns = {
            hparam.name: column for column, hparam in enumerate(self.search_space.hparams)
        }
        self._compiled = compile_graph(
            self._traced,
            self._layers,
            self._ties,
            size.shapes,
            blocks=self._techniques.depth.blocks if self._techniques.depth else (),
            resized=size.resized,
            recorded=size.recorded,
            integer_only=settings.quantization is not None and settings.quantization.integer_only,
        )
        self._surgeon = Surgeon(
            self._traced, self._layers, self._ties, self._techniques.decomposition
        )

    def _of(self, settings: SpaceSettings, size: InputSize, seen: Observations) -> Techniques:
        traced, sites, ties = self._traced, self.sites, self._ties
        pruning = None
        if settings.pruning:
            view = View(traced.graph, traced.tensors, self._layers, ties, seen)
            pruning = Pruning(settings.pruning, sites, ties, Importance(view))
        return Techniques(
            size=size,
            training=TrainingChoices(settings.schedule, settings.distillation),
            pruning=pruning,
            quantization=(
                Quantization(settings.quantization, sites) if settings.quantization else None
            ),
            decomposition=(
                Decomposition(settings.decomposition, sites, traced.tensors)
                if settings.decomposition
                else None
            ),
            depth=Depth(settings.depth, self.blocks) if settings.depth else None,
        )

    @property
    def computed(self) -> Mapping[str, tuple[str, ...]]:
        """By name of a weight that the model computes, the parameters that it computes it from."""
        return self._traced.computed

    def why_fixed(self, model: nn.Module) -> str | None:
        """Return why the input keeps its size, ``None`` where it can change.

        Args:
            model: Of the space.
        """
        return why_fixed(self._traced, model, self._ties)

    def baseline_network(self) -> Network:
        """Return the traced network with nothing changed."""
        traced = self._traced
        tensors = {name: tensor.clone() for name, tensor in traced.tensors.items()}
        return Network(
            traced.graph, tensors, trainable=traced.trainable, input_shape=traced.input_shape
        ).eval()

    def rounded_baseline(self) -> Network:
        """Return the network with weights and activations of 8 bits, in a space that quantizes.

        It has no ranges yet.
        """
        traced = self._traced
        tensors = {name: tensor.clone() for name, tensor in traced.tensors.items()}
        graph, tensors = self._quantized(traced.graph, tensors, self._techniques.eight_bits())
        return Network(
            graph,
            tensors,
            trainable=traced.trainable,
            input_shape=traced.input_shape,
            rounding=self._rounding,
        ).eval()

    def baseline_blueprint(self, *, rounded: bool = False) -> Blueprint:
        """Return the blueprint of the network with nothing changed, a batch of one.

        Args:
            rounded: Of :meth:`rounded_baseline`.
        """
        coded = self._techniques.eight_bits() if rounded else {}
        whole = BatchChoices(
            widths={},
            shares={},
            bits={name: np.array([each.weights]) for name, each in coded.items()},
            rounded={name: np.array([each.rounded]) for name, each in coded.items()},
            dropped={},
            size=np.zeros(1, dtype=np.int64),
        )
        return blueprint(self._compiled, whole)

    def blueprint(self, batch: IntArray) -> Blueprint:
        """Return the shapes of candidates ``[n, hparams]``."""
        return blueprint(self._compiled, self._techniques.in_numbers(self._columns, batch))

    def recipe(self, candidate: Candidate) -> Recipe:
        """Return how a candidate is trained."""
        return self._techniques.training.recipe(self.search_space.choices(candidate))

    def build(self, candidate: Candidate) -> Network:
        """Return a candidate's network, with the baseline's weights as far as they stay.

        Surgery drops blocks, decomposes, prunes, then quantizes. The baseline is left untouched.

        Raises:
            SpecError: The criterion or the correction looks at pictures, and there are none.
        """
        choices = self.search_space.choices(candidate)
        kept = self._techniques.kept(choices)
        mixtures = self._correction.mixtures(kept) if self._correction else {}
        return self._network(choices, kept, mixtures)

    def blank(self, candidate: Candidate) -> Network:
        """Return a network of a candidate's shape, to load a state into: its weights mean nothing.

        Needs no pictures, whatever the criterion.
        """
        choices = self.search_space.choices(candidate)
        return self._network(choices, self._techniques.first(choices), {})

    def _network(
        self,
        choices: Mapping[str, Choice],
        kept: Mapping[int, Tensor],
        mixtures: Mapping[str, Tensor],
    ) -> Network:
        techniques = self._techniques
        dropped = techniques.dropped(choices)
        graph, tensors, trainable = self._surgeon(
            self._compiled.absence.remove(techniques.size.graph(choices), dropped),
            techniques.size.tensors(choices),
            Cuts(kept, techniques.shares(choices), mixtures),
        )
        if techniques.quantization is not None:
            graph, tensors = self._quantized(graph, tensors, techniques.bits(choices, graph))
        size = techniques.size.shape(choices)[graph.inputs[0]][1:]
        return Network(
            graph, tensors, trainable=trainable, input_shape=size, rounding=self._rounding
        ).eval()

    def _quantized(
        self, graph: Graph, tensors: dict[str, Tensor], bits: Mapping[str, LayerBits]
    ) -> tuple[Graph, dict[str, Tensor]]:
        assert self._techniques.quantization is not None
        if self._rounding.equalized:
            tensors = equalized(graph, tensors, bits)
        return self._techniques.quantization.rewritten(graph, bits), tensors

    def inherited(
        self,
        candidate: Candidate,
        donor: Candidate,
        *,
        own: Mapping[str, Tensor],
        given: Mapping[str, Tensor],
    ) -> dict[str, Tensor]:
        """Return a candidate's state with a donor's weights wherever both have the same channels.

        Ranges and clips of quantization stay its own.

        Args:
            candidate: Whose state is wanted.
            donor: Another candidate.
            own: The candidate's state, as it was built.
            given: The donor's state.
        """
        axes: dict[str, tuple[Axis | None, ...]] = dict(self._ties.tensors)
        decomposition = self._techniques.decomposition
        axes |= decomposition.axes(self._ties) if decomposition else {}
        kept, given_kept = (
            self._techniques.kept(self.search_space.choices(each)) for each in (candidate, donor)
        )
        return inherited(own, given, axes, kept=kept, given_kept=given_kept)

    @property
    def shaping(self) -> frozenset[str]:
        """Names of the hparams that say which weights a network has."""
        return self._techniques.shaping

    def kept(self, candidate: Candidate) -> dict[str, tuple[Tensor, ...]]:
        """Return by name of an activation which of the baseline's positions stay along each axis.

        An axis that loses nothing is empty, and so is one that has the batch in it.
        """
        kept = self._techniques.kept(self.search_space.choices(candidate))
        return {
            name: tuple(
                positions(axis, kept)
                if changes(axis, kept) and axis.size % BATCH
                else torch.empty(0, dtype=torch.long)
                for axis in axes
            )
            for name, axes in self._ties.values.items()
        }

    def zeroed(self, candidate: Candidate) -> frozenset[str]:
        """Return the names of activations that are nothing, since their block is dropped."""
        dropped = self._techniques.dropped(self.search_space.choices(candidate))
        return frozenset(block.branch for block in self.blocks if block.name in dropped)
