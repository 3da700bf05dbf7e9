"""Lane use: the share of time that lanes hold a call while work is waiting, and where the rest goes.

A lane holds a call from the moment the order arrives at the provider until the call is over there, both by the
sandbox's clock: whatever Clarion needs to learn of an end, to choose the next target and to order its call counts as
idle. Work is waiting until the last call is placed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.calling import NO_LIMIT, CallStage, LaneCall, LaneChunk, calling
from bench.histories import History, read_history
from bench.pace import judged
from clarion.contracts import AccountRef
from starter.launching import workflow_id
from starter.local.rehearsal import TENANT

REACH = 0.95


@dataclass(frozen=True, slots=True)
class Lives:
    """When calls were placed and over at the provider: epoch seconds, each in order."""

    placed: Sequence[float]
    over: Sequence[float]

    def going(self, at: float) -> int:
        """Calls that go on at a moment."""
        return bisect_right(self.placed, at) - bisect_right(self.over, at)

    def held(self, begin: float, end: float) -> float:
        """Seconds that calls went on between two moments, added up over all calls."""
        begun = sum(min(max(end - at, 0.0), end - begin) for at in self.placed)
        return begun - sum(min(max(end - at, 0.0), end - begin) for at in self.over)

    def use(self, lanes: int, begin: float, end: float) -> float:
        """The share of the time of ``lanes`` in which they held a call."""
        return self.held(begin, end) / (lanes * (end - begin)) if end > begin else 0.0


async def lanes_use(
    *,
    lanes: int = 50,
    targets: int = 600,
    time_scale: float = 0.1,
    per_second: int = 50,
    workers: int = 1,
    database_url: str | None = None,
) -> dict[str, object]:
    """Run one campaign of calls of 30 to 180 s, times ``time_scale``, on an account with as many lanes."""
    limits = {
        "CALLS_AT_ONCE": str(lanes),
        "CALLS_PER_SECOND": str(per_second),
        "CALLS_PER_MINUTE": str(NO_LIMIT),
        "CALLS_PER_HOUR": str(NO_LIMIT),
    }
    async with calling(time_scale=time_scale, account=limits, workers=workers, database_url=database_url) as stage:
        campaign_id = await stage.start(targets, lanes=lanes)
        await stage.stage.until_done(campaign_id)
        placed, over, peak = await stage.placed(), await stage.over(), await stage.counted("peak")
        if len(placed) != targets or len(over) != targets:
            raise RuntimeError(f"{len(placed)} calls were placed for {targets} targets, and {len(over)} ended")
        calls, chunks = await stage.calls(), await stage.chunks(await stage.key(campaign_id))
        events = await _events(stage, campaign_id)
    lives = Lives(placed, sorted(over.values()))
    pace = judged(placed, per_second)
    found = _use(lives, lanes, time_scale)
    promised = {
        f"at most {lanes} calls at once": peak <= lanes,
        f"at most {per_second} calls begin in any second": pace["windows_over_limit"] == 0,
    }
    reached = {f"lane use of {REACH:.0%} or more": lives.use(lanes, placed[0], placed[-1]) >= REACH}
    asked = {"lanes": lanes, "targets": targets, "time_scale": time_scale, "workers": workers}
    return {
        **found,
        "idle_between_two_calls_ms": idle(lives, over, calls, chunks, lanes),
        "events_per_target": {name: round(of.events / targets, 2) for name, of in events.items()},
        "events": {name: dict(of.kinds.most_common()) for name, of in events.items()},
        "most_calls_at_once": peak,
        "pace": pace,
        **asked,
        "promised": promised,
        "reached": reached,
    }


async def _events(stage: CallStage, campaign_id: str) -> dict[str, History]:
    campaigns = stage.stage.installation.campaigns
    client = await campaigns.connect()
    account = AccountRef(tenant=TENANT, account=TENANT).workflow_id
    campaign = workflow_id(await campaigns.find(campaign_id))
    return {"campaign": await read_history(client, campaign), "account": await read_history(client, account)}


def _use(lives: Lives, lanes: int, time_scale: float) -> dict[str, object]:
    """Lane use as measured, in all and in parts, and what the same idle time comes to at real call lengths."""
    first, last = lives.placed[0], lives.placed[-1]
    full = lives.placed[min(lanes, len(lives.placed)) - 1]
    scarce = max(full, lives.placed[-lanes] if len(lives.placed) > lanes else full)
    lasts = (sum(lives.over) - sum(lives.placed)) / len(lives.placed)
    steady = lives.use(lanes, full, scarce)
    idle_seconds = lasts * (1 / steady - 1) if steady else 0.0
    real = lasts / time_scale
    return {
        "lane_use": round(lives.use(lanes, first, last), 4),
        "lane_use_while_more_wait_than_lanes": round(steady, 4),
        "lane_use_while_fewer_wait_than_lanes": round(lives.use(lanes, scarce, last), 4),
        "seconds_until_all_lanes_hold_a_call": round(full - first, 2),
        "seconds_while_work_is_waiting": round(last - first, 1),
        "mean_call_seconds": round(lasts, 2),
        "idle_seconds_a_call": round(idle_seconds, 3),
        "lane_use_at_real_lengths_computed": round(real / (real + idle_seconds), 4) if real else 0.0,
    }


def idle(
    lives: Lives, over: dict[str, float], calls: Sequence[LaneCall], chunks: Sequence[LaneChunk], lanes: int
) -> dict[str, float | int | None]:
    """Where the time of a lane goes between two calls: milliseconds on average, step by step.

    Only while more targets wait than there are lanes, since a lane that ends for good waits for nothing.
    """
    until = lives.placed[-lanes] if len(lives.placed) > lanes else lives.placed[-1]
    of_chunk: defaultdict[int, list[LaneCall]] = defaultdict(list)
    for call in calls:
        of_chunk[call.chunk].append(call)
    within = [b.intended_at - a.ended_at for lane in of_chunk.values() for a, b in pairwise(lane)]
    ended = [chunk for chunk in chunks if chunk.fence in of_chunk and chunk.closed_at <= until]
    begun = [chunk for chunk in chunks[lanes:] if chunk.fence in of_chunk and chunk.opened_at <= until]
    # Which lane a chunk continues is not known, and need not be: the k-th that opens replaces the k-th that closed.
    turns = zip(sorted(chunk.closed_at for chunk in ended), (chunk.opened_at for chunk in begun), strict=False)
    return {
        "over_at_the_provider_to_known_here": _ms(
            [c.ended_at - over[c.reference] for c in calls if c.reference in over]
        ),
        "known_to_next_intent_in_a_chunk": _ms(within),
        "known_to_chunk_closed": _ms([chunk.closed_at - of_chunk[chunk.fence][-1].ended_at for chunk in ended]),
        "chunk_closed_to_next_opened": _ms([opened - closed for closed, opened in turns]),
        "chunk_opened_to_intent": _ms([of_chunk[chunk.fence][0].intended_at - chunk.opened_at for chunk in begun]),
        # Means of sums: which intent belongs to which arrival does not matter.
        "intent_to_arrival_at_the_provider": round(
            1000 * (sum(lives.placed) / len(lives.placed) - sum(c.intended_at for c in calls) / len(calls)), 1
        )
        if calls
        else None,
        "calls_in_a_chunk": round(sum(map(len, of_chunk.values())) / len(of_chunk), 2) if of_chunk else None,
    }


def _ms(seconds: Sequence[float]) -> float | None:
    return round(1000 * sum(seconds) / len(seconds), 1) if seconds else None
