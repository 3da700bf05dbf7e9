"""Shares of successes compared, against values that others have computed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain import comparison
from clarion.domain.comparison import Judgement, Sample, compare, p_value, wilson


@pytest.mark.parametrize(
    ("succeeded", "done", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilsons_interval_is_the_published_one(succeeded: int, done: int, low: float, high: float) -> None:
    interval = wilson(succeeded, done)
    assert interval is not None
    assert (round(interval.low, 4), round(interval.high, 4)) == (low, high)


def test_nothing_is_known_where_nothing_is_done() -> None:
    assert wilson(0, 0) is None
    assert Sample("A", 0, 0).rate == 0


@given(st.integers(1, 10**7), st.floats(0, 1))
def test_an_interval_holds_the_share_that_was_seen(done: int, share: float) -> None:
    succeeded = round(done * share)
    interval = wilson(succeeded, done)
    assert interval is not None
    assert 0 <= interval.low <= succeeded / done + 1e-12
    assert succeeded / done - 1e-12 <= interval.high <= 1


def test_the_p_value_is_that_of_the_two_proportion_test() -> None:
    """The first is the example of statsmodels, the second has a z of twice the root of 2."""
    assert p_value(Sample("A", 5, 78), Sample("B", 12, 87)) == pytest.approx(0.15918129, abs=1e-7)
    assert p_value(Sample("A", 60, 40), Sample("B", 40, 60)) == pytest.approx(0.00467773, abs=1e-7)
    assert p_value(Sample("A", 40, 60), Sample("B", 40, 60)) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "samples",
    [
        [Sample("A", 29, 0), Sample("B", 0, 1000)],
        [Sample("A", 0, 0), Sample("B", 0, 0)],
        [Sample("A", 4, 996), Sample("B", 1, 999)],
        [Sample("A", 1000, 0), Sample("B", 1000, 0)],
    ],
)
def test_nothing_is_claimed_of_few(samples: list[Sample]) -> None:
    found = compare(samples)
    assert found is not None
    assert (found.judgement, found.best, found.p_value) == (Judgement.TOO_FEW, None, None)
    assert "too few" in found.sentence


def test_a_difference_beyond_chance_is_told_in_a_sentence() -> None:
    found = compare([Sample("A", 400, 600), Sample("B", 520, 480)])
    assert found is not None
    assert (found.judgement, found.best) == (Judgement.DIFFERENT, "B")
    assert found.sentence == (
        '"B" with 52.0 % does better than "A" with 40.0 %, by more than chance would explain (p < 0.001)'
    )


def test_a_difference_that_chance_explains_is_called_that() -> None:
    found = compare([Sample("A", 40, 60), Sample("B", 45, 55)])
    assert found is not None
    assert (found.judgement, found.best) == (Judgement.CHANCE, None)
    assert found.sentence == (
        'no difference that chance would not explain as well: "A" with 40.0 %, "B" with 45.0 % (p = 0.474)'
    )


def test_the_more_are_compared_the_more_a_difference_has_to_show() -> None:
    two = [Sample("A", 60, 40), Sample("B", 45, 55)]
    assert compare(two) is not None
    assert [found.judgement for n in (0, 1) if (found := compare([*two, *[Sample("C", 52, 48)] * n]))] == [
        Judgement.DIFFERENT,
        Judgement.CHANCE,
    ]


def test_of_several_the_one_is_named_that_does_better_than_most() -> None:
    found = compare([Sample("A", 300, 700), Sample("B", 520, 480), Sample("C", 310, 690), Sample("D", 9, 1)])
    assert found is not None
    assert found.best == "B"
    assert found.sentence == (
        '"B" with 52.0 % does better than "A" with 30.0 % and "C" with 31.0 %, by more than chance would explain '
        "(p < 0.001, corrected for 3 comparisons)"
    )


def test_one_alone_is_not_compared() -> None:
    assert compare([Sample("A", 500, 500)]) is None


def test_the_interval_and_the_test_have_the_same_confidence() -> None:
    from statistics import NormalDist

    assert pytest.approx(NormalDist().inv_cdf((1 + comparison.CONFIDENCE) / 2)) == comparison.Z
