"""What tables say of a candidate's costs is what its blueprint says, for every architecture."""

from __future__ import annotations

import numpy as np
import pytest

from tests.contracts.test_blueprint_matches_surgery import MATRIX, QUICK, SLOW, everything
from tests.spaces.nets import make
from tightfit.choice_array import TooManyChoicesError
from tightfit.objectives.metrics import STATIC_METRICS, compute_static
from tightfit.objectives.metrics.tables import BLOCK, CostTables
from tightfit.objectives.profile import CPU, MICROCONTROLLER, DeviceProfile
from tightfit.spaces.compression import CompressionSpace

FEW = ("mobilenet_v3_small", "shufflenet_v2_x0_5")
WIDE = (
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
    "regnet_y_16gf",
    "shufflenet_v2_x1_5",
    "shufflenet_v2_x2_0",
    "timm:cait_xxs24_224",
    "timm:pvt_v2_b0",
    "timm:res2net50_14w_8s",
    "timm:twins_pcpvt_small",
    "timm:vovnet39a",
    "vit_b_32",
)
"""Layers that read dozens of sites at once, or activations of many different sizes that are alive
together, depend on too many choices for tables; the cost model asks their blueprints."""


@pytest.fixture(
    scope="module",
    params=[
        *QUICK,
        *(pytest.param(name, marks=pytest.mark.slow) for name in FEW),
        *(
            pytest.param(name, marks=pytest.mark.matrix)
            for name in (*SLOW, *MATRIX)
            if name not in (*FEW, *WIDE)
        ),
    ],
)
def space(request: pytest.FixtureRequest) -> CompressionSpace:
    return everything(*make(request.param))


@pytest.mark.parametrize("profile", [CPU, MICROCONTROLLER], ids=lambda profile: profile.name)
def test_every_static_metric_is_exactly_that_of_the_blueprint(
    space: CompressionSpace, profile: DeviceProfile
) -> None:
    tables = CostTables(space.blueprint, space.search_space, profile, metrics=STATIC_METRICS)
    batch = space.search_space.random(256, np.random.default_rng(5))
    batch[0] = 0
    batch[1] = space.search_space.choice_counts - 1
    expected = compute_static(space.blueprint(batch), profile)
    found = tables(batch)
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


@pytest.mark.matrix
def test_a_network_whose_layers_depend_on_too_many_choices_is_refused() -> None:
    space = everything(*make("densenet121"))
    with pytest.raises(TooManyChoicesError, match="joint choices"):
        CostTables(space.blueprint, space.search_space, CPU, metrics=STATIC_METRICS)


def test_a_large_batch_is_what_its_parts_are() -> None:
    space = everything(*make("odd"))
    tables = CostTables(space.blueprint, space.search_space, CPU, metrics=STATIC_METRICS)
    batch = space.search_space.random(2 * BLOCK + 3, np.random.default_rng(6))
    together = tables(batch)
    for part in (slice(0, 5), slice(BLOCK - 2, BLOCK + 2), slice(2 * BLOCK - 1, None)):
        for name, values in tables(batch[part]).items():
            np.testing.assert_array_equal(together[name][part], values)
    assert all(len(values) == 0 for values in tables(batch[:0]).values())
