"""``clarion drill``: proves the promises here by killing parts while a campaign runs on the sandbox.

It has a stack of its own in a temporary folder, and what it trusts is the sandbox's count of what really happened.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from clarion.domain.campaign import CampaignSpec, CampaignStatus, parse_spec
from clarion.domain.errors import BadInput
from starter.killing import Killer, plan_kills
from starter.rehearsal import TENANT, ask, effects_by_target, prepare_database, read_faults, write_audience
from starter.stack import HOST, Stack, free_port, sandbox_environment

if TYPE_CHECKING:
    from starter.campaigns import Campaigns
    from starter.progress import Progress

Say = Callable[[str], None]

QUICK = {
    "CLARION_TENANT": TENANT,
    "CLARION_TASK_QUEUE": "rehearsal",
    "CLARION_UNKNOWN_GRACE": "2",
    "CLARION_INTENT_SLACK": "2",
    f"CLARION_ACCOUNTS__{TENANT.upper()}__TIMEOUT": "3",
}
"""The sandbox answers in milliseconds, so nobody need wait as long for what is unknown."""

LANES = 30
LATENCY_MS = "150"
"""The provider takes its time, so that kills also fall between an effect and its answer."""
RECEIPT_WAIT = 8.0
"""Seconds until ``sent`` is the last word where a callback was lost."""
SLOWEST, LASTS = 10.0, 20.0
"""The campaign is paced to last LASTS seconds without kills, at SLOWEST texts a second or more."""
BETWEEN_LOOKS = 0.3
"""Seconds between two looks at the books."""
SHOWN = 10
"""Addresses named in a sentence."""


class DrillResult(BaseModel):
    """What a drill came to."""

    model_config = ConfigDict(frozen=True)

    targets: int
    """Rows of the audience that were accepted."""
    effects: int
    """Texts that really happened, as the sandbox counts them."""
    duplicates: int
    """Targets with more than one effect."""
    lost: int
    """Accepted targets without an effect."""
    balanced: bool
    """Whether the books balanced at every look, and when every target was counted again at the end."""
    kills: int
    recovery_seconds: float | None
    """Longest time until the targets of a killed worker moved again; None when no kill met a claimed target."""
    seed: int
    seconds: float
    faults: str
    database: str
    status: CampaignStatus
    killed: dict[str, int]
    looks: int
    """How often the books were looked at."""
    unknown: int
    """Targets that ended without a known outcome."""
    broken: tuple[str, ...]
    """Promises that did not hold, one sentence each."""


async def run_drill(
    channel: str = "sms",
    *,
    targets: int = 300,
    kills: int = 5,
    kill: Sequence[str] = ("worker",),
    faults: str = "none",
    seed: int = 0,
    workers: int = 2,
    as_json: bool = False,
    database_url: str | None = None,
    report: Say | None = None,
) -> int:
    """Run a drill, print its result to stdout and what happens meanwhile to ``report``; return the exit code.

    ``faults`` is ``none``, ``mix`` or JSON as the sandbox takes it. With ``database_url`` the campaign goes into that
    database, which must hold no others. Raises BadInput, Conflict, Unreachable.
    """
    if channel != "sms":
        raise BadInput(f'there is no drill for "{channel}" yet; use sms')
    for name, value, least in (("--targets", targets, 1), ("--kills", kills, 0), ("--workers", workers, 1)):
        if value < least:
            raise BadInput(f"{name} {value} is too few; give {least} or more")
    read_faults(faults)
    plan_kills(kills, kill, seed)
    say = report or _to_stderr
    folder = Path(tempfile.mkdtemp(prefix="clarion-drill-"))
    drill = Drill(folder, targets, kills, tuple(kill), faults, seed, workers, database_url, say)
    kept = False
    try:
        result = await drill.run()
        kept = bool(result.broken)
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write((result.model_dump_json(indent=2) if as_json else told(result)) + "\n")
    if kept:
        say(f"the logs and databases of this drill are kept in {folder}")
    return 1 if kept else 0


@dataclass(slots=True)
class Drill:
    """One drill, in a folder of its own."""

    folder: Path
    targets: int
    kills: int
    kill: tuple[str, ...]
    faults: str
    seed: int
    workers: int
    database_url: str | None
    say: Say
    looks: int = 0
    unbalanced: str = ""
    addresses: frozenset[str] = frozenset()
    began: float = field(default_factory=time.monotonic)

    @property
    def rate(self) -> float:
        """Texts a second."""
        return max(SLOWEST, self.targets / LASTS)

    @property
    def patience(self) -> float:
        """Seconds after which a campaign that is not completed counts as stuck."""
        return 120.0 + 20.0 * self.kills + 2.0 * self.targets / self.rate

    async def run(self) -> DrillResult:
        """Run it from start to end; leaves nothing running."""
        from starter.wiring import Installation

        self.addresses = write_audience(self.folder / "audience.csv", self.targets, self.seed)
        async with Stack(self.folder) as stack:
            sandbox = await self._start(stack)
            async with Installation.open(stack.settings()) as installation:
                campaigns = installation.campaigns
                campaign = await campaigns.start(self._spec(), campaign_id=f"drill-{self.seed}-{int(time.time())}")
                plan = plan_kills(self.kills, self.kill, self.seed)
                killer = Killer(stack, campaigns.store, campaign.ref.key, plan, self._tell)
                try:
                    progress = await self._watch(campaigns, campaign.ref.campaign_id, killer)
                finally:
                    killer.stop()
                counted = await asyncio.to_thread(campaigns.store.targets.count_books, campaign.ref.key)
                if counted != progress.books:
                    self.unbalanced = self.unbalanced or f"counted again: {counted!r}, booked: {progress.books!r}"
                effects = await asyncio.to_thread(effects_by_target, sandbox)
                database = "sqlite" if campaigns.store.database.is_sqlite else "postgresql"
            self.say("stopping everything")
        return self._judged(progress, killer, effects, database)

    async def _start(self, stack: Stack) -> str:
        """Start all parts; return the sandbox's address."""
        url = self.database_url or f"sqlite:///{self.folder / 'clarion.db'}"
        stack.environment |= {"CLARION_DATABASE_URL": url, "CLARION_LOG_LEVEL": "INFO"} | QUICK
        await asyncio.to_thread(prepare_database, url)
        self.say(f"starting Temporal, sandbox, web door and {self.workers} workers; logs in {self.folder / 'logs'}")
        await stack.start_temporal(free_port(), free_port())
        sandbox = await stack.start_sandbox(seed=self.seed, options=["--latency", LATENCY_MS])
        # All numbers end well, so that every target has exactly one effect when all goes right.
        await asyncio.to_thread(ask, f"{sandbox}/_sandbox/settings", {"mix": {"twilio": {}}})
        await asyncio.to_thread(ask, f"{sandbox}/_sandbox/faults", {"twilio": read_faults(self.faults)})
        web = free_port()
        stack.environment |= sandbox_environment(sandbox, f"http://{HOST}:{web}", TENANT)
        await stack.start_web(web)
        for number in range(1, self.workers + 1):
            await stack.start_worker(number)
        return sandbox

    def _spec(self) -> CampaignSpec:
        return parse_spec(
            {
                "name": f"Drill {self.seed}",
                "channel": "sms",
                "account": TENANT,
                "audience": {"file": str(self.folder / "audience.csv"), "address": "phone"},
                "message": "Drill for {{ first_name }}",
                "limits": {"concurrency": LANES, "per_second": self.rate},
                "retry": {"attempts": 3, "delay": 1},
                "receipts": {"wait": RECEIPT_WAIT},
                "chunk": {"size": 5, "seconds": 10},
            }
        )

    async def _watch(self, campaigns: Campaigns, campaign_id: str, killer: Killer) -> Progress:
        """Kill and mend until the campaign has ended or patience has; look at the books all the while."""
        until = time.monotonic() + self.patience
        progress = await campaigns.progress(campaign_id)
        while not progress.status.is_final and time.monotonic() < until:
            await killer.mend()
            books = progress.books
            await killer.strike(1 - (books.pending + books.waiting) / books.total if books.total else 0.0)
            await asyncio.sleep(BETWEEN_LOOKS)
            try:
                progress = await campaigns.progress(campaign_id)
            except Exception as error:  # noqa: BLE001 - the database is one of the things that are hit
                self._tell(f"could not look at the books: {type(error).__name__}")
                continue
            self.looks += 1
            if not progress.books.balanced:
                self.unbalanced = self.unbalanced or repr(progress.books)
                self._tell(f"the books do not balance: {progress.books!r}")
            self._show(progress, killer)
        await killer.finish()
        return progress

    def _judged(self, progress: Progress, killer: Killer, counts: Mapping[str, int], database: str) -> DrillResult:
        books = progress.books
        return DrillResult(
            targets=books.total - books.skipped,
            effects=sum(counts.values()),
            duplicates=sum(n > 1 for n in counts.values()),
            lost=len(self.addresses - counts.keys()),
            balanced=not self.unbalanced,
            kills=sum(killer.killed.values()),
            recovery_seconds=round(max(killer.recoveries), 1) if killer.recoveries else None,
            seed=self.seed,
            seconds=round(time.monotonic() - self.began, 1),
            faults=self.faults,
            database=database,
            status=progress.status,
            killed=dict(killer.killed),
            looks=self.looks,
            unknown=books.unknown,
            broken=tuple(broken_promises(self.addresses, counts, progress, self.unbalanced)),
        )

    def _tell(self, what: str) -> None:
        self.say(f"{time.monotonic() - self.began:5.1f} s  {what}")

    def _show(self, progress: Progress, killer: Killer) -> None:
        if self.looks % 10 == 1:
            b = progress.books
            self._tell(
                f"{progress.status}: {b.total - b.pending - b.waiting} of {b.total} contacted, {b.succeeded} settled, "
                f"{b.unknown} unknown, {sum(killer.killed.values())} of {self.kills} kills, "
                f"books {'balance' if b.balanced else 'DO NOT BALANCE'}"
            )


def broken_promises(
    addresses: Collection[str], effects: Mapping[str, int], progress: Progress, unbalanced: str
) -> Iterator[str]:
    """Say in one sentence each what should not have happened. ``effects``: texts by address, as the sandbox counts."""
    books, wanted = progress.books, set(addresses)
    twice = sorted(address for address, n in effects.items() if n > 1)
    if twice:
        yield f"contacted twice: {', '.join(twice[:SHOWN])}"
    if lost := sorted(wanted - effects.keys()):
        yield f"forgotten: {', '.join(lost[:SHOWN])}"
    if strangers := sorted(effects.keys() - wanted):
        yield f"contacted without being in the audience: {', '.join(strangers[:SHOWN])}"
    if books.total - books.skipped != len(wanted):
        yield f"{books.total - books.skipped} of {len(wanted)} good rows were accepted"
    if unbalanced:
        yield f"the books did not balance: {unbalanced}"
    if books.unknown:
        yield f"{books.unknown} targets ended unknown"
    if progress.status is not CampaignStatus.COMPLETED:
        yield f"the campaign is {progress.status} and not completed ({progress.reason or 'no reason given'})"


def told(result: DrillResult) -> str:
    """The result for people."""
    killed = ", ".join(f"{kind} {n}x" for kind, n in sorted(result.killed.items())) or "nothing"
    recovery = "no kill met a claimed target"
    if result.recovery_seconds is not None:
        recovery = f"{result.recovery_seconds:g} s at most until the targets of a killed worker moved again"
    lines = [
        f"targets    {result.targets}",
        f"effects    {result.effects} (duplicates {result.duplicates}, lost {result.lost})",
        f"books      {'balanced' if result.balanced else 'NOT BALANCED'}, looked at {result.looks} times and recounted",
        f"killed     {killed}",
        f"recovery   {recovery}",
        f"faults     {result.faults}",
        f"database   {result.database}",
        f"campaign   {result.status} after {result.seconds:.0f} s, seed {result.seed}",
        *(f"BROKEN     {sentence}" for sentence in result.broken),
        *([] if result.broken else ["Every promise held."]),
    ]
    return "\n".join(lines)


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
