"""What there is to know about one architecture before anything of it is trained."""

import resource
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.networks import build
from tightfit import IntArray
from tightfit.objectives.metrics import compute_static
from tightfit.objectives.profile import CPU
from tightfit.search.reference_candidates import technique_columns
from tightfit.spaces.axis_rules import find_ties
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import (
    EVERYTHING,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)
from tightfit.spaces.shapes import activation_shapes
from tightfit.spaces.sites import find_sites
from tightfit.spaces.ties import changes
from tightfit.spaces.tracing import trace

LARGE = 100_000_000
"""Networks of more parameters are taken without ranks: their factors take many gigabytes."""

WITHOUT_RANKS = SpaceSettings(pruning=PruningSettings(), quantization=QuantizationSettings())
BATCH, ROUNDS = 2048, 3

Value = TypeVar("Value")


def measure(name: str) -> dict[str, object]:
    """Return the figures of one network. Seconds are a core's, other work beside it not counted.

    Raises:
        SpecError: Nothing of it can be compressed.
        RuntimeError: A candidate was built that is not what its blueprint says.
    """
    torch.set_num_threads(1)
    # What tracing loads once has nothing to do with this network.
    trace(nn.Conv2d(3, 8, 3).eval(), torch.zeros(1, 3, 8, 8))
    model, shape = build(name)
    example = torch.zeros(1, *shape)
    params = sum(parameter.numel() for parameter in model.parameters())
    settings = EVERYTHING if params <= LARGE else WITHOUT_RANKS
    trace_s, share = changeable_share(model, example)
    space_s, space = _timed(lambda: CompressionSpace(model, example, settings=settings))
    baseline_kb, smallest_kb = size_range(space)
    return {
        "input": "x".join(map(str, shape)),
        "params": params,
        "layers": len(space.sites.layers),
        "groups": len(space.sites.groups),
        "hparams": len(space.search_space),
        "ranks": settings is EVERYTHING,
        "changeable_share": share,
        "size_kb": baseline_kb,
        "smallest_kb": smallest_kb,
        "trace_s": trace_s,
        "space_s": space_s,
        **_rates(space),
        **_surgery(space),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
    }


def changeable_share(model: nn.Module, example: Tensor) -> tuple[float, float]:
    """Return the seconds of tracing, and which share of the parameters pruning can reach.

    A tensor counts with all of its numbers when at least one of its axes has positions of a group
    of tied channels, so that it becomes smaller when the group does.
    """
    trace_s, traced = _timed(lambda: trace(model, example))
    shapes = activation_shapes(traced, traced.input_shape)
    ties = find_ties(traced.graph, traced.tensors, shapes)
    sites = find_sites(traced.graph, traced.tensors, shapes, ties)
    removable = {group.dim.number: group.name for group in sites.groups}
    numbers = {name: traced.tensors[name].numel() for name in traced.trainable}
    reached = sum(
        count
        for name, count in numbers.items()
        if any(changes(axis, removable) for axis in ties.tensors.get(name, ()))
    )
    return trace_s, reached / sum(numbers.values())


def size_range(space: CompressionSpace) -> tuple[float, float]:
    """Return the bytes of the baseline's file and of the smallest one that was found, in kB.

    The descent starts with all channels pruned as far as they can be and the fewest bits, every
    layer whole. Each round changes all hparams to what is best for each of them alone, or only
    the best one of them where that is better. It ends where no change of one hparam makes the file
    smaller. Bytes are those of the blueprint.
    """
    search = space.search_space
    columns = technique_columns(search)
    baseline = np.zeros(len(search), dtype=np.int64)
    row = baseline.copy()
    for technique in ("pruning", "quantization"):
        strongest = columns.get(technique, np.array([], dtype=np.int64))
        row[strongest] = search.choice_counts[strongest] - 1
    where = np.repeat(np.arange(len(search)), search.choice_counts)
    choices = np.concatenate([np.arange(count) for count in search.choice_counts])
    least = float(_sizes(space, row[None])[0])
    while True:
        rows = np.repeat(row[None], len(where), axis=0)
        rows[np.arange(len(where)), where] = choices
        reached = _sizes(space, rows)
        together = row.copy()
        for column in range(len(search)):
            own = np.flatnonzero(where == column)
            together[column] = choices[own[reached[own].argmin()]]
        proposals = np.stack([together, rows[reached.argmin()]])
        sizes = _sizes(space, proposals)
        if sizes.min() >= least:
            return float(_sizes(space, baseline[None])[0]), least
        row, least = proposals[sizes.argmin()], float(sizes.min())


def _sizes(space: CompressionSpace, rows: IntArray) -> np.ndarray:
    """Return the predicted bytes of candidates' files ``[n, hparams]``, ``[n]``."""
    parts = np.array_split(rows, -(-len(rows) // BATCH))
    found = [compute_static(space.blueprint(part), CPU)["size_kb"] for part in parts]
    return np.concatenate(found)


def _rates(space: CompressionSpace) -> dict[str, float]:
    """Return how many candidates a second have exact counts, and every static metric."""
    batch = space.search_space.random(BATCH, np.random.default_rng(0))
    counts, metrics = [], []
    for _ in range(ROUNDS):
        started = time.process_time()
        blueprint = space.blueprint(batch)
        _totals = (blueprint.params, blueprint.macs)
        counts.append(time.process_time() - started)
        compute_static(blueprint, CPU)
        metrics.append(time.process_time() - started)
    return {"counts_per_s": BATCH / min(counts), "metrics_per_s": BATCH / min(metrics)}


def _surgery(space: CompressionSpace) -> dict[str, float]:
    """Return the seconds of building a random candidate: the first time, and again.

    The first one computes the factors of the layers that it splits; later ones have them.
    """
    row = space.search_space.random(1, np.random.default_rng(0))
    candidate = space.search_space.candidate(row[0])
    first_s, network = _timed(lambda: space.build(candidate))
    built, counted = sum(p.numel() for p in network.parameters()), space.blueprint(row).params[0]
    if built != counted:
        raise RuntimeError(f"the built candidate has {built} parameters, its blueprint {counted}")
    del network
    surgery_s, _network = _timed(lambda: space.build(candidate))
    return {"first_surgery_s": first_s, "surgery_s": surgery_s}


def _timed(work: Callable[[], Value]) -> tuple[float, Value]:
    started = time.process_time()
    value = work()
    return time.process_time() - started, value
