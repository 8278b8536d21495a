"""The same channel of the baseline goes to the same channel, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.spaces.nets import make
from tightfit import Candidate
from tightfit.spaces.compression import CompressionSpace
from tightfit.spaces.settings import (
    DecompositionSettings,
    PruningSettings,
    QuantizationSettings,
    SpaceSettings,
)

SETTINGS = SpaceSettings(
    pruning=PruningSettings(ratios=(0.0, 0.25, 0.5), align=4),
    quantization=QuantizationSettings(bits=(None, 8, 4)),
    decomposition=DecompositionSettings(ranks=(None, 0.75, 0.5)),
)


def candidates(space: CompressionSpace, count: int) -> list[Candidate]:
    rng = torch.Generator().manual_seed(0)
    hparams = space.search_space.hparams
    rows = [
        [int(torch.randint(len(each.choices), (1,), generator=rng)) for each in hparams]
        for _ in range(count)
    ]
    return [
        space.search_space.from_choices(
            {h.name: h.choices[i] for h, i in zip(hparams, row, strict=True)}
        )
        for row in rows
    ]


@pytest.mark.parametrize("name", ["odd", "small_vit"])
def test_what_nobody_has_trained_changes_nothing(name: str) -> None:
    """Two candidates as they are built have equal weights wherever they have the same channels."""
    model, shape = make(name)
    space = CompressionSpace(model, torch.zeros(1, *shape), settings=SETTINGS)
    heir, *donors = candidates(space, 5)
    own = space.build(heir).state_dict()
    for donor in donors:
        given = space.build(donor).state_dict()
        found = space.inherited(heir, donor, own=own, given=given)
        assert found.keys() == own.keys()
        assert all(torch.equal(found[each], own[each]) for each in own)


def chain(settings: SpaceSettings) -> CompressionSpace:
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 8))
    return CompressionSpace(model, torch.zeros(1, 16), settings=settings)


def trained(space: CompressionSpace, candidate: Candidate) -> dict[str, Tensor]:
    """Return a state in which every weight of a candidate has become larger by one."""
    return {name: each + 1 for name, each in space.build(candidate).state_dict().items()}


def test_channels_that_the_donor_lacks_come_from_the_baseline() -> None:
    space = chain(replace(SETTINGS, quantization=None, decomposition=None))
    wide, narrow = (space.search_space.from_choices({"0.pruning_ratio": r}) for r in (0.25, 0.5))
    own = space.build(wide).state_dict()
    found = space.inherited(wide, narrow, own=own, given=trained(space, narrow))
    rows = space.kept(wide)["0"][1]
    taken = torch.isin(rows, space.kept(narrow)["0"][1])
    assert 0 < int(taken.sum()) < len(taken)
    gain = taken.float()
    torch.testing.assert_close(found["0.weight"], own["0.weight"] + gain[:, None])
    torch.testing.assert_close(found["0.bias"], own["0.bias"] + gain)
    torch.testing.assert_close(found["2.weight"], own["2.weight"] + gain)
    torch.testing.assert_close(found["2.bias"], own["2.bias"] + 1)


def test_a_factor_is_inherited_by_a_factor_and_by_nothing_else() -> None:
    space = chain(replace(SETTINGS, pruning=None, quantization=None))
    whole, high, low = (
        space.search_space.from_choices({"0.rank": rank}) for rank in (None, 0.75, 0.5)
    )
    own = space.build(high).state_dict()
    found = space.inherited(high, low, own=own, given=trained(space, low))
    gain = torch.tensor([1.0] * 8 + [0.0] * 4)
    torch.testing.assert_close(found["0.0.weight"], own["0.0.weight"] + gain[:, None])
    torch.testing.assert_close(found["0.1.weight"], own["0.1.weight"] + gain)
    found = space.inherited(high, whole, own=own, given=trained(space, whole))
    assert torch.equal(found["0.0.weight"], own["0.0.weight"])
    torch.testing.assert_close(found["2.weight"], own["2.weight"] + 1)


def test_ranges_and_clips_stay_their_owns() -> None:
    space = chain(replace(SETTINGS, pruning=None, decomposition=None))
    fine, coarse = (
        space.search_space.from_choices({"0.bits": bits, "2.bits": bits}) for bits in (8, 4)
    )
    own = space.build(fine).state_dict()
    found = space.inherited(fine, coarse, own=own, given=trained(space, coarse))
    weights = {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert {name for name in own if not torch.equal(found[name], own[name])} == weights
