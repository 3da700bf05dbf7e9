"""Pacing by what a provider says and by what it refuses, against a simulated one; no clock is involved."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.throttle import Report, Throttle, Ticket
from tests.unit.domain.throttle_server import Limit, Said, Server, per_minute, simulate

PLENTY = 10**8


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("latency", [(0.3, 0.3), (0.3, 3.0), (3.0, 3.0)])
def test_workers_that_share_a_limit_of_requests_use_it_up_and_are_hardly_refused(
    workers: int, latency: tuple[float, float]
) -> None:
    server = Server(Limit(1500), Limit(PLENTY))
    simulate(server, 180, workers=workers, latency=latency)
    assert 0.97 <= per_minute(server.answered, 60, 180) / 1500 <= 1.02
    assert len(server.refused) <= 0.1 * 1500, "of what was saved up, used in the first seconds"
    assert not [moment for moment in server.refused if moment > 60]


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("expected", [20.0, 100.0, 500.0])
def test_a_limit_of_tokens_is_used_up_however_wrong_the_expectation(workers: int, expected: float) -> None:
    server = Server(Limit(PLENTY), Limit(150_000), charged=100.0)
    simulate(server, 180, workers=workers, expected=expected)
    assert 0.97 <= per_minute(server.answered, 60, 180) / 1500 <= 1.02
    # What counts five times as much as was thought, with four workers, is like twenty workers.
    assert len(server.refused) <= (0.1 if expected < 100 < workers * 100 else 0.01) * len(server.answered)


def test_a_small_limit_is_used_up_too() -> None:
    server = Server(Limit(20), Limit(PLENTY))
    simulate(server, 600)
    assert per_minute(server.answered, 60, 600) >= 0.95 * 20
    assert not server.refused


def test_what_was_saved_up_at_first_is_used_as_well() -> None:
    server = Server(Limit(1500), Limit(PLENTY))
    simulate(server, 120, latency=(0.1, 0.5))
    assert len(server.answered) > 0.97 * (1500 + 2 * 1500)
    assert not server.refused


def test_without_headers_refusals_alone_find_the_limit() -> None:
    server = Server(Limit(1500), Limit(PLENTY), headers=False)
    simulate(server, 300, workers=2)
    assert per_minute(server.answered, 120, 300) >= 0.95 * 1500
    assert len(server.refused) <= 0.15 * len(server.answered)


def test_without_headers_what_the_provider_works_on_at_once_is_found() -> None:
    server = Server(Limit(PLENTY), Limit(PLENTY), headers=False, at_once=40)
    simulate(server, 300, workers=2, latency=(1.0, 1.0))
    assert per_minute(server.answered, 60, 300) >= 0.85 * 40 * 60
    assert len(server.refused) <= 0.15 * len(server.answered)


def test_a_storm_of_refusals_passes_and_the_limit_is_used_again_soon() -> None:
    def storm(now: float, chance: random.Random) -> Said | None:
        return Said(429, retry_after=2.0) if 60 <= now < 90 and chance.random() < 0.7 else None

    server = Server(Limit(1500), Limit(PLENTY), weather=storm)
    simulate(server, 180, workers=2)
    assert len([moment for moment in server.refused if 60 <= moment < 90]) < 200
    assert per_minute(server.answered, 95, 155) >= 0.95 * 1500
    assert not [moment for moment in server.refused if moment >= 90]


def test_after_an_outage_it_begins_small_and_is_soon_back() -> None:
    def outage(now: float, _chance: random.Random) -> Said | None:
        return Said(503) if 60 <= now < 90 else None

    seen: list[int] = []
    server = Server(Limit(1500), Limit(PLENTY), weather=outage)
    simulate(server, 150, watch=lambda now, throttle: seen.append(throttle.window) if 85 < now < 90 else None)
    assert max(seen) <= 8
    assert per_minute(server.answered, 95, 150) >= 0.95 * 1500


def test_a_refusal_closes_for_everybody_for_as_long_as_it_says() -> None:
    throttle = Throttle()
    throttle.refused(throttle.started(10.0, 1.0), 10.5, retry_after=7.0)
    assert throttle.room(11.0, 1.0) == pytest.approx(6.5)
    assert throttle.room(17.5, 1.0) == 0.0


def test_the_window_is_cut_once_a_round_however_many_are_refused() -> None:
    throttle = Throttle(start=20)
    tickets = [throttle.started(0.0, 1.0) for _ in range(20)]
    for ticket in tickets:
        throttle.refused(ticket, 1.0, retry_after=0.0)
    assert throttle.window == 14
    throttle.refused(throttle.started(1.5, 1.0), 2.0, retry_after=0.0)
    assert throttle.window == 9


def test_a_window_that_is_not_used_does_not_grow() -> None:
    throttle = Throttle(start=8)
    for second in range(100):
        throttle.answered(throttle.started(second, 1.0), second + 0.5)
    assert throttle.window == 8


def test_the_window_doubles_every_round_until_the_first_refusal() -> None:
    throttle = Throttle(start=8, most=500)
    for round_ in range(3):
        tickets = [throttle.started(round_, 1.0) for _ in range(throttle.window)]
        for ticket in tickets:
            throttle.answered(ticket, round_ + 0.9)
    assert throttle.window == 64


def test_an_older_answer_that_comes_after_a_newer_one_changes_nothing() -> None:
    throttle = Throttle(start=100)
    old = throttle.started(0.0, 1.0)
    for _ in range(50):
        throttle.started(1.0, 1.0)
    new = throttle.started(2.0, 1.0)
    throttle.answered(new, 2.5, (60, 0, 60.0), None)
    assert throttle.room(2.5, 1.0) > 0
    throttle.answered(old, 2.6, (60, 59, 1.0), None)
    assert throttle.room(2.6, 1.0) > 0


def test_what_was_started_since_the_answers_question_is_taken_off() -> None:
    throttle = Throttle(start=100)
    first = throttle.started(0.0, 1.0)
    for _ in range(59):
        throttle.started(0.0, 1.0)
    throttle.answered(first, 0.1, (60, 59, 1.0), None)
    assert throttle.room(0.1, 1.0) > 0


def test_a_limit_that_is_raised_counts_at_once() -> None:
    throttle = Throttle()
    throttle.answered(throttle.started(0.0, 1.0), 0.5, (60, 0, 60.0), None)
    assert throttle.room(0.6, 1.0) > 0
    throttle.answered(throttle.started(0.7, 1.0), 0.8, (6000, 6000, 0.0), None)
    assert throttle.room(0.9, 1.0) == 0


def test_a_limit_for_a_day_is_known_by_its_reset_and_does_not_come_back_in_a_minute() -> None:
    throttle = Throttle()
    throttle.answered(throttle.started(0.0, 1.0), 1.0, (1000, 0, 86_400.0), None)
    assert throttle.room(80.0, 1.0) > 0
    assert throttle.room(88.0, 1.0) == 0


def test_a_question_larger_than_the_limit_starts_when_all_of_it_is_there() -> None:
    throttle = Throttle()
    throttle.answered(throttle.started(0.0, 10.0), 0.0, None, (60_000, 50_000, 10.0))
    assert throttle.room(0.0, 90_000.0) > 0
    assert throttle.room(10.1, 90_000.0) == 0


def test_a_refusal_that_does_not_say_which_limit_empties_the_scarcer_one() -> None:
    throttle = Throttle()
    throttle.answered(throttle.started(0.0, 10.0), 0.1, (1000, 999, 0.06), (60_000, 30_000, 30.0))
    assert throttle.room(3.0, 20_000.0) == 0
    throttle.refused(throttle.started(3.0, 10.0), 3.1, retry_after=0.1)
    assert throttle.room(6.0, 1.0) == 0
    assert throttle.room(6.0, 20_000.0) > 0


def test_a_debt_of_tokens_is_paid_within_a_whole_limit() -> None:
    throttle = Throttle(start=50)
    first = throttle.started(0.0, 10**6)
    for _ in range(10):
        throttle.started(0.0, 10**6)
    throttle.answered(first, 0.5, None, (60_000, 50_000, 10.0))
    assert throttle.room(125.0, 1000.0) == 0


REPORT = st.none() | st.tuples(st.integers(-5, 10**6), st.integers(-5, 10**6), st.floats(0, 10**5))


@given(
    st.integers(1, 20),
    st.integers(1, 40),
    st.lists(st.tuples(st.sampled_from(["ask", "answer", "refuse", "fail"]), st.floats(0, 30), REPORT, REPORT)),
    st.randoms(use_true_random=False),
)
def test_whatever_comes_the_window_keeps_its_bounds_and_is_never_exceeded(
    start: int, most: int, events: list[tuple[str, float, Report | None, Report | None]], chance: random.Random
) -> None:
    throttle = Throttle(start, most)
    open_: list[Ticket] = []
    now = 0.0
    for what, later, requests, tokens in events:
        now += later
        if what == "ask":
            wait = throttle.room(now, chance.uniform(0, 2000))
            assert 0 <= wait < math.inf
            if wait == 0:
                open_.append(throttle.started(now, chance.uniform(0, 2000)))
                assert throttle.in_flight <= throttle.window
        elif open_:
            ticket = open_.pop(chance.randrange(len(open_)))
            match what:
                case "answer":
                    throttle.answered(ticket, now, requests, tokens)
                case "refuse":
                    throttle.refused(ticket, now, later, requests, tokens)
                case _:
                    throttle.failed(now)
        assert throttle.in_flight == len(open_)
        assert 1 <= throttle.window <= most
    # Nothing that was said holds anybody back for ever: within two days of silence there is room again.
    for ticket in open_:
        throttle.answered(ticket, now)
    assert throttle.room(now + 200_000, 1.0) == 0
