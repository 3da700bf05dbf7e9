"""Whether everybody who watches a campaign sees every event once and in order, cut off at random; and what it costs."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bench.stage import Stage, cpu_seconds, resident_mb, staged
from clarion.domain.rights import Rights
from clarion.store.events import Event
from clarion.store.store import Store
from starter.keys import Keys
from starter.local.rehearsal import TENANT

LOOK_EVERY = 1.0
"""Seconds between two looks at a campaign; a look of the bench's own costs the web door nothing."""
PATIENCE = 60.0
"""Seconds within which all streams end once the campaign has."""
LISTENING = "0A"
"""How Linux writes that a socket only listens."""


@dataclass(slots=True)
class Watch:
    """One who watches a campaign to its end, and whose connection breaks again and again."""

    url: str
    headers: dict[str, str]
    dice: random.Random
    longest: float
    """Seconds after which the connection breaks at the latest."""
    seen: list[int] = field(default_factory=list)
    progress: int = 0
    connections: int = 0
    ended: bool = False

    async def to_the_end(self, http: aiohttp.ClientSession) -> None:
        """Connect again and again until the campaign is over."""
        while not self.ended:
            self.connections += 1
            with suppress(TimeoutError, aiohttp.ClientError):
                async with asyncio.timeout(self.dice.uniform(0.2, self.longest)):
                    await self._once(http)
            await asyncio.sleep(self.dice.uniform(0.0, 1.0))

    async def _once(self, http: aiohttp.ClientSession) -> None:
        last = {"Last-Event-ID": str(self.seen[-1])} if self.seen else {}
        answer = await http.get(f"{self.url}?from=start", headers=self.headers | last)
        try:
            answer.raise_for_status()
            async for event in _events(answer):
                if "id" in event:
                    self.seen.append(int(event["id"]))
                self.progress += event["event"] == "progress"
                self.ended = self.ended or event["event"] == "end"
        finally:
            answer.close()  # not released: the connection breaks, and with it whatever is on its way


async def _events(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    event: dict[str, str] = {}
    async for line in answer.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name:
            event[name] = value
        elif "event" in event:
            yield event
            event = {}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What those who watched saw, against what stands in the log."""

    events: int
    reconnects: int
    lost: int
    repeated: int
    out_of_order: int
    invented: int

    @property
    def flawless(self) -> bool:
        """Whether everybody saw everything once and in order."""
        return not (self.lost or self.repeated or self.out_of_order or self.invented)


async def watch(url: str, token: str, watchers: int, seed: int, longest: float = 20.0) -> list[Watch]:
    """Watch to the end of a campaign; ``url`` is that of its events."""
    headers = {"Authorization": f"Bearer {token}"}
    crowd = [Watch(url, headers, random.Random(seed + n), longest) for n in range(watchers)]
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http, asyncio.TaskGroup() as group:
        for one in crowd:
            group.create_task(one.to_the_end(http))
    return crowd


def log_of(store: Store, campaign_key: int) -> list[Event]:
    """Return everything in a campaign's log. Blocking."""
    found: list[Event] = []
    while page := store.events.after(campaign_key, found[-1].id if found else 0):
        found += page
    return found


def judge(crowd: Iterable[Watch], log: Sequence[Event]) -> Verdict:
    """Compare what was seen with the log. What was written after a stream had ended is nobody's loss."""
    crowd, known = list(crowd), {event.id for event in log}
    over = max(event.id for event in log if event.kind == "status")
    lost = repeated = disorder = invented = 0
    for one in crowd:
        seen = set(one.seen)
        end = max([over, *one.seen])
        lost += len({event for event in known if event <= end} - seen)
        repeated += len(one.seen) - len(seen)
        disorder += sum(b < a for a, b in zip(one.seen, one.seen[1:], strict=False))
        invented += len(seen - known)
    return Verdict(len(log), sum(one.connections - 1 for one in crowd), lost, repeated, disorder, invented)


async def watchers(
    *, watchers: int = 200, texts: int = 3_000, per_second: float = 100.0, database_url: str | None = None
) -> dict[str, object]:
    """Run the same campaign with nobody watching, with one, and with all."""
    found: dict[str, object] = {}
    promised: dict[str, bool] = {}
    async with staged(latency_ms=50.0, database_url=database_url, receipts=True) as stage:
        for count in dict.fromkeys((0, 1, watchers)):
            found[f"watchers_{count}"] = await _run(stage, count, texts, per_second, promised)
        found["connections_of_the_web_door_to_temporal"] = _connections(stage)
        promised["no connection of the web door to Temporal"] = _connections(stage) == 0
    return {**found, "promised": promised}


async def _run(stage: Stage, count: int, texts: int, per_second: float, promised: dict[str, bool]) -> dict[str, object]:
    """Run one campaign; what was promised of it goes into ``promised``."""
    web = stage.stack.parts["web"].pid
    store = stage.installation.store
    token = Keys(store).make(TENANT, f"bench {count}", Rights.READ, time.time())[1]
    cpu, began = cpu_seconds(web), time.monotonic()
    campaign_id = await stage.start(texts, per_second=per_second)
    url = f"{stage.stack.environment['CLARION_PUBLIC_URL']}/api/v1/campaigns/{campaign_id}/events"
    watching = asyncio.create_task(watch(url, token, count, seed=count))
    await stage.until_done(campaign_id, look_every=LOOK_EVERY)
    memory = resident_mb(web)
    async with asyncio.timeout(PATIENCE):
        crowd = await watching
    seconds, spent = time.monotonic() - began, cpu_seconds(web) - cpu
    campaign = await stage.installation.campaigns.find(campaign_id)
    log = await asyncio.to_thread(log_of, store, campaign.ref.key)
    verdict = judge(crowd, log)
    promised[f"{count} watchers saw every event once and in order"] = verdict.flawless
    return {
        "events": verdict.events,
        "told": sum(len(one.seen) for one in crowd),
        "progress_told": sum(one.progress for one in crowd),
        "reconnects": verdict.reconnects,
        "lost": verdict.lost,
        "repeated": verdict.repeated,
        "out_of_order": verdict.out_of_order,
        "invented": verdict.invented,
        "seconds": round(seconds, 1),
        "web_cpu_seconds": round(spent, 2),
        "web_memory_mb": memory[0],
        "web_peak_mb": memory[1],
        "temporal_history_events": (await stage.history(campaign_id))[0],
    }


def _connections(stage: Stage) -> int:
    """Count the connections that the web door holds to Temporal."""
    web = stage.stack.parts["web"].pid
    own = set()
    for handle in Path(f"/proc/{web}/fd").iterdir():
        with suppress(OSError):
            own.add(str(handle.readlink()))
    port = int(stage.stack.environment["TEMPORAL_ADDRESS"].rpartition(":")[2])
    lines = Path(f"/proc/{web}/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    sockets = [line.split() for line in lines]
    return sum(
        int(one[2].rpartition(":")[2], 16) == port and one[3] != LISTENING and f"socket:[{one[9]}]" in own
        for one in sockets
    )
