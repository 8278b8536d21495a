"""The part of a space that agrees with choices somebody else made, conditions among them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.search.small_costs import EVERY, SPACE, SmallCosts
from tightfit import Constraint, Sense
from tightfit.search.fixed_choices import FixedChoices
from tightfit.search.region import as_row
from tightfit.search.screening import Screen


@pytest.mark.parametrize(
    "fixed", [{3: 1}, {0: 0, 4: 2}, {0: 1}, {1: 2}, {1: 2, 2: 3}, {0: 1, 1: 1}, {0: 0, 1: 0, 5: 1}]
)
def test_the_part_has_every_candidate_that_agrees_and_no_other(fixed: dict[int, int]) -> None:
    choices = FixedChoices(SPACE, fixed)
    limit = Constraint("size", Sense.AT_MOST, 30.0)
    screen = Screen(SPACE, SmallCosts(), [limit], errors={})
    found = choices.region(screen).members
    assert found is not None
    # The width of a block that is left out is no choice, whatever was chosen.
    active = np.column_stack([np.ones(len(EVERY)), EVERY[:, 0] == 0, np.ones((len(EVERY), 4))])
    agree = np.all([(EVERY[:, c] == i) | (active[:, c] == 0) for c, i in fixed.items()], axis=0)
    kept = EVERY[agree & screen.keeps(EVERY)]
    assert {as_row(row) for row in choices.wholes(found)} == {as_row(row) for row in kept}
    every = {as_row(row) for row in EVERY}
    assert [choices.agrees(as_row(row)) for row in EVERY] == agree.tolist()
    assert len(choices.among(every)) == agree.sum()
