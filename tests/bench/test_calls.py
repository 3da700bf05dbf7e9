"""How the benches of calls judge what they see."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping

import pytest
import typer

from bench.__main__ import lines, run
from bench.calling import LaneCall, LaneChunk
from bench.lanes import Lives, idle
from bench.sharing import TARGETS, Life, held, judge, most_at_once, queue_of, shared_time

PEAK = "the provider never sees more than 5 calls at once"
STARTS = "nor more than 1 call that begins in any second"
SHARE = "high priority gets 4 of 5 lanes beside low"
QUEUE = "the third and the fourth wait as queued, and start by themselves"


def call(begin: float, end: float, *, chunk: int = 1, key: int = 1) -> LaneCall:
    return LaneCall(key, f"call_{begin}", chunk, begin, end)


def test_a_lane_that_stands_idle_for_a_fifth_of_the_time_is_used_for_four_fifths() -> None:
    lives = Lives(placed=[0.0, 0.0, 5.0], over=[4.0, 10.0, 9.0])
    assert lives.use(2, 0.0, 10.0) == pytest.approx(0.9)
    assert lives.use(1, 4.0, 5.0) == pytest.approx(1.0)
    assert lives.use(2, 9.0, 10.0) == pytest.approx(0.5)


def test_calls_before_and_after_the_time_looked_at_do_not_count() -> None:
    lives = Lives(placed=[0.0, 6.0, 20.0], over=[2.0, 12.0, 30.0])
    assert lives.held(5.0, 10.0) == pytest.approx(4.0)
    assert [lives.going(at) for at in (0.0, 1.9, 2.0, 6.0, 25.0, 30.0)] == [1, 1, 0, 1, 1, 0]


def test_the_idle_time_between_two_calls_is_told_step_by_step() -> None:
    calls = [call(0.1, 5.2), call(5.5, 9.2), call(9.7, 14.2, chunk=2)]
    chunks = [LaneChunk(1, 1, 0.0, 9.3), LaneChunk(2, 2, 9.5, 14.3)]
    over = {"call_0.1": 5.1, "call_5.5": 9.1, "call_9.7": 14.1}
    lives = Lives(placed=[0.2, 5.6, 9.8], over=sorted(over.values()))
    found = idle(lives, over, calls, chunks, lanes=1)
    assert found == {
        "over_at_the_provider_to_known_here": 100.0,
        "known_to_next_intent_in_a_chunk": 300.0,
        "known_to_chunk_closed": 100.0,
        "chunk_closed_to_next_opened": 200.0,
        "chunk_opened_to_intent": 200.0,
        "intent_to_arrival_at_the_provider": 100.0,
        "calls_in_a_chunk": 1.5,
    }


def test_lanes_are_shared_from_when_the_high_one_has_its_share_until_one_has_no_work_left() -> None:
    low = [call(0.0, 6.0), call(7.0, 30.0), call(31.0, 40.0)]
    high = [call(at, 20.0) for at in (1.0, 2.0, 3.0, 5.0)] + [call(21.0, 30.0)]
    assert shared_time(low, high) == (5.0, 21.0)
    assert held(high, 5.0, 21.0) == pytest.approx(60.0)
    assert held(low, 5.0, 21.0) == pytest.approx(15.0)


def test_campaigns_call_at_once_when_their_calls_overlap() -> None:
    calls = {"a": [call(0.0, 5.0)], "b": [call(1.0, 3.0)], "c": [call(3.0, 4.0)], "d": [call(5.0, 6.0)]}
    assert most_at_once(calls) == 2
    assert most_at_once({**calls, "c": [call(2.9, 4.0)]}) == 3


def test_a_campaign_has_waited_when_it_was_queued_before_its_first_call() -> None:
    queued = Life("c", 10.0, [("preparing", 10.1), ("queued", 10.5), ("running", 20.0), ("completed", 30.0)])
    assert queue_of(queued, [call(20.5, 25.0)]) == 10.0
    assert queue_of(queued, []) is None
    assert queue_of(queued, [call(10.4, 25.0)]) is None
    assert queue_of(Life("c", 10.0, [("running", 20.0)]), [call(20.5, 25.0)]) is None


def lived_well() -> tuple[dict[str, Life], dict[str, list[LaneCall]]]:
    """Four campaigns as they should go: one lane for the low one, four for the high one, then the fourth, the third."""
    of_low = [call(float(n), n + 0.9, key=1) for n in range(TARGETS["low"])]
    of_high = [call(float(n // 4), n // 4 + 0.9, key=2) for n in range(TARGETS["high"])]
    of_fourth = [call(20.0 + n, 20.9 + n, key=4) for n in range(TARGETS["fourth"])]
    of_third = [call(40.0 + n, 40.9 + n, key=3) for n in range(TARGETS["third"])]
    waited = [("queued", 2.0), ("running", 20.0), ("completed", 50.0)]
    lives = {name: Life(name, 0.0, [("running", 1.0), ("completed", 50.0)]) for name in ("low", "high")}
    lives |= {name: Life(name, 0.0, list(waited)) for name in ("third", "fourth")}
    return lives, {"low": of_low, "high": of_high, "third": of_third, "fourth": of_fourth}


def promised(
    lives: Mapping[str, Life], calls: Mapping[str, list[LaneCall]], placed: list[float], peak: int = 5
) -> Mapping[str, bool]:
    found = judge(lives, calls, placed, peak)["promised"]
    assert isinstance(found, dict)
    return found


def test_all_promises_hold_where_all_goes_well() -> None:
    spaced = [1.02 * n for n in range(sum(TARGETS.values()))]
    assert all(promised(*lived_well(), spaced).values())


def test_each_broken_promise_is_told() -> None:
    spaced = [1.02 * n for n in range(sum(TARGETS.values()))]
    lives, calls = lived_well()
    assert not promised(lives, calls, spaced, peak=6)[PEAK]
    assert not promised(lives, calls, [*spaced[:-1], spaced[-2] + 0.999])[STARTS]
    assert not promised(lives, calls, [*spaced, spaced[-1] + 2.0])["everybody is called once"]
    greedy = [call(at, at + 1.8, key=1) for at in range(TARGETS["low"])]
    assert not promised(lives, {**calls, "low": greedy}, spaced)[SHARE]
    together = {**calls, "third": calls["fourth"], "fourth": calls["third"]}
    assert not promised(lives, together, spaced)["of those that wait, the more urgent one goes first"]
    lives["third"].statuses = [("running", 1.0), ("completed", 50.0)]
    assert not promised(lives, calls, spaced)[QUEUE]
    lives["low"].statuses[-1] = ("failed", 50.0)
    assert not promised(lives, calls, spaced)["all campaigns complete"]


def found(*, holds: bool) -> Coroutine[object, object, Mapping[str, object]]:
    async def bench() -> Mapping[str, object]:
        return {"figure": 0.5, "reached": {"a lot": False}, "promised": {"never six": holds}}

    return bench()


def test_a_bench_fails_where_a_promise_broke_and_only_there(capsys: pytest.CaptureFixture[str]) -> None:
    run(found(holds=True), as_json=True)
    with pytest.raises(typer.Exit) as ended:
        run(found(holds=False), as_json=False)
    assert ended.value.exit_code == 1
    assert "NO  never six" in capsys.readouterr().out


def test_what_a_bench_found_is_shown_one_figure_a_line() -> None:
    shown = list(lines({"pace": {"contacts": 3}, "promised": {"never six": True}, "receipts": False}))
    assert [" ".join(line.split()) for line in shown] == [
        "pace",
        "contacts 3",
        "promised",
        "yes never six",
        "receipts False",
    ]
