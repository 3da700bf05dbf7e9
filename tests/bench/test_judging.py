"""How benches judge what they see."""

from __future__ import annotations

import pytest

from bench.pace import judged
from bench.process import middle
from bench.stage import steady_rate


def test_a_window_with_one_contact_too_many_is_found_wherever_it_starts() -> None:
    within = [0.0, 0.5, 1.0, 1.5, 2.0]
    assert judged(within, 2)["windows_over_limit"] == 0
    assert judged([0.0, 0.5, 0.99, 1.5, 2.0], 2)["windows_over_limit"] == 1
    assert judged([0.0, 0.1, 0.2, 0.3, 5.0], 2)["windows_over_limit"] == 2


def test_the_share_of_a_limit_is_the_rate_from_the_first_to_the_last_contact() -> None:
    assert judged([0.0, 0.25, 0.5, 0.75, 1.0], 4)["share_of_limit_used"] == 1.0
    assert judged([0.0, 0.5, 1.0, 1.5, 2.0], 4)["share_of_limit_used"] == 0.5


def test_the_steady_rate_leaves_out_what_comes_before_the_first_contact() -> None:
    assert steady_rate([100.0, 100.5, 101.0]) == 2.0
    assert steady_rate([100.0]) == 0.0


def test_the_median_of_nothing_is_nothing() -> None:
    assert middle([]) is None
    assert middle([3.0, 1.0, 2.0]) == pytest.approx(2.0)
