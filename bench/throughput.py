"""Targets a second and CPU per target: Clarion, a bare asyncio loop, one activity per target, in turns."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bench.process import middle, run_module
from bench.stage import Stage, cpu_seconds, staged, steady_rate
from starter.local.rehearsal import write_audience


@dataclass(frozen=True, slots=True)
class Turn:
    """What one way of sending came to."""

    targets_per_second: float
    cpu_ms_per_target: float
    """Of the process that sends, from the first step to the last."""
    events_per_target: float = 0.0


async def throughput(
    *,
    targets: int = 10_000,
    one_activity_targets: int = 2_000,
    rounds: int = 3,
    lanes: int = 50,
    latency_ms: float = 50.0,
    receipts: bool = False,
    database_url: str | None = None,
) -> dict[str, object]:
    """Measure all three ``rounds`` times; figures are medians, ratios are medians of the rounds' ratios."""
    ours: list[Turn] = []
    bare: list[Turn] = []
    single: list[Turn] = []
    async with staged(latency_ms=latency_ms, receipts=receipts, database_url=database_url) as stage:
        for _ in range(rounds):
            ours.append(await _clarion(stage, targets, lanes, receipt_wait=30.0 if receipts else 0.0))
            bare.append(await _process(stage, "bench.bare", targets, lanes))
            if one_activity_targets:
                single.append(await _process(stage, "bench.one_activity", one_activity_targets, lanes))
    result: dict[str, object] = {
        "targets_per_second": middle(t.targets_per_second for t in ours),
        "bare_targets_per_second": middle(t.targets_per_second for t in bare),
        "ratio_to_bare": middle(o.targets_per_second / b.targets_per_second for o, b in zip(ours, bare, strict=True)),
        "one_activity_targets_per_second": middle(t.targets_per_second for t in single),
        "events_per_target": middle((t.events_per_target for t in ours), 4),
        "one_activity_events_per_target": middle(t.events_per_target for t in single),
        "cpu_ms_per_target": middle(t.cpu_ms_per_target for t in ours),
        "bare_cpu_ms_per_target": middle(t.cpu_ms_per_target for t in bare),
        "one_activity_cpu_ms_per_target": middle(t.cpu_ms_per_target for t in single),
        "rounds": {
            "targets_per_second": [t.targets_per_second for t in ours],
            "bare": [t.targets_per_second for t in bare],
            "one_activity": [t.targets_per_second for t in single],
        },
    }
    asked = {"targets": targets, "lanes": lanes, "latency_ms": latency_ms, "receipts": receipts}
    return result | asked | {"database": "postgresql" if database_url else "sqlite"}


async def _clarion(stage: Stage, targets: int, lanes: int, *, receipt_wait: float) -> Turn:
    await stage.forget()
    worker = stage.workers[0].pid
    used = cpu_seconds(worker)
    campaign_id = await stage.start(targets, lanes=lanes, receipt_wait=receipt_wait)
    await stage.until_done(campaign_id)
    cpu = cpu_seconds(worker) - used
    events, _ = await stage.history(campaign_id)
    return Turn(steady_rate(await stage.times()), 1000 * cpu / targets, events / targets)


async def _process(stage: Stage, module: str, targets: int, lanes: int) -> Turn:
    await stage.forget()
    audience = stage.stack.home / f"{module}.csv"
    await asyncio.to_thread(write_audience, audience, targets, 0)
    found = await asyncio.to_thread(run_module, module, stage.sandbox, str(audience), str(lanes))
    if found["sent"] != targets:
        raise RuntimeError(f"{module} sent {found['sent']} of {targets} texts")
    events = found.get("events", 0.0)
    return Turn(steady_rate(await stage.times()), 1000 * found["cpu_seconds"] / targets, events / targets)
