"""How long a person waits between starting a campaign and its first contact."""

from __future__ import annotations

import time

from bench.process import middle
from bench.stage import staged


async def first_contact(*, rows: int = 1_000, times: int = 5, database_url: str | None = None) -> dict[str, object]:
    """Start campaigns one after another; the file's way into the store and its import are part of the time."""
    waited: list[float] = []
    async with staged(latency_ms=50.0, database_url=database_url) as stage:
        for _ in range(times):
            await stage.forget()
            began = time.time()
            campaign_id = await stage.start(rows)
            await stage.until_done(campaign_id)
            waited.append((await stage.times())[0] - began)
    return {
        "first_contact_seconds": middle(waited),
        "worst_seconds": round(max(waited), 3),
        "rows": rows,
        "campaigns": times,
    }
