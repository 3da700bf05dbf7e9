"""Activities between campaigns and their accounts: bringing requests, finding out who still runs, writing rates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.failures import as_failures, in_thread
from clarion.account_contracts import (
    AccountChange,
    AccountInput,
    AccountLimits,
    AccountTiming,
    Census,
    LaneAsk,
    LaneNews,
    Survey,
)
from clarion.contracts import AccountRef, LaneRequest
from clarion.domain.campaign import Channel
from clarion.domain.errors import Unreachable

NORMAL = AccountTiming()

WORKFLOW = "AccountWorkflow"
SIGNAL = "lanes_wanted"
"""Names of workflows/account.py, which activities must not import."""

UNASKED = 3700.0
"""Seconds for which calls of an earlier life are looked for when a campaign does not say how long its calls last."""

ENDED_BY_ITSELF = frozenset({WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.CANCELED})
"""An account ends like this only when nobody holds a lane."""


class CallCounts(Protocol):
    """What accounts need to know of calls. Blocking."""

    def under_way(self, campaign_key: int) -> int:
        """Count a campaign's calls that have been started and are not known to have ended."""
        ...


class AccountPaces(Protocol):
    """Where the rates of accounts are kept. Blocking."""

    def set_account_pace(self, tenant: str, account: str, channel: Channel, spacing: float | None, now: float) -> None:
        """Set the seconds between two contacts of an account; None lets the settings decide again."""
        ...


class AccountActivities:
    """What campaigns ask of their accounts, and accounts of the rest."""

    def __init__(
        self,
        client: Client,
        task_queue: str,
        limits: Mapping[str, AccountLimits],
        calls: CallCounts,
        paces: AccountPaces,
        clock: Callable[[], float],
        timing: AccountTiming = NORMAL,
    ) -> None:
        """``limits``: those of the settings, by account; ``clock`` gives epoch seconds."""
        self._timing = timing
        self._client = client
        self._task_queue = task_queue
        self._limits = limits
        self._calls = calls
        self._paces = paces
        self._clock = clock

    @activity.defn
    async def request_lanes(self, ask: LaneAsk) -> None:
        """Bring a request to an account, and start its workflow if it does not run."""
        async with as_failures():
            request = await self._with_earlier_calls(ask.request)
            settings = self._limits.get(ask.account.account, AccountLimits())
            news = LaneNews(request=request, settings=settings)
            known = self._client.get_workflow_handle(ask.account.workflow_id)
            try:
                await known.signal(SIGNAL, news)
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise _unreachable(error) from None
                await self._start(ask.account, news)

    @activity.defn
    async def survey(self, order: Survey) -> Census:
        """Find out which campaigns still run, and how many calls those have under way that do not."""
        async with as_failures():
            runs = await asyncio.gather(*(self._status(request.workflow_id) for request in order.campaigns))
            alive = {
                request.workflow_id: status is WorkflowExecutionStatus.RUNNING
                for request, status in zip(order.campaigns, runs, strict=True)
            }
            calls = {
                request.workflow_id: await in_thread(self._calls.under_way, request.campaign.key)
                for request in order.campaigns
                if not alive[request.workflow_id]
            }
            return Census(alive=alive, calls=calls)

    @activity.defn
    async def change_account(self, change: AccountChange) -> None:
        """Write an account's rates where every lane reads them."""
        async with as_failures():
            rates = change.limits.rates
            apart = None if rates == AccountLimits() else rates.spacing
            account = change.account
            await in_thread(
                self._paces.set_account_pace, account.tenant, account.account, Channel.CALL, apart, self._clock()
            )

    async def _with_earlier_calls(self, request: LaneRequest) -> LaneRequest:
        """Count calls that an earlier life of the campaign left under way: they take lanes, and nobody knows of them.

        Not once they must be over: the store may never learn of the end of a call whose webhook was lost.
        """
        if self._clock() > request.born + (request.longest or UNASKED):
            return request
        under_way = await in_thread(self._calls.under_way, request.campaign.key)
        return request.model_copy(update={"excess": max(request.excess, under_way - request.holds)})

    async def _start(self, account: AccountRef, news: LaneNews) -> None:
        earlier = await self._status(account.workflow_id)
        given = AccountInput(
            account=account,
            settings=news.settings,
            timing=self._timing,
            again=earlier is not None and earlier not in ENDED_BY_ITSELF,
        )
        try:
            await self._client.start_workflow(
                WORKFLOW,
                given,
                id=account.workflow_id,
                task_queue=self._task_queue,
                start_signal=SIGNAL,
                start_signal_args=[news],
                static_summary=f"lanes of account {account.account} · {account.tenant}",
            )
        except RPCError as error:
            raise _unreachable(error) from None

    async def _status(self, workflow_id: str) -> WorkflowExecutionStatus | None:
        """How the newest workflow of this id stands; None when there has been none."""
        try:
            return (await self._client.get_workflow_handle(workflow_id).describe()).status
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise _unreachable(error) from None


def _unreachable(error: RPCError) -> Unreachable:
    return Unreachable(f"Temporal did not take a message between a campaign and its account: {error.status.name}")
