"""What early readings tell of the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.search.builders import evaluated, measurement
from tightfit import Kind, Measurement, Reading, Record, Rung, Stage
from tightfit.search.early import Ends


def climbed(number: int, early: float, final: float, share: float = 0.25) -> Record:
    """Return an evaluated record with one rung."""
    rung = Rung(share, measurement({"accuracy": early, "size_kb": 50.0}))
    return replace(evaluated((number,), accuracy=final, size_kb=48.0), rungs=(rung,))


def end(records: list[Record], early: float, share: float = 0.25) -> float:
    rung = Rung(share, measurement({"accuracy": early, "size_kb": 50.0}))
    return Ends(records).measurement(rung).value("accuracy")


def test_two_pairs_tell_nothing() -> None:
    rung = Rung(0.25, measurement({"accuracy": 0.7}))
    few = Ends([climbed(0, 0.6, 0.8), climbed(1, 0.7, 0.9)])
    assert not few.known(rung)
    assert few.deviation("accuracy", rung) == float("inf")
    assert few.measurement(rung) == rung.measurement


def test_three_pairs_tell_how_much_is_still_to_come() -> None:
    pairs = [climbed(n, 0.7 + n / 100, 0.8 + n / 100) for n in range(3)]
    assert end(pairs, 0.6) == pytest.approx(0.7)


def test_ends_lie_around_the_line_by_their_deviation() -> None:
    pairs = [climbed(n, 0.5 + n / 100, 0.8 + n / 100 + 0.02 * (-1) ** n) for n in range(40)]
    rung = Rung(0.25, measurement({"accuracy": 0.6}))
    ends = Ends(pairs)
    assert ends.deviation("accuracy", rung) == pytest.approx(0.02, rel=0.1)
    lucky = ends.measurement(rung, {"accuracy": 1.0}).value("accuracy")
    expected = ends.measurement(rung).value("accuracy")
    assert lucky - expected == pytest.approx(ends.deviation("accuracy", rung))


def test_three_pairs_on_a_line_do_not_make_the_next_end_certain() -> None:
    pairs = [climbed(n, 0.70 + n / 50, 0.80 + n / 50) for n in range(3)]
    rungs = [Rung(0.25, measurement({"accuracy": early})) for early in (0.72, 0.80)]
    near, far = (Ends(pairs).deviation("accuracy", rung) for rung in rungs)
    assert 0.003 < near < 0.03
    assert far > 1.5 * near


def test_pairs_that_lie_on_a_line_give_that_line_when_they_are_many() -> None:
    pairs = [climbed(n, 0.5 + n / 100, 0.8 + 0.4 * n / 100) for n in range(40)]
    assert end(pairs, 0.5) == pytest.approx(0.8, abs=0.01)
    assert end(pairs, 0.9) == pytest.approx(0.96, abs=0.01)


def test_an_expectation_is_never_as_sure_as_a_reading() -> None:
    alike = Ends([climbed(n, 0.1, 0.1) for n in range(3)])
    reading = measurement({"accuracy": 0.1}).readings["accuracy"]
    size = replace(reading, value=50.0, stage=Stage.RUNTIME)
    rung = Rung(0.25, Measurement({"accuracy": reading, "size_kb": size}))
    assert alike.deviation("accuracy", rung) > 0
    assert alike.deviation("size_kb", rung) == 0


def test_few_pairs_are_not_believed_about_the_slope() -> None:
    pairs = [climbed(0, 0.6, 0.8), climbed(1, 0.61, 0.78), climbed(2, 0.62, 0.76)]
    # Alone they say that what is two points better early is four points worse in the end.
    assert 0.0 < end(pairs, 0.6) - end(pairs, 0.62) < 0.03


def test_each_rung_has_its_own_line() -> None:
    records = [climbed(n, 0.5, 0.8, 0.25) for n in range(3)]
    records += [climbed(3 + n, 0.7, 0.8, 0.5) for n in range(3)]
    assert end(records, 0.6, 0.25) == pytest.approx(0.9)
    assert end(records, 0.6, 0.5) == pytest.approx(0.7)


def test_what_is_no_quality_stays_as_it_was() -> None:
    size = Reading(50.0, Kind.COUNTED, Stage.RUNTIME)
    accuracy = Reading(0.7, Kind.MEASURED, Stage.LEARNED)
    rung = Rung(0.25, Measurement({"accuracy": accuracy, "size_kb": size}))
    ends = Ends([climbed(n, 0.7, 0.8) for n in range(3)])
    assert ends.measurement(rung)["size_kb"] == size
    assert ends.deviation("size_kb", rung) == 0.0


@pytest.mark.parametrize(("early", "luck", "bound"), [(0.99, 1.0, 1.0), (0.02, -1.0, 0.0)])
def test_a_share_of_answers_is_expected_to_stay_one(
    early: float, luck: float, bound: float
) -> None:
    def answers(value: float) -> Measurement:
        reading = Reading(value, Kind.MEASURED, Stage.LEARNED, repeats=1000, answers=True)
        return Measurement({"accuracy": reading})

    steep = [(0.50, 0.40), (0.52, 0.46), (0.54, 0.52), (0.56, 0.58), (0.58, 0.64), (0.60, 0.70)]
    records = [
        replace(
            evaluated((number,), accuracy=0.0, size_kb=48.0),
            measurement=answers(last),
            rungs=(Rung(0.25, answers(first)),),
        )
        for number, (first, last) in enumerate(steep)
    ]
    found = Ends(records).measurement(Rung(0.25, answers(early)), {"accuracy": luck})
    assert found.value("accuracy") == bound
