"""The stage of the benches that call: an account with Retell at the sandbox, and what that says of every call."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.request import Request, urlopen

from sqlalchemy import select

from bench.stage import Stage, Surroundings, of_account, raised
from clarion.domain.campaign import Priority, parse_spec
from clarion.store.schema import attempts, chunks
from starter.local.rehearsal import TENANT, ask, dig, write_audience
from starter.local.stack import CALLING

PROVIDER = "retell"
NO_LIMIT = 1_000_000
"""Calls a minute or an hour that no bench reaches."""
CHUNK_SECONDS = 300.0
POLL_AFTER = 20.0
"""What campaigns and accounts have where nobody says otherwise; compressed like the calls."""
LEAST_CHUNK = 1.0
"""Seconds that a chunk works at least; a campaign's file takes no less."""
LONGEST_MINUTES = 4.0
"""Nobody of the sandbox talks for longer than 180 s, and the talk is not to be cut off."""
PAGE = 1000


@dataclass(frozen=True, slots=True)
class LaneCall:
    """One call as the store knows it. Times are epoch seconds."""

    campaign_key: int
    reference: str
    chunk: int
    """By the chunk's fence: calls of one chunk follow each other in one lane."""
    intended_at: float
    ended_at: float
    """When we knew of its end."""


@dataclass(frozen=True, slots=True)
class LaneChunk:
    """One chunk as the store knows it. Times are epoch seconds."""

    number: int
    fence: int
    opened_at: float
    closed_at: float


@dataclass(slots=True)
class CallStage:
    """A running stack whose campaigns call."""

    stage: Stage
    time_scale: float

    async def start(self, rows: int, *, lanes: int, priority: Priority = Priority.NORMAL, name: str = "") -> str:
        """Start a campaign that calls ``rows`` new people, each once; return its id."""
        stage = self.stage
        stage.seed += 1
        audience = stage.stack.home / f"audience-{stage.seed}.csv"
        await asyncio.to_thread(write_audience, audience, rows, stage.seed)
        spec = parse_spec(
            {
                "name": f"Bench {stage.seed}",
                "channel": "call",
                "account": TENANT,
                "priority": priority.value,
                "audience": {"file": str(audience), "address": "phone"},
                "call": {
                    "provider": PROVIDER,
                    "first_message": "Hello {{ first_name }}, this is a measurement.",
                    "max_minutes": LONGEST_MINUTES,
                },
                # What the account allows is measured: the campaign's own pace must not be what limits it.
                "limits": {"concurrency": lanes, "per_second": 1000},
                "chunk": {"seconds": max(LEAST_CHUNK, CHUNK_SECONDS * self.time_scale)},
            }
        )
        campaign_id = f"{name or 'bench'}-{stage.seed}-{int(time.time())}"
        await stage.installation.campaigns.start(spec, campaign_id=campaign_id)
        return campaign_id

    async def key(self, campaign_id: str) -> int:
        """The key of a campaign in the store."""
        return (await self.stage.installation.campaigns.find(campaign_id)).ref.key

    async def placed(self) -> list[float]:
        """When calls arrived at the provider (epoch seconds, by the sandbox's clock), in order."""
        url = f"{self.stage.sandbox}/_sandbox/effects/times?kind=calls&provider={PROVIDER}"
        found = await asyncio.to_thread(ask, url)
        return [float(at) for at in found] if isinstance(found, list) else []

    async def over(self) -> dict[str, float]:
        """When each call was over at the provider (epoch seconds, by the sandbox's clock), by its reference."""
        return await asyncio.to_thread(_ended_calls, self.stage.sandbox)

    async def counted(self, what: str) -> int:
        """What the sandbox counts of calls: ``accepted``, ``going`` now, ``peak`` at once."""
        found = dig(await asyncio.to_thread(ask, f"{self.stage.sandbox}/_sandbox/effects"), PROVIDER, "calls", what)
        return found if isinstance(found, int) else 0

    async def calls(self) -> list[LaneCall]:
        """All calls of all campaigns that have ended, in the order of their intents."""
        return await asyncio.to_thread(self._calls)

    async def chunks(self, campaign_key: int) -> list[LaneChunk]:
        """All chunks of a campaign, in the order in which they were opened."""
        return await asyncio.to_thread(self._chunks, campaign_key)

    def _calls(self) -> list[LaneCall]:
        a = attempts.c
        query = select(a.campaign_key, a.provider_reference, a.fence, a.intended_at, a.ended_at)
        query = query.where(a.ended_at.is_not(None), a.provider_reference.is_not(None)).order_by(a.intended_at)
        with self.stage.installation.store.database.read() as connection:
            return [LaneCall(*row) for row in connection.execute(query)]

    def _chunks(self, campaign_key: int) -> list[LaneChunk]:
        c = chunks.c
        query = select(c.number, c.fence, c.opened_at, c.closed_at)
        query = query.where(c.campaign_key == campaign_key, c.closed_at.is_not(None)).order_by(c.opened_at)
        with self.stage.installation.store.database.read() as connection:
            return [LaneChunk(*row) for row in connection.execute(query)]


@asynccontextmanager
async def calling(
    *,
    time_scale: float,
    account: Mapping[str, str],
    latency_ms: float = 50.0,
    workers: int = 1,
    database_url: str | None = None,
) -> AsyncIterator[CallStage]:
    """Start a stack for calls; ``account`` are its limits, such as ``CALLS_AT_ONCE``.

    Everybody answers and talks for 30 to 180 s, times ``time_scale``; every webhook arrives.
    """

    def calls(sandbox: str, web: str) -> Surroundings:
        told = {"PROVIDER": PROVIDER, "BASE_URL": sandbox, **CALLING[PROVIDER]}
        told |= {"POLL_AFTER": str(POLL_AFTER * time_scale), **account}
        hooks = {PROVIDER: f"{web}/webhooks/{PROVIDER}/{TENANT}/call"}
        return Surroundings(
            {"mix": {"calls": {}}, "webhook_urls": hooks}, of_account(told) | {"CLARION_PUBLIC_URL": web}
        )

    options = ["--latency", str(latency_ms), "--time-scale", f"{time_scale:g}"]
    async with raised(calls, options=options, workers=workers, database_url=database_url, web=True) as stage:
        yield CallStage(stage, time_scale)


def _ended_calls(sandbox: str) -> dict[str, float]:
    headers = {"Authorization": f"Bearer {CALLING[PROVIDER]['AUTH_TOKEN']}"}
    ended: dict[str, float] = {}
    after: Mapping[str, str] = {}
    while True:
        body = json.dumps({"limit": PAGE, "sort_order": "ascending", **after}).encode()
        with urlopen(Request(f"{sandbox}/v3/list-calls", body, headers), timeout=30) as answer:  # noqa: S310 - ours
            page = json.loads(answer.read())
        for call in page["items"]:
            if "end_timestamp" in call:
                ended[str(call["call_id"])] = call["end_timestamp"] / 1000
        if not page["has_more"]:
            return ended
        after = {"pagination_key": str(page["pagination_key"])}
