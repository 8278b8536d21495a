"""The study file that ``tightfit init`` writes."""

from __future__ import annotations

import json

_TEMPLATE = """\
# A Tightfit study. `tightfit check` reads it and says what it would mean; `tightfit run` does it.

# Hard limits. A bound is a number or arithmetic in `baseline`, the uncompressed network's value.
# `tightfit metrics` lists everything that can be limited.
constraints = ["size_kb <= 0.25 * baseline", "latency_ms <= 0.5 * baseline", "accuracy >= baseline - 0.02"]
# What the front trades off: one to three metrics.
objectives = ["accuracy", "size_kb"]
# How many candidates may be trained.
trials = 40
sampler = "auto"         # the grey box, or tpe, gp, nsga2, nsga3, qmc, random
seed = 0                 # of everything random

[model]
name = {model}
# A path beside this file (safetensors, or a state dict), "DEFAULT" for published weights (a
# download), or no line at all: then the baseline is trained first.
# weights = "model.safetensors"

[data]
name = {data}
# root = "data"          # where the data set's files lie
# download = true        # let it be fetched when they do not

[training]
batch_size = 128         # inputs a step
# optimizer = "adamw"    # for transformers; learning rates are then about 0.001
# device = "cuda"        # "auto" takes cuda, then mps, then cpu

# What may be compressed: a technique is on when its table stands here. `per` groups its choices
# by "layer", by "stage" (layers of one resolution) or for the whole "network".
[space.pruning]
per = "layer"
ratios = [0, 0.25, 0.5, 0.625, 0.75]
# Which channels go first; several are searched: l1, norm_scale, taylor, geometric_median, cosine,
# hamming. `correct` makes up for them in the layers that read them.
criteria = ["l2"]
correct = true

[space.quantization]
per = "stage"
bits = ["none", 8, 4]    # of weights; "none" is float
# activations = [8, "none"]    # layers may keep float activations: small files for float kernels

[space.decomposition]
per = "stage"
ranks = ["none", 0.5, 0.25]    # shares of what the pruned layer allows

# Whole residual blocks can be dropped as well, one by one or, for each "stage", from its last one:
# nothing else makes a network as much faster, and nothing else costs it as much accuracy at once.
# [space.depth]
# per = "block"

[space.distillation]
weights = ["none", 0.9]  # of the baseline's outputs in the loss; the targets have the rest
temperatures = [4]       # that soften the outputs of both

[space.schedule]
epochs = [6]             # of each candidate's fine-tuning
learning_rates = [0.02, 0.05]
"""  # noqa: E501


def study_template(model: str, data: str) -> str:
    """Return a commented study file for a model and a data set."""
    # TOML's text is JSON's, but that it has no pairs of surrogates.
    model, data = (json.dumps(each, ensure_ascii=False) for each in (model, data))
    return _TEMPLATE.format(model=model, data=data)
