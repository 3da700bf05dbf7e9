"""Whether a worker's memory grows with its campaign."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bench.stage import resident_mb, staged


async def memory(*, sizes: Sequence[int] = (10_000, 100_000)) -> dict[str, object]:
    """Run one campaign per size, each on a new worker, and read its memory; the provider answers at once."""
    found: dict[str, object] = {}
    for rows in sizes:
        async with staged(latency_ms=0.0) as stage:
            worker = stage.workers[0].pid
            at_start, _ = resident_mb(worker)
            campaign_id = await stage.start(rows)
            samples: list[float] = []
            done = asyncio.create_task(stage.until_done(campaign_id, look_every=2.0))
            while not done.done():
                await asyncio.sleep(1.0)
                samples.append(resident_mb(worker)[0])
            await done
            now, peak = resident_mb(worker)
            events, runs = await stage.history(campaign_id)
        quarter = max(1, len(samples) // 4)
        found[f"targets_{rows}"] = {
            "start_mb": at_start,
            "first_quarter_mb": max(samples[:quarter]),
            "last_quarter_mb": max(samples[-quarter:]),
            "end_mb": now,
            "peak_mb": peak,
            "events_per_target": round(events / rows, 4),
            "runs": runs,
        }
    return found
