"""An account with its real workflow, and campaigns of simulated calls that share its lanes."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.accounts import AccountActivities
from clarion.account_contracts import AccountLimits, AccountState, AccountTiming
from clarion.contracts import AccountRef, CampaignRef
from clarion.domain.campaign import Channel
from tests.fake_calls import Line, SimulatedCalls
from tests.workflows.stage import PATIENCE, Play, Stage
from workflows.account import AccountWorkflow
from workflows.shield import Shield

CALLS = "dispatch_call_chunk"
ASK = "request_lanes"
TIMING = AccountTiming(survey=0.3, listen=1.0, last_starts=0.3, last_calls=1.0)


@dataclass
class CallPlay(Play):
    """A running campaign of calls."""

    campaign: SimulatedCalls
    ref: CampaignRef

    async def until_calling(self, calls: int) -> None:
        """Wait until exactly so many calls are under way."""
        await self.until(lambda: self.campaign.under_way == calls)

    async def activities(self) -> dict[str, int]:
        """Activities scheduled in the newest run, by their names."""
        counts: dict[str, int] = {}
        for event in await self.events():
            if event.HasField("activity_task_scheduled_event_attributes"):
                name = event.activity_task_scheduled_event_attributes.activity_type.name
                counts[name] = counts.get(name, 0) + 1
        return counts


@dataclass
class Exchange:
    """One account: its limits, its line, and the worker of its workflow."""

    stage: Stage
    limits: AccountLimits
    line: Line = field(default_factory=Line)
    account: AccountRef = field(default_factory=lambda: AccountRef(tenant="acme", account=uuid.uuid4().hex[:6]))
    plays: list[CallPlay] = field(default_factory=list)

    @property
    def owner(self) -> WorkflowHandle[AccountWorkflow, AccountLimits]:
        """The account's workflow."""
        return self.stage.client.get_workflow_handle_for(AccountWorkflow.run, self.account.workflow_id)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Exchange]:
        """Work for the account; afterwards nobody holds or waits for anything."""
        own = self._activities()
        worker = Worker(
            self.stage.client,
            task_queue=self.stage.queue,
            workflows=[AccountWorkflow],
            activities=[own.request_lanes, own.survey, own.change_account],
            interceptors=[Shield()],
            max_cached_workflows=self.stage.cached_workflows,
            max_heartbeat_throttle_interval=timedelta(seconds=0.1),
        )
        async with worker, asyncio.timeout(PATIENCE):
            yield self
            if self.plays:
                await self.until_known(lambda state: not state.holders)

    @asynccontextmanager
    async def play(self, *rows: Sequence[str], slots: int = 200, **given: object) -> AsyncIterator[CallPlay]:
        """Start a campaign of calls, on a worker of its own."""
        stage = replace(self.stage, queue=uuid.uuid4().hex)
        campaign = SimulatedCalls(stage.clock, files={1: rows}, line=self.line)
        ref = CampaignRef(tenant="acme", campaign_id=uuid.uuid4().hex[:8], key=len(self.plays) + 1)
        usual = {"campaign": ref, "channel": Channel.CALL, "account": self.account, "longest": 60.0}
        play = CallPlay(stage, campaign, await stage.start(**{**usual, **given}), ref)
        self.plays.append(play)
        async with stage.worker(campaign, self._activities().request_lanes, slots=slots), asyncio.timeout(PATIENCE):
            yield play
        assert campaign.wrongs == []

    async def is_there(self) -> bool:
        """Whether the account's workflow runs."""
        try:
            return (await self.owner.describe()).status is WorkflowExecutionStatus.RUNNING
        except RPCError:
            return False

    async def allow(self, limits: AccountLimits) -> None:
        """Change the account's limits."""
        await self.owner.execute_update("set_limits", limits)

    async def state(self) -> AccountState:
        """The account's books."""
        return await self.owner.query(AccountWorkflow.lanes)

    async def until_known(self, holds: Callable[[AccountState], bool]) -> AccountState:
        """Wait until the account's books say so."""
        while not holds(state := await self.state()):
            await asyncio.sleep(0.02)
        return state

    async def until_bound(self, play: CallPlay, lanes: int) -> None:
        """Wait until the account counts so many lanes for a campaign."""
        await self.until_known(lambda state: bound(state, play) == lanes)

    def _activities(self) -> AccountActivities:
        return AccountActivities(
            self.stage.client, self.stage.queue, {self.account.account: self.limits}, self, self, time.time, TIMING
        )

    def under_way(self, campaign_key: int) -> int:
        """What the store would tell."""
        return self.plays[campaign_key - 1].campaign.under_way if campaign_key <= len(self.plays) else 0

    def set_account_pace(self, tenant: str, account: str, channel: str, spacing: float | None, now: float) -> None:
        """Take note of nothing: no test here is about rates."""


def bound(state: AccountState, play: CallPlay) -> int:
    """Lanes that a campaign may be holding, as its account knows it."""
    holder = state.holders.get(play.handle.id)
    return 0 if holder is None else holder.bound
