"""How precisely limits are kept: sliding windows over the limit, and the share of the limit that is used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from bench.stage import staged

WINDOW = 1.0
"""Seconds."""


async def pace(*, seconds: float = 20.0) -> dict[str, object]:
    """One campaign at 5/s and at 20/s; then two campaigns on two workers that share an account of 20/s."""
    found: dict[str, object] = {}
    async with staged(latency_ms=50.0) as stage:
        for limit in (5, 20):
            await stage.forget()
            campaign_id = await stage.start(int(limit * seconds), lanes=20, per_second=limit)
            await stage.until_done(campaign_id)
            found[f"campaign_{limit}_per_second"] = judged(await stage.times(), limit)
    async with staged(latency_ms=50.0, workers=2, account={"PER_SECOND": "20"}) as stage:
        rows = int(20 * seconds / 2)
        both = [await stage.start(rows, lanes=20) for _ in range(2)]
        await asyncio.gather(*(stage.until_done(campaign_id) for campaign_id in both))
        found["account_20_per_second_2_campaigns_2_workers"] = judged(await stage.times(), 20)
    return found


def judged(times: Sequence[float], limit: int) -> dict[str, float]:
    """Judge contacts, in order of time, by a limit a second."""
    over = sum(later - earlier < WINDOW for earlier, later in zip(times, times[limit:], strict=False))
    rate = (len(times) - 1) / (times[-1] - times[0])
    closest = min(b - a for a, b in pairwise(times))
    return {
        "contacts": len(times),
        "windows_over_limit": over,
        "share_of_limit_used": round(rate / limit, 4),
        "closest_contacts_ms": round(1000 * closest, 1),
    }
