"""Kills parts of a running stack at planned moments, starts them again, and times how long targets stand still."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from clarion.domain.errors import BadInput, Unreachable, did_you_mean
from clarion.store.schema import chunks, targets
from clarion.store.store import Store
from starter.local.part import Part
from starter.local.stack import Stack

KINDS = ("worker", "temporal", "web", "database")

LOCK_SECONDS = 2.0
"""How long a SQLite file is locked against every writer: the nearest it has to a database that goes away."""

BETWEEN_LOOKS = 0.2
"""Seconds between two looks at claims that have not moved yet."""

MOVED_WITHIN = 10.0
"""Seconds after a campaign's end until nobody holds a claim in it."""

TERMINATE_OTHERS = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() "
    "AND usename = current_user AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
)


@dataclass(frozen=True, slots=True)
class Blow:
    """One planned kill."""

    share: float
    """Strikes when this share of the targets is done; below 0 at once."""
    kind: str
    choice: float
    """Which worker, as a share of those that live; of those that hold targets, where any does."""
    delay: float
    """Seconds between the moment and the kill, so that no kill comes at a round time."""
    down: float
    """Seconds until the part is started again."""


def plan_kills(kills: int, kinds: Sequence[str], seed: int) -> list[Blow]:
    """Draw the moments; every kind gets its turn. Raises BadInput for a kind there is not."""
    for kind in kinds:
        if kind not in KINDS:
            raise BadInput(f'"{kind}" cannot be killed{did_you_mean(kind, KINDS)}; choose from {", ".join(KINDS)}')
    if not kinds:
        raise BadInput(f"nothing to kill was named; choose from {', '.join(KINDS)}, or use --kills 0")
    dice = random.Random(f"kills/{seed}")  # noqa: S311 - the same seed repeats a drill
    drawn = [kinds[n % len(kinds)] for n in range(kills)]
    dice.shuffle(drawn)
    shares = sorted(dice.uniform(-0.05, 0.97) for _ in drawn)
    return [
        Blow(share, kind, dice.random(), dice.uniform(0.0, 0.5), dice.uniform(0.5, 2.0))
        for share, kind in zip(shares, drawn, strict=True)
    ]


@dataclass(slots=True)
class Killer:
    """Carries out a plan on one campaign. Whatever dies, it starts again."""

    stack: Stack
    store: Store
    campaign_key: int
    plan: list[Blow]
    say: Callable[[str], None]
    killed: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    """Seconds each killed worker's targets stood still."""
    died: Counter[str] = field(default_factory=Counter)
    """Parts that ended although nobody killed them."""
    _up_again: dict[str, float] = field(default_factory=dict)
    _watches: set[asyncio.Task[None]] = field(default_factory=set)

    async def strike(self, share: float) -> None:
        """Carry out what is due now that ``share`` of the targets is done."""
        while self.plan and share >= self.plan[0].share:
            blow = self.plan[0]
            await asyncio.sleep(blow.delay)
            if not await self._hit(blow):
                return
            self.plan.pop(0)
            self.killed[blow.kind] += 1

    async def mend(self) -> None:
        """Start again what is down and has been down for long enough."""
        for name, part in self.stack.parts.items():
            if part.alive:
                continue
            if name not in self._up_again:
                self.died[name] += 1
                self.say(f"{name} ended by itself; its log: {part.log}")
                self._up_again[name] = time.monotonic() + 1.0
            if time.monotonic() >= self._up_again[name]:
                try:
                    await part.start()
                except Unreachable as error:
                    self.say(str(error))
                    self._up_again[name] = time.monotonic() + 1.0
                else:
                    del self._up_again[name]

    async def finish(self) -> int:
        """Wait a moment for the watches over claims; returns how many killed workers' targets still have not moved.

        To be called once the campaign has ended, when nothing is claimed.
        """
        if not self._watches:
            return 0
        done, stuck = await asyncio.wait(self._watches, timeout=MOVED_WITHIN)
        for watch in done:
            watch.result()
        return len(stuck)

    def stop(self) -> None:
        """Stop watching."""
        for watch in self._watches:
            watch.cancel()

    async def _hit(self, blow: Blow) -> bool:
        if blow.kind == "database":
            await asyncio.to_thread(self._hit_database)
            return True
        alive = [p for name, p in self.stack.parts.items() if p.alive and name.partition("-")[0] == blow.kind]
        if not alive:
            return False
        if blow.kind == "worker":
            # A worker that was just started holds nothing for a while, and killing it would show nothing.
            alive = [part for part in alive if await self._holds_targets(part)] or alive
        part = alive[int(blow.choice * len(alive))]
        pid = part.pid
        part.kill()
        self._up_again[part.name] = time.monotonic() + blow.down
        self.say(f"killed {part.name} (process {pid}), down for {blow.down:.1f} s")
        if blow.kind == "worker":
            self._watch(part, _identity(pid))
        return True

    async def _holds_targets(self, part: Part) -> bool:
        try:
            return bool(await asyncio.to_thread(self._claims, _identity(part.pid)))
        except Exception:  # noqa: BLE001 - the database may just have been hit
            return False

    def _hit_database(self) -> None:
        database = self.store.database
        if database.is_sqlite:
            self.say(f"locked the SQLite file against all writers for {LOCK_SECONDS:g} s")
            with database.write():
                time.sleep(LOCK_SECONDS)
            return
        with database.read() as connection:
            ended = connection.exec_driver_sql(TERMINATE_OTHERS).scalar()
        self.say(f"ended {ended} connections to the database")

    def _watch(self, part: Part, worker: str) -> None:
        watch = asyncio.create_task(self._until_moved(part.name, worker, time.monotonic()))
        self._watches.add(watch)

    async def _until_moved(self, name: str, worker: str, since: float) -> None:
        held: set[tuple[int, int]] | None = None
        while held is None or held:
            try:
                now = await asyncio.to_thread(self._claims, worker)
            except Exception as error:  # noqa: BLE001 - the database may be the next to be hit; its driver raises its own
                self.say(f"could not look at claims: {type(error).__name__}")
            else:
                if held is None and not now:
                    return
                held = now if held is None else held & now
            await asyncio.sleep(BETWEEN_LOOKS)
        self.recoveries.append(time.monotonic() - since)
        self.say(f"the targets of {name} moved again after {self.recoveries[-1]:.1f} s")

    def _claims(self, worker: str) -> set[tuple[int, int]]:
        """What this worker has claimed and nobody has taken over yet: position and fence."""
        mine = (chunks.c.campaign_key == self.campaign_key) & (chunks.c.worker == worker) & chunks.c.closed_at.is_(None)
        query = (
            targets.join(
                chunks, (targets.c.campaign_key == chunks.c.campaign_key) & (targets.c.chunk == chunks.c.number)
            )
            .select()
            .with_only_columns(targets.c.position, targets.c.fence)
            .where(mine, targets.c.fence == chunks.c.fence)
        )
        with self.store.database.read() as connection:
            return {(position, fence) for position, fence in connection.execute(query)}


def _identity(pid: int | None) -> str:
    """Return what a worker calls itself."""
    return f"{pid}@{socket.gethostname()}"
