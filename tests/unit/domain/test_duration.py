"""Lengths of time, read and said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.duration import format_duration, parse_duration
from clarion.domain.errors import BadInput


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("45s", 45),
        ("30m", 1800),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        ("2d", 172_800),
        ("0.5h", 1800),
        (" 2H ", 7200),
        ("90", 90),
        (90, 90),
        (1.5, 1.5),
        (0, 0),
    ],
)
def test_a_length_of_time_is_read_in_seconds(written: object, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", ["", "soon", "30 minutes", "h", "1h30", "-5m", -1, True, None, [], "nan", "400d"])
def test_what_is_no_length_of_time_is_refused_with_the_way_out(written: object) -> None:
    with pytest.raises(BadInput, match='write for example "45s"'):
        parse_duration(written)


@pytest.mark.parametrize("written", ["inf", float("inf"), float("-inf"), 10**400])
def test_no_length_of_time_is_endless(written: object) -> None:
    with pytest.raises(BadInput):
        parse_duration(written)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0s"),
        (0.25, "0.25s"),
        (45, "45s"),
        (59.999, "1m"),
        (5400, "1h30m"),
        (3605, "1h"),
        (86_400, "1d"),
        (90_061, "1d1h"),
        (-30, "-30s"),
    ],
)
def test_a_length_of_time_is_said_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert format_duration(seconds) == said


@given(st.integers(0, 366 * 24))
def test_what_is_said_in_whole_hours_is_read_back(hours: int) -> None:
    assert parse_duration(format_duration(hours * 3600)) == hours * 3600


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except BadInput:
        return
    assert 0 <= seconds <= 366 * 86_400
