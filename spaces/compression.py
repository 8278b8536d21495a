"""The space of compressed networks of one trained network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from tightfit import (
    Blueprint,
    Candidate,
    Choice,
    Graph,
    Hparam,
    IntArray,
    Node,
    Recipe,
    SearchSpace,
    SpecError,
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
from tightfit.spaces.input_size import input_size, why_fixed
from tightfit.spaces.network import Network
from tightfit.spaces.pruning import Pruning
from tightfit.spaces.quantization import ACTIVATION_BITS, LayerBits, Quantization
from tightfit.spaces.settings import QuantizationSettings, SpaceSettings
from tightfit.spaces.shapes import BATCH
from tightfit.spaces.sites import Sites, find_sites
from tightfit.spaces.surgery import fitted, mixed, slice_tensors
from tightfit.spaces.ties import changes, positions
from tightfit.spaces.tracing import trace
from tightfit.spaces.training import TrainingChoices

UNCHANGED: tuple[tuple[Choice, ...], ...] = ((None,), (0.0,), (1.0,))
"""Lists of choices that leave a network as it is."""


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
        self._size = input_size(settings.input_size, self._traced, model)
        self._ties = find_ties(graph, tensors, self._size.shapes[0])
        self.sites: Sites = find_sites(graph, tensors, self._size.shapes[0], self._ties)
        self._layers = {layer.name: layer for layer in self.sites.layers}
        self._pruning, self._correction = self._pruning_of(settings, evidence)
        self._quantization = (
            Quantization(settings.quantization, self.sites) if settings.quantization else None
        )
        self._rounding = (settings.quantization or QuantizationSettings()).rounding
        self._decomposition = (
            Decomposition(settings.decomposition, self.sites, tensors)
            if settings.decomposition
            else None
        )
        self._training = TrainingChoices(settings.schedule, settings.distillation)
        self.blocks = find_blocks(graph, self.sites.layers, self._size.shapes)
        self._depth = Depth(settings.depth, self.blocks) if settings.depth else None
        compressing = [*self._layer_hparams(), *self._size.hparams]
        _check_changes(compressing)
        criterion = self._pruning.criterion if self._pruning else []
        self.search_space = SearchSpace((*compressing, *criterion, *self._training.hparams))
        self._columns = {
            hparam.name: column for column, hparam in enumerate(self.search_space.hparams)
        }
        self._compiled = compile_graph(
            self._traced,
            self._layers,
            self._ties,
            self._size.shapes,
            blocks=self._depth.blocks if self._depth else (),
            resized=self._size.resized,
            recorded=self._size.recorded,
            integer_only=settings.quantization is not None and settings.quantization.integer_only,
        )

    def _pruning_of(
        self, settings: SpaceSettings, evidence: Evidence | None
    ) -> tuple[Pruning | None, Correction | None]:
        if settings.pruning is None:
            return None, None
        traced, layers = self._traced, self._layers
        seen = Observations(self.baseline_network, layers, evidence)
        view = View(traced.graph, traced.tensors, layers, self._ties, seen)
        pruning = Pruning(settings.pruning, self.sites, self._ties, Importance(view))
        if not settings.pruning.correct:
            return pruning, None
        return pruning, Correction(self.sites.layers, self._ties, seen)

    @property
    def computed(self) -> Mapping[str, tuple[str, ...]]:
        """By name of a weight that the model computes, the parameters that it computes it from."""
        return self._traced.computed

    def why_fixed(self, model: nn.Module) -> str | None:
        """Return why the input keeps its size, ``None`` where it can change.

        Args:
            model: Of the space.
        """
        return why_fixed(self._traced, model)

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
        graph, tensors = self._quantized(traced.graph, tensors, self._eight_bits())
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
        coded = self._eight_bits() if rounded else {}
        whole = BatchChoices(
            widths={},
            shares={},
            bits={name: np.array([each.weights]) for name, each in coded.items()},
            rounded={name: np.array([each.rounded]) for name, each in coded.items()},
            dropped={},
            size=np.zeros(1, dtype=np.int64),
        )
        return blueprint(self._compiled, whole)

    def _eight_bits(self) -> dict[str, LayerBits]:
        return self._quantization.uniform(ACTIVATION_BITS) if self._quantization else {}

    def blueprint(self, batch: IntArray) -> Blueprint:
        """Return the shapes of candidates ``[n, hparams]``."""
        columns, size = self._columns, np.zeros_like(batch[:, 0])
        if self._size.hparams:
            size = batch[:, columns[self._size.hparams[0].name]]
        pruning, decomposition = self._pruning, self._decomposition
        quantization, depth = self._quantization, self._depth
        choices = BatchChoices(
            widths=pruning.widths(columns, batch) if pruning else {},
            shares=decomposition.shares(columns, batch) if decomposition else {},
            bits=quantization.bits(columns, batch) if quantization else {},
            rounded=quantization.rounded(columns, batch) if quantization else {},
            dropped=depth.dropped(columns, batch) if depth else {},
            size=size,
        )
        return blueprint(self._compiled, choices)

    def recipe(self, candidate: Candidate) -> Recipe:
        """Return how a candidate is trained."""
        return self._training.recipe(self.search_space.choices(candidate))

    def build(self, candidate: Candidate) -> Network:
        """Return a candidate's network, with the baseline's weights as far as they stay.

        Surgery drops blocks, decomposes, prunes, then quantizes. The baseline is left untouched.

        Raises:
            SpecError: The criterion or the correction looks at pictures, and there are none.
        """
        choices = self.search_space.choices(candidate)
        kept = self._kept(choices)
        mixtures = self._correction.mixtures(kept) if self._correction else {}
        return self._network(choices, kept, mixtures)

    def blank(self, candidate: Candidate) -> Network:
        """Return a network of a candidate's shape, to load a state into: its weights mean nothing.

        Needs no pictures, whatever the criterion.
        """
        choices = self.search_space.choices(candidate)
        return self._network(choices, self._pruning.first(choices) if self._pruning else {}, {})

    def _network(
        self,
        choices: Mapping[str, Choice],
        kept: Mapping[int, Tensor],
        mixtures: Mapping[str, Tensor],
    ) -> Network:
        graph, tensors, trainable = self._surgery(choices, kept, mixtures)
        if self._quantization is not None:
            graph, tensors = self._quantized(graph, tensors, self._bits(choices, graph))
        size = self._size.shape(choices)[self._traced.graph.inputs[0]][1:]
        return Network(
            graph, tensors, trainable=trainable, input_shape=size, rounding=self._rounding
        ).eval()

    def _quantized(
        self, graph: Graph, tensors: dict[str, Tensor], bits: Mapping[str, LayerBits]
    ) -> tuple[Graph, dict[str, Tensor]]:
        assert self._quantization is not None
        if self._rounding.equalized:
            tensors = equalized(graph, tensors, bits)
        return self._quantization.rewritten(graph, bits), tensors

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
        axes |= self._decomposition.axes(self._ties) if self._decomposition else {}
        kept, given_kept = (
            self._kept(self.search_space.choices(each)) for each in (candidate, donor)
        )
        return inherited(own, given, axes, kept=kept, given_kept=given_kept)

    @property
    def shaping(self) -> frozenset[str]:
        """Names of the hparams that say which weights a network has."""
        found = [*self._pruning.hparams, *self._pruning.criterion] if self._pruning else []
        found += self._decomposition.hparams if self._decomposition else []
        found += self._depth.hparams if self._depth else []
        return frozenset(hparam.name for hparam in found)

    def kept(self, candidate: Candidate) -> dict[str, tuple[Tensor, ...]]:
        """Return by name of an activation which of the baseline's positions stay along each axis.

        An axis that loses nothing is empty, and so is one that has the batch in it.
        """
        kept = self._kept(self.search_space.choices(candidate))
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
        dropped = self._dropped(self.search_space.choices(candidate))
        return frozenset(block.branch for block in self.blocks if block.name in dropped)

    def _layer_hparams(self) -> list[Hparam]:
        """Return what may be chosen for layers, each while any layer that it is about is there."""
        depth = self._depth
        found = [] if depth is None else list(depth.hparams)
        for knob in (self._pruning, self._quantization, self._decomposition):
            if knob is not None and depth is None:
                found += knob.hparams
            elif knob is not None and depth is not None:
                about = [(hparam, knob.layers_of(hparam.name)) for hparam in knob.hparams]
                found += [depth.conditioned(hparam, layers) for hparam, layers in about]
        return found

    def _dropped(self, choices: Mapping[str, Choice]) -> frozenset[str]:
        return self._depth.chosen(choices) if self._depth else frozenset()

    def _kept(self, choices: Mapping[str, Choice]) -> dict[int, Tensor]:
        return self._pruning.kept(choices) if self._pruning else {}

    def _surgery(
        self,
        choices: Mapping[str, Choice],
        kept: Mapping[int, Tensor],
        mixtures: Mapping[str, Tensor],
    ) -> tuple[Graph, dict[str, Tensor], frozenset[str]]:
        decomposition = self._decomposition
        shares = decomposition.chosen(choices) if decomposition else {}
        graph = self._compiled.absence.remove(self._size.graph(choices), self._dropped(choices))
        replaced = {*shares, *mixtures}
        tensors = slice_tensors(
            graph, self._size.tensors(choices), self._ties, kept, without=replaced
        )
        trainable = set(self._traced.trainable)
        nodes: list[Node] = []
        for node in graph.nodes:
            if node.name not in shares or decomposition is None:
                nodes.append(fitted(node, self._ties, kept))
                if node.name in mixtures:
                    name = node.parameters["weight"]
                    whole = self._traced.tensors[name]
                    tensors[name] = mixed(
                        self._layers[node.name], whole, self._ties, kept, mixtures[node.name]
                    )
                continue
            outer, inner = self._layers[node.name].axes(self._ties)
            parts, factors = decomposition.split(
                node,
                shares[node.name],
                kept_out=positions(outer, kept),
                kept_in=positions(inner, kept),
                mixture=mixtures.get(node.name),
            )
            nodes += parts
            tensors |= factors
            trainable |= factors.keys()
        rewritten = Graph(graph.inputs, tuple(nodes), graph.outputs)
        return rewritten, tensors, frozenset(trainable & tensors.keys())

    def _bits(self, choices: Mapping[str, Choice], graph: Graph) -> dict[str, LayerBits]:
        """Return the bits of every layer, the parts of decomposed ones among them."""
        assert self._quantization is not None
        by_layer = self._quantization.chosen(choices)
        result = {}
        for node in graph.nodes:
            owner = node.name
            if owner not in by_layer:
                stem, _, part = owner.rpartition(".")
                owner = stem if part.isdigit() and stem in by_layer else ""
            if owner in by_layer and node.operator in ("conv", "linear"):
                result[node.name] = by_layer[owner]
        return result


def _check_changes(compressing: Sequence[Hparam]) -> None:
    """Refuse a space in which every candidate is the baseline.

    One choice is enough when it is not the baseline's own: all layers at 8 bits, say.
    """
    if all(hparam.choices in UNCHANGED for hparam in compressing):
        raise SpecError(
            "nothing of this model can be compressed by the techniques that are on; "
            "turn on another table of [space] or give more choices"
        )
