"""Campaigns that do nothing but call, and the switchboard that counts their calls: what an account has to do with."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity, workflow
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client, WorkflowHandle
from temporalio.common import RawValue
from temporalio.service import RPCError
from temporalio.worker import Worker

with workflow.unsafe.imports_passed_through():
    from google.protobuf import json_format

    from activities.accounts import AccountActivities
    from clarion.account_contracts import AccountLimits, AccountState, AccountTiming, LaneAsk
    from clarion.contracts import AccountRef, CampaignInput, CampaignRef, CampaignState, LaneGrant, LaneRequest
    from clarion.domain.campaign import Priority
    from tests.workflows.stage import PATIENCE, Stage
    from workflows.account import AccountWorkflow
    from workflows.sharing import Sharing
    from workflows.shield import Shield

CALL = "hold_call"
SHORT = AccountTiming(survey=0.5, listen=2.5, last_starts=0.3, last_calls=1.0)
AGAIN = 1.0
"""Seconds after which campaigns repeat themselves."""
SOON = timedelta(seconds=30)


@workflow.defn(name="Caller")
class Caller:
    """Makes as many calls as its input's ``chunk_size`` says, in the lanes that its account grants."""

    @workflow.init
    def __init__(self, given: CampaignInput) -> None:
        self.given = given
        self.state = given.carried or CampaignState(lanes=given.lanes, files_imported=given.chunk_size)
        self.calls: list[asyncio.Task[None]] = []
        self.sharing = Sharing(given, self.state, lambda: len(self.calls))

    @workflow.run
    async def run(self, given: CampaignInput) -> int:
        telling = asyncio.create_task(self.sharing.keep_told(self.request, AGAIN))
        while self.state.files_imported or self.calls:
            self.sharing.want(self.state.files_imported + len(self.calls))
            while self.may_call:
                self.state.files_imported -= 1
                self.calls.append(asyncio.create_task(self.call()))
            await workflow.wait_condition(lambda: self.may_call or self.any_over or self.may_continue)
            self.calls = [call for call in self.calls if not call.done()]
            if self.may_continue:
                self.state.runs += 1
                telling.cancel()
                workflow.continue_as_new(given.model_copy(update={"carried": self.state}))
        self.sharing.want(0)
        await workflow.wait_condition(lambda: self.sharing.is_told)
        return self.state.runs

    @property
    def may_call(self) -> bool:
        return not self.is_long and self.state.files_imported > 0 and len(self.calls) < self.sharing.allowed

    @property
    def any_over(self) -> bool:
        return any(call.done() for call in self.calls)

    @property
    def is_long(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    @property
    def may_continue(self) -> bool:
        return self.is_long and not self.calls and self.sharing.is_told

    async def call(self) -> None:
        await workflow.execute_activity(CALL, self.given.campaign, start_to_close_timeout=SOON)

    async def request(self, request: LaneRequest) -> None:
        assert self.given.account is not None
        ask = LaneAsk(account=self.given.account, request=request)
        await workflow.execute_activity_method(AccountActivities.request_lanes, ask, start_to_close_timeout=SOON)

    @workflow.signal
    def lanes_granted(self, grant: LaneGrant | None = None) -> None:
        if grant is not None:
            self.sharing.granted(grant)

    @workflow.query
    def sees(self) -> tuple[int, bool, str]:
        return self.sharing.allowed, self.sharing.queued, self.sharing.reason


@dataclass
class Switchboard:
    """The provider's side of all calls; also tells accounts what the store would."""

    lasting: float = 0.0
    """Seconds that a call takes; 0 until somebody ends it."""
    going: Counter[int] = field(default_factory=Counter)
    """Calls under way, by the number of their campaign."""
    made: Counter[int] = field(default_factory=Counter)
    most: int = 0
    """Calls at once, at most."""
    ended: Counter[int] = field(default_factory=Counter)
    paces: list[float | None] = field(default_factory=list)

    @activity.defn(name=CALL)
    async def hold_call(self, campaign: CampaignRef) -> None:
        key = campaign.key
        self.made[key] += 1
        self.going[key] += 1
        self.most = max(self.most, self.going.total())
        try:
            if self.lasting:
                await asyncio.sleep(self.lasting)
            while not self.lasting and not self.ended[key]:
                await asyncio.sleep(0.005)
            self.ended[key] -= not self.lasting
        finally:
            self.going[key] -= 1

    def under_way(self, campaign_key: int) -> int:
        return self.going[campaign_key]

    def set_account_pace(self, tenant: str, account: str, channel: str, spacing: float | None, now: float) -> None:
        self.paces.append(spacing)


@dataclass
class House:
    """An account, and the campaigns that share it."""

    stage: Stage
    limits: AccountLimits
    board: Switchboard = field(default_factory=Switchboard)
    account: AccountRef = field(default_factory=lambda: AccountRef(tenant="acme", account=uuid.uuid4().hex[:6]))
    callers: dict[str, WorkflowHandle[Caller, int]] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return self.stage.client

    @property
    def owner(self) -> WorkflowHandle[AccountWorkflow, AccountLimits]:
        return self.client.get_workflow_handle_for(AccountWorkflow.run, self.account.workflow_id)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[House]:
        accounts = AccountActivities(
            self.client, self.stage.queue, {self.account.account: self.limits}, self.board, self.board, time.time, SHORT
        )
        worker = Worker(
            self.client,
            task_queue=self.stage.queue,
            workflows=[AccountWorkflow, Caller],
            activities=[accounts.request_lanes, accounts.survey, accounts.change_account, self.board.hold_call],
            interceptors=[Shield()],
            max_cached_workflows=self.stage.cached_workflows,
        )
        async with worker, asyncio.timeout(PATIENCE):
            try:
                yield self
            finally:
                self.board.lasting = 0.01  # whatever is still on the line ends
                await self._close()

    async def _close(self) -> None:
        """Leave nothing running on the server: a worker that stops in the midst of its tasks may wait for ever."""
        for name in (*(caller.id for caller in self.callers.values()), self.account.workflow_id):
            with suppress(RPCError):
                await self.client.get_workflow_handle(name).terminate("the test is over")

    async def starts(
        self, name: str, *, calls: int, priority: Priority = Priority.NORMAL, lanes: int = 50, longest: float = 0.0
    ) -> None:
        key = sum(map(ord, name))
        given = CampaignInput(
            campaign=CampaignRef(tenant="acme", campaign_id=name, key=key),
            name=name,
            account=self.account,
            priority=priority,
            lanes=lanes,
            chunk_size=calls,
            longest=longest,
        )
        workflow_id = f"campaign/{self.account.account}/{name}"
        self.callers[name] = await self.client.start_workflow(
            Caller.run, given, id=workflow_id, task_queue=self.stage.queue
        )

    async def change(self, update: str, argument: object = None) -> AccountLimits:
        """Send an update to the account's workflow; returns the limits that hold then."""
        answer: AccountLimits = await self.owner.execute_update(update, argument, result_type=AccountLimits)
        return answer

    def calls(self, name: str) -> int:
        return self.board.going[sum(map(ord, name))]

    def ends_calls(self, name: str, number: int) -> None:
        self.board.ended[sum(map(ord, name))] += number

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await asyncio.sleep(0.005)

    async def sees(self, name: str) -> tuple[int, bool, str]:
        """What a campaign may hold, whether it is queued, and why."""
        found = await self.callers[name].query(Caller.sees)
        return found[0], found[1], found[2]

    def name_of(self, workflow_id: str) -> str:
        return workflow_id.rpartition("/")[2]

    async def until_sees(self, name: str, lanes: int) -> None:
        while (await self.sees(name))[0] != lanes:
            await asyncio.sleep(0.02)

    async def until_why(self, name: str, reason: str) -> None:
        while (await self.sees(name))[2] != reason:
            await asyncio.sleep(0.02)

    async def shown(self) -> str:
        """The account's current details in the Web UI."""
        answer = await self.owner.query("__temporal_workflow_metadata", result_type=RawValue)
        return json_format.Parse(answer.payload.data, WorkflowMetadata()).current_details

    async def until_holding(self, **lanes: int) -> None:
        """Wait until the account's books say that so many lanes may be held, and by nobody else."""
        await self.until_known(
            lambda state: (
                {self.name_of(campaign): holder.bound for campaign, holder in state.holders.items() if holder.bound}
                == lanes
            )
        )

    async def state(self) -> AccountState:
        return await self.owner.query(AccountWorkflow.lanes)

    async def until_known(self, holds: Callable[[AccountState], bool]) -> AccountState:
        """Wait until the account's books say so."""
        while not holds(state := await self.state()):
            await asyncio.sleep(0.02)
        return state
