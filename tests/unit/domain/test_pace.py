"""Limits, and the slots that keep them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.pace import CALL_JITTER, JITTER, earliest, reserve, spacing


def test_no_limit_needs_no_spacing() -> None:
    assert spacing(None, None, None) == 0


@pytest.mark.parametrize(
    ("per_second", "per_minute", "per_hour", "apart"),
    [
        (5, None, None, 0.2),
        (None, 30, None, 2),
        (None, None, 1800, 2),
        (5, 30, 60, 60),
        (1, 600, None, 1),
        (0.5, None, None, 2),
    ],
)
def test_the_widest_spacing_wins(
    per_second: float | None, per_minute: float | None, per_hour: float | None, apart: float
) -> None:
    found = spacing(per_second, per_minute, per_hour)
    assert apart < found <= apart * (1 + 2 * JITTER)


def test_slots_never_lie_in_the_past_and_unused_ones_are_not_saved_up() -> None:
    slot, next_free = reserve(next_free=0.0, spacing=2.0, now=100.0)
    assert (slot, next_free) == (100.0, 102.0)
    assert reserve(next_free, 2.0, now=100.5) == (102.0, 104.0)


@given(
    st.integers(1, 50),
    st.lists(st.tuples(st.floats(0, 0.3), st.floats(0, JITTER * 0.99)), min_size=60, max_size=150),
)
def test_no_sliding_window_holds_more_than_the_limit_even_when_slots_are_kept_late(
    limit: int, arrivals: list[tuple[float, float]]
) -> None:
    now = next_free = 0.0
    contacts = []
    for pause, late in arrivals:
        now += pause
        slot, next_free = reserve(next_free, spacing(limit), now)
        contacts.append(slot + late)
    contacts.sort()
    for first, beyond in zip(contacts, contacts[limit:], strict=False):
        assert beyond - first >= 1.0


def test_at_least_98_percent_of_a_limit_can_be_used() -> None:
    assert 1 / spacing(5) >= 0.98 * 5


@given(st.integers(1, 50), st.lists(st.floats(0, 0.2), min_size=120, max_size=200))
def test_contacts_later_than_any_reserve_still_keep_every_window(limit: int, lateness: list[float]) -> None:
    apart = spacing(limit)
    contacts: list[float] = []
    for number, late in enumerate(lateness):
        contacts.append(max(number * apart + late, earliest(sorted(contacts), apart)))
        contacts.sort()
    for first, beyond in zip(contacts, contacts[limit:], strict=False):
        assert beyond - first >= 1.0


@given(st.integers(1, 50), st.floats(0, 0.2))
def test_one_late_contact_does_not_make_all_that_follow_late(limit: int, late: float) -> None:
    apart = spacing(limit)
    contacts = [late]
    for number in range(1, 30 * limit):
        contacts.append(max(number * apart, earliest(contacts, apart), contacts[-1]))
    assert contacts[-1] == pytest.approx((30 * limit - 1) * apart)


def test_calls_are_kept_further_apart_than_texts() -> None:
    assert spacing(1.0, jitter=CALL_JITTER) - spacing(1.0) == pytest.approx(CALL_JITTER - JITTER)
    assert spacing(None, 30.0, jitter=CALL_JITTER) == pytest.approx((60.0 + CALL_JITTER) / 30.0)
