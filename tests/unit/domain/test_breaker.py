"""When a campaign of calls stops itself."""

from __future__ import annotations

from clarion.domain.breaker import Ended, remember, tripped
from clarion.domain.call import BreakerRules

RULES = BreakerRules()


def calls(pattern: str, start: int = 1) -> tuple[Ended, ...]:
    """Return ended calls: x failed, . did not."""
    return tuple(Ended(f"1.{n}.1", letter == "x") for n, letter in enumerate(pattern, start))


def test_all_is_well_while_fewer_than_half_fail() -> None:
    assert tripped((), RULES) == ""
    assert tripped(calls("x.x.x.x.x.."), RULES) == ""


def test_half_of_the_calls_failing_stops_it_and_names_them() -> None:
    assert tripped(calls("x..xx."), RULES) == "3 of the last 6 calls failed: 1.1.1, 1.4.1, 1.5.1"


def test_a_few_calls_prove_nothing() -> None:
    assert tripped(calls("xxxx"), RULES) == ""
    assert tripped(calls("xxxxx"), RULES) != ""


def test_only_the_last_calls_count() -> None:
    recent: tuple[Ended, ...] = ()
    for ended in calls("x" * 20 + "." * 11):
        recent = remember(recent, ended, RULES)
    assert len(recent) == 20
    assert [ended.attempt for ended in recent][::19] == ["1.12.1", "1.31.1"]
    assert tripped(recent, RULES) == ""


def test_a_share_is_reached_exactly_as_it_is_written() -> None:
    rules = BreakerRules(share=0.07, of=100)
    assert tripped(calls("x" * 7 + "." * 93), rules) != ""
    assert tripped(calls("x" * 6 + "." * 94), rules) == ""


def test_only_if_all_failed() -> None:
    rules = BreakerRules(share=1.0, of=5)
    assert tripped(calls("xxxx."), rules) == ""
    assert tripped(calls("xxxxx"), rules) != ""


def test_a_memory_shorter_than_the_least_number_still_stops_it() -> None:
    assert tripped(calls("xxx"), BreakerRules(of=3, at_least=5)) == "3 of the last 3 calls failed: 1.1.1, 1.2.1, 1.3.1"
