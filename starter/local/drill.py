"""``clarion drill``: proves the promises here by killing parts while a campaign runs on the sandbox.

It has a stack of its own in a temporary folder, and what it trusts is the sandbox's count of what really happened.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clarion.domain.campaign import parse_spec
from clarion.domain.errors import BadInput, Unreachable, did_you_mean
from starter.local.drill_calls import DEFAULT_PROVIDER, Calls
from starter.local.drill_channel import QUICK, DrillChannel
from starter.local.drill_leads import Leads
from starter.local.drill_result import DrillResult, Findings, broken_promises, told
from starter.local.drill_texts import Texts
from starter.local.killing import Killer, plan_kills
from starter.local.rehearsal import TENANT, ask, prepare_database, read_faults
from starter.local.stack import HOST, Stack, free_port

if TYPE_CHECKING:
    from starter.accounts import Accounts
    from starter.campaigns import Campaigns
    from starter.progress import Progress

Say = Callable[[str], None]

BETWEEN_LOOKS = 0.3
"""Seconds between two looks at the books."""
LANES_BACK_WITHIN = 10.0
"""Seconds after its end until an account must have all lanes of a campaign back."""
ANSWER_PATIENCE = 60.0
"""Seconds until somebody must be there who can say who holds lanes."""


async def run_drill(
    channel: str = "sms",
    *,
    targets: int | None = None,
    kills: int = 5,
    kill: Sequence[str] | None = None,
    faults: str = "none",
    seed: int = 0,
    workers: int = 2,
    as_json: bool = False,
    database_url: str | None = None,
    report: Say | None = None,
    provider: str | None = None,
) -> int:
    """Run a drill, print its result to stdout and what happens meanwhile to ``report``; return the exit code.

    ``faults`` is ``none``, ``mix`` or JSON as the sandbox takes it. With ``database_url`` the campaign goes into that
    database, which must hold no others. What is None depends on the channel. Raises BadInput, Conflict, Unreachable.
    """
    tried = find_channel(channel, provider)
    rows = tried.terms.targets if targets is None else targets
    for name, value, least in (("--targets", rows, 1), ("--kills", kills, 0), ("--workers", workers, 1)):
        if value < least:
            raise BadInput(f"{name} {value} is too few; give {least} or more")
    read_faults(faults)
    kinds = tried.terms.kill if kill is None else tuple(kill)
    plan_kills(kills, kinds, seed)
    say = report or _to_stderr
    folder = Path(tempfile.mkdtemp(prefix="clarion-drill-"))
    drill = Drill(tried, folder, rows, kills, kinds, faults, seed, workers, database_url, say)
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


def find_channel(channel: str, provider: str | None) -> DrillChannel:
    """Choose what is tried. Raises BadInput for a channel, or a provider of it, that cannot be."""
    if channel == "call":
        return Calls.through(provider or DEFAULT_PROVIDER)
    others: dict[str, DrillChannel] = {"sms": Texts(), "lead_analysis": Leads()}
    if channel not in others:
        near = did_you_mean(channel, ("call", *others))
        raise BadInput(f'there is no drill for "{channel}"{near}; use sms, call or lead_analysis')
    found = others[channel]
    if provider not in {None, found.terms.provider}:
        raise BadInput(f'--provider "{provider}" means nothing to {channel}; leave it out, or drill call')
    return found


@dataclass(slots=True)
class Drill:
    """One drill, in a folder of its own."""

    channel: DrillChannel
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
    stuck: int = 0
    expected: Mapping[str, int] = field(default_factory=dict)
    began: float = field(default_factory=time.monotonic)

    @property
    def patience(self) -> float:
        """Seconds after which a campaign that is not completed counts as stuck."""
        return 120.0 + 20.0 * self.kills + 2.0 * self.channel.lasts(self.targets)

    @property
    def audience(self) -> Path:
        """The audience's file."""
        return self.folder / "audience.csv"

    async def run(self) -> DrillResult:
        """Run it from start to end; leaves nothing running."""
        from starter.wiring import Installation

        self.expected = self.channel.write_audience(self.audience, self.targets, self.seed)
        async with Stack(self.folder) as stack:
            sandbox = await self._start(stack)
            async with Installation.open(stack.settings()) as installation:
                campaigns = installation.campaigns
                spec = parse_spec(self.channel.spec(self.audience, self.seed, self.targets))
                campaign = await campaigns.start(spec, campaign_id=f"drill-{self.seed}-{int(time.time())}")
                plan = plan_kills(self.kills, self.kill, self.seed)
                killer = Killer(stack, campaigns.store, campaign.ref.key, plan, self._tell)
                try:
                    progress = await self._watch(campaigns, campaign.ref.campaign_id, killer)
                    over = progress.status.is_final
                    held = await self._lanes_held(installation.accounts, killer) if over else {}
                finally:
                    killer.stop()
                counted = await asyncio.to_thread(campaigns.store.targets.count_books, campaign.ref.key)
                # The books of a campaign that is not over move on between two looks.
                if (counted != progress.books) if over else not counted.balanced:
                    self.unbalanced = self.unbalanced or f"counted again: {counted!r}, booked: {progress.books!r}"
                seen = await asyncio.to_thread(self.channel.seen, sandbox, campaigns.store, campaign.ref.key)
                database = "sqlite" if campaigns.store.database.is_sqlite else "postgresql"
            self.say("stopping everything")
        findings = Findings(self.expected, seen, progress, self.unbalanced, self.channel.terms.lanes, held, self.stuck)
        return self._judged(findings, killer, database)

    async def _start(self, stack: Stack) -> str:
        """Start all parts; return the sandbox's address."""
        url = self.database_url or f"sqlite:///{self.folder / 'clarion.db'}"
        stack.environment |= {"CLARION_DATABASE_URL": url, "CLARION_LOG_LEVEL": "INFO", **QUICK}
        stack.environment |= {"CLARION_TENANT": TENANT, "CLARION_TASK_QUEUE": "rehearsal"}
        await asyncio.to_thread(prepare_database, url)
        self.say(f"starting Temporal, sandbox, web door and {self.workers} workers; logs in {self.folder / 'logs'}")
        await stack.start_temporal(free_port(), free_port())
        sandbox = await stack.start_sandbox(seed=self.seed, options=self.channel.terms.sandbox_options)
        port = free_port()
        web = f"http://{HOST}:{port}"
        await asyncio.to_thread(ask, f"{sandbox}/_sandbox/settings", self.channel.sandbox_settings(web))
        faults = {self.channel.terms.provider: read_faults(self.faults, self.channel.terms.mix)}
        await asyncio.to_thread(ask, f"{sandbox}/_sandbox/faults", faults)
        stack.environment |= self.channel.environment(sandbox, web)
        await stack.start_web(port)
        for number in range(1, self.workers + 1):
            await stack.start_worker(number)
        return sandbox

    async def _watch(self, campaigns: Campaigns, campaign_id: str, killer: Killer) -> Progress:
        """Kill and mend until the campaign has ended or patience has; look at the books all the while."""
        until = time.monotonic() + self.patience
        progress = await campaigns.progress(campaign_id)
        while not progress.status.is_final and time.monotonic() < until:
            await killer.mend()
            await killer.strike(self.channel.share(progress.books))
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
        self.stuck = await killer.finish()
        return progress

    async def _lanes_held(self, accounts: Accounts, killer: Killer) -> Mapping[str, int]:
        """Return the lanes that the account still counts for whom, once it has had the time to take them back.

        Raises Unreachable when nobody could be asked.
        """
        patience = time.monotonic() + ANSWER_PATIENCE
        until = time.monotonic() + LANES_BACK_WITHIN
        while True:
            await killer.mend()
            try:
                holders = (await accounts.lanes(TENANT)).holders
            except Unreachable as error:
                # Those who could answer may just have been killed: the time counts from when somebody does.
                if time.monotonic() >= patience:
                    raise
                self._tell(f"could not look at the account: {error}")
                until = time.monotonic() + LANES_BACK_WITHIN
            else:
                if not holders or time.monotonic() >= until:
                    return {workflow: holder.bound for workflow, holder in holders.items()}
            await asyncio.sleep(BETWEEN_LOOKS)

    def _judged(self, found: Findings, killer: Killer, database: str) -> DrillResult:
        books = found.progress.books
        return DrillResult(
            channel=self.channel.terms.channel,
            provider=self.channel.terms.provider,
            targets=books.total - books.skipped,
            expected=sum(found.expected.values()),
            effects=sum(found.seen.effects.values()),
            duplicates=len(found.too_often),
            lost=len(found.too_seldom),
            balanced=not self.unbalanced,
            peak=found.seen.peak,
            lanes_lost=sum(found.held.values()),
            kills=sum(killer.killed.values()),
            recovery_seconds=round(max(killer.recoveries), 1) if killer.recoveries else None,
            seed=self.seed,
            seconds=round(time.monotonic() - self.began, 1),
            faults=self.faults,
            database=database,
            status=found.progress.status,
            killed=dict(killer.killed),
            looks=self.looks,
            unknown=books.unknown,
            broken=tuple(broken_promises(found)),
        )

    def _tell(self, what: str) -> None:
        self.say(f"{time.monotonic() - self.began:5.1f} s  {what}")

    def _show(self, progress: Progress, killer: Killer) -> None:
        if self.looks % 10 == 1:
            b = progress.books
            self._tell(
                f"{progress.status}: {round(self.channel.share(b) * b.total)} of {b.total} {self.channel.terms.done}, "
                f"{b.active} active, {b.waiting} waiting, {b.unknown} unknown, "
                f"{sum(killer.killed.values())} of {self.kills} kills, "
                f"books {'balance' if b.balanced else 'DO NOT BALANCE'}"
            )


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"{line}\n")
