"""Who gets how many lanes: by weight, nobody left out, and never more than there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.campaign import Priority
from clarion.domain.share import (
    Standing,
    Unseen,
    Wish,
    allot,
    bound_of,
    in_order,
    shares,
    still_unseen,
    with_grant,
)

HIGH, NORMAL, LOW = Priority.HIGH, Priority.NORMAL, Priority.LOW


def wish(campaign: str, priority: Priority = NORMAL, wants: int = 50, since: float = 0.0) -> Wish:
    return Wish(campaign, priority, wants, since)


WISHES = st.lists(
    st.builds(
        Wish,
        campaign=st.text("abcdefgh", min_size=1, max_size=3),
        priority=st.sampled_from(Priority),
        wants=st.integers(0, 50),
        since=st.floats(0, 100),
    ),
    max_size=8,
    unique_by=lambda w: w.campaign,
)
STANDINGS = WISHES.flatmap(
    lambda wishes: st.tuples(*[st.builds(Standing, st.just(w), st.integers(0, 50), st.booleans()) for w in wishes])
)


@pytest.mark.parametrize(
    ("lanes", "fair"),
    [(15, (8, 5, 2)), (30, (16, 10, 4)), (3, (1, 1, 1)), (5, (3, 1, 1)), (2, (1, 1, 0)), (0, (0, 0, 0))],
)
def test_lanes_are_shared_by_weight_and_everybody_gets_one_before_anybody_gets_two(
    lanes: int, fair: tuple[int, int, int]
) -> None:
    got = shares([wish("a", HIGH), wish("b", NORMAL), wish("c", LOW)], lanes)
    assert (got["a"], got["b"], got["c"]) == fair


def test_what_one_does_not_want_goes_to_the_others() -> None:
    assert shares([wish("a", HIGH, wants=2), wish("b", LOW)], 10) == {"a": 2, "b": 8}


@given(WISHES, st.integers(0, 60))
def test_all_lanes_are_used_while_somebody_wants_them_and_nobody_gets_more_than_it_wants(
    wishes: list[Wish], lanes: int
) -> None:
    got = shares(wishes, lanes)
    assert sum(got.values()) == min(lanes, sum(w.wants for w in wishes))
    assert all(got[w.campaign] <= w.wants for w in wishes)


def test_whoever_runs_stays_then_the_most_urgent_then_who_waits_longest() -> None:
    wishes = [wish("late", HIGH, since=9), wish("early", HIGH, since=1), wish("low", LOW), wish("idle", HIGH, wants=0)]
    assert [w.campaign for w in in_order(wishes, frozenset({"low"}))] == ["low", "early", "late"]


@given(STANDINGS, st.integers(0, 60), st.integers(0, 5), st.booleans())
def test_nobody_gets_lanes_that_somebody_may_be_holding(
    standings: tuple[Standing, ...], lanes: int, seats: int, listening: bool
) -> None:
    allotment = allot(standings, lanes=lanes, seats=seats, listening=listening)
    before = sum(standing.bound for standing in standings)
    after = sum(max(standing.bound, allotment.lanes[standing.wish.campaign]) for standing in standings)
    assert after <= (before if listening else max(before, lanes))
    assert len(allotment.running) <= seats
    assert all(allotment.lanes[campaign] == 0 for campaign in allotment.waiting)


@given(STANDINGS, st.integers(0, 60), st.integers(1, 5))
def test_free_lanes_are_never_left_idle_while_somebody_who_runs_wants_them(
    standings: tuple[Standing, ...], lanes: int, seats: int
) -> None:
    allotment = allot(standings, lanes=lanes, seats=seats)
    held = {s.wish.campaign: s.bound for s in standings}
    free = lanes - sum(max(held[campaign], n) for campaign, n in allotment.lanes.items())
    hungry = [campaign for campaign in allotment.running if allotment.lanes[campaign] < allotment.due[campaign]]
    assert free <= 0 or not hungry


def test_lanes_held_by_those_that_do_not_run_are_not_shared_before_they_come_back() -> None:
    gone = Standing(wish("gone", wants=0), bound=3)
    allotment = allot([gone, Standing(wish("a"), bound=2, runs=True), Standing(wish("b"))], lanes=5, seats=3)
    assert allotment.due == {"a": 1, "b": 1}
    assert allotment.lanes == {"gone": 0, "a": 1, "b": 0}


def test_a_place_that_is_given_up_goes_to_the_next_in_line() -> None:
    standings = [Standing(wish("a", wants=0), bound=1, runs=True), Standing(wish("b", LOW)), Standing(wish("c", HIGH))]
    allotment = allot(standings, lanes=5, seats=1)
    assert (allotment.running, allotment.waiting) == (("c",), ("b",))
    assert allotment.lanes == {"a": 0, "b": 0, "c": 4}


@given(st.lists(st.integers(0, 9), max_size=8), st.integers(0, 9), st.integers(0, 9))
def test_a_campaign_may_hold_its_own_word_or_the_largest_grant_it_has_not_seen(
    grants: list[int], told: int, seen: int
) -> None:
    unseen: Unseen = ()
    for number, lanes in enumerate(grants, start=1):
        unseen = with_grant(unseen, number, lanes)
    assert bound_of(told, still_unseen(unseen, seen)) == max([told, *grants[seen:]])
