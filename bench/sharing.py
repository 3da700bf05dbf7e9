"""How campaigns share an account's calls: the limits as the provider sees them, shares by priority, and the queue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.calling import NO_LIMIT, CallStage, LaneCall, calling
from bench.pace import judged
from clarion.domain.campaign import CampaignStatus, Priority

LANES = 5
"""Calls at once that the account allows."""
STARTS = 1
"""Calls that may begin in any second."""
AT_ONCE = 2
"""Campaigns that may run at once."""
DUE = 4
"""Lanes of the five that are due to high priority beside low: 8 to 2."""
TOLERANCE = 0.05
"""Of a share: lanes are also empty now and then, between two calls."""
LOOK = 0.2
"""Seconds between two looks at how campaigns stand."""

TARGETS: Mapping[str, int] = {"low": 24, "high": 40, "third": 6, "fourth": 6}
PRIORITIES: Mapping[str, Priority] = {
    "low": Priority.LOW,
    "high": Priority.HIGH,
    "third": Priority.NORMAL,
    "fourth": Priority.HIGH,
}
"""In the order in which they are started."""


@dataclass(slots=True)
class Life:
    """What one campaign went through."""

    campaign_id: str
    started_at: float
    statuses: list[tuple[str, float]] = field(default_factory=list)
    """Each status it was seen in, and since when (epoch seconds)."""
    key: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return bool(self.statuses) and CampaignStatus(self.statuses[-1][0]).is_final

    def first(self, status: CampaignStatus) -> float | None:
        """When it was first seen in a status."""
        return next((at for seen, at in self.statuses if seen == status), None)


async def sharing(*, time_scale: float = 0.05, workers: int = 1, database_url: str | None = None) -> dict[str, object]:
    """Run four campaigns on one account: the low one has all lanes when the high one comes, and two must wait."""
    limits = {
        "CALLS_AT_ONCE": str(LANES),
        "CALLS_PER_SECOND": str(STARTS),
        "CALLS_PER_MINUTE": str(NO_LIMIT),
        "CALLS_PER_HOUR": str(NO_LIMIT),
        "CAMPAIGNS_AT_ONCE": str(AT_ONCE),
    }
    async with calling(time_scale=time_scale, account=limits, workers=workers, database_url=database_url) as stage:
        lives = await _run(stage)
        placed, peak = await stage.placed(), await stage.counted("peak")
        calls = {name: [call for call in await stage.calls() if call.campaign_key == lives[name].key] for name in lives}
    return judge(lives, calls, placed, peak) | {"time_scale": time_scale, "workers": workers}


async def _run(stage: CallStage) -> dict[str, Life]:
    lives: dict[str, Life] = {}
    watching = asyncio.create_task(_watch(stage, lives), name="watch campaigns")
    try:
        for name, targets in TARGETS.items():
            at = time.time()
            campaign_id = await stage.start(targets, lanes=LANES, priority=PRIORITIES[name], name=name)
            lives[name] = Life(campaign_id, at, key=await stage.key(campaign_id))
            await _until_it_runs(stage, lives, name)
        await watching
    finally:
        watching.cancel()
    return lives


async def _until_it_runs(stage: CallStage, lives: Mapping[str, Life], name: str) -> None:
    """The next campaign comes when the first one holds all lanes, and when the second one has a place."""
    while name == "low" and await stage.counted("going") < LANES:  # noqa: ASYNC110 - the sandbox can only be polled
        await asyncio.sleep(LOOK)
    while name == "high" and lives[name].first(CampaignStatus.RUNNING) is None:  # noqa: ASYNC110 - so can the store
        await asyncio.sleep(LOOK)


async def _watch(stage: CallStage, lives: Mapping[str, Life]) -> None:
    """Note every status that the campaigns are seen in, until all of them are over."""
    while len(lives) < len(TARGETS) or not all(life.is_over for life in lives.values()):
        for life in list(lives.values()):
            progress = await stage.stage.progress(life.campaign_id)
            if not life.statuses or life.statuses[-1][0] != progress.status:
                life.statuses.append((progress.status.value, time.time()))
        await asyncio.sleep(LOOK)


def judge(
    lives: Mapping[str, Life], calls: Mapping[str, Sequence[LaneCall]], placed: Sequence[float], peak: int
) -> dict[str, object]:
    """Compare what was promised with what happened."""
    pace = judged(placed, STARTS)
    begin, end = shared_time(calls["low"], calls["high"])
    high, low = (held(calls[name], begin, end) for name in ("high", "low"))
    share = high / (high + low) if high + low else 0.0
    at_once = most_at_once(calls)
    waits = {name: queue_of(lives[name], calls[name]) for name in ("third", "fourth")}
    promised = {
        f"the provider never sees more than {LANES} calls at once": peak <= LANES,
        f"nor more than {STARTS} call that begins in any second": pace["windows_over_limit"] == 0,
        f"high priority gets {DUE} of {LANES} lanes beside low": share >= DUE / LANES - TOLERANCE,
        "all campaigns complete": all(life.statuses[-1][0] == CampaignStatus.COMPLETED for life in lives.values()),
        "everybody is called once": all(len(calls[name]) == TARGETS[name] for name in TARGETS)
        and len(placed) == sum(TARGETS.values()),
        f"no more than {AT_ONCE} campaigns call at once": at_once <= AT_ONCE,
        "the third and the fourth wait as queued, and start by themselves": all(
            seconds is not None for seconds in waits.values()
        ),
        "of those that wait, the more urgent one goes first": began(calls["fourth"]) < began(calls["third"]),
    }
    return {
        "most_calls_at_once": peak,
        "pace": pace,
        "share_of_high": round(share, 3),
        "share_due": DUE / LANES,
        "lanes_of_high": round(high / (end - begin), 2) if end > begin else 0.0,
        "lanes_of_low": round(low / (end - begin), 2) if end > begin else 0.0,
        "seconds_both_had_work": round(end - begin, 1),
        "seconds_until_high_had_its_share": round(begin - lives["high"].started_at, 1),
        "most_campaigns_calling_at_once": at_once,
        "queued_seconds": waits,
        "lives": {
            name: {status: round(at - life.started_at, 1) for status, at in life.statuses}
            for name, life in lives.items()
        },
        "promised": promised,
    }


def shared_time(low: Sequence[LaneCall], high: Sequence[LaneCall]) -> tuple[float, float]:
    """From when high first held its share until either of them has begun its last call (epoch seconds)."""
    moments = sorted(call.intended_at for call in high)
    full = (at for at in moments if sum(call.intended_at <= at < call.ended_at for call in high) >= DUE)
    end = min(max(call.intended_at for call in calls) for calls in (low, high))
    return next(full, end), end


def held(calls: Sequence[LaneCall], begin: float, end: float) -> float:
    """Seconds that lanes held these calls between two moments, added up."""
    return sum(max(0.0, min(call.ended_at, end) - max(call.intended_at, begin)) for call in calls)


def most_at_once(calls: Mapping[str, Sequence[LaneCall]]) -> int:
    """Most campaigns that had calls at one moment."""
    moments = [call.intended_at for of_one in calls.values() for call in of_one]
    return max(
        sum(any(call.intended_at <= at < call.ended_at for call in of_one) for of_one in calls.values())
        for at in moments
    )


def began(calls: Sequence[LaneCall]) -> float:
    """When the first of these calls was begun (epoch seconds)."""
    return min((call.intended_at for call in calls), default=float("inf"))


def queue_of(life: Life, calls: Sequence[LaneCall]) -> float | None:
    """Seconds a campaign waited as ``queued`` before its first call; None when it did not wait, or never called."""
    queued = life.first(CampaignStatus.QUEUED)
    return round(began(calls) - queued, 1) if queued is not None and calls and queued < began(calls) else None
