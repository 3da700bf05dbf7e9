"""Every use case of accounts, once: who holds an account's lanes, who waits and why, and changing its limits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.accounts import ENDED_BY_ITSELF
from clarion.account_contracts import AccountInput, AccountLimits, AccountState
from clarion.contracts import AccountRef
from clarion.domain.errors import Conflict, Unreachable
from clarion.settings import Settings
from starter.updates import answer_of
from workflows.account import AccountWorkflow

ANSWER_WITHIN = 15.0
"""Seconds to wait for a worker's answer."""


@dataclass(frozen=True, slots=True)
class Accounts:
    """Looks at and steers the accounts of one tenant."""

    settings: Settings
    connect: Callable[[], asyncio.Future[Client]]
    """Gives the one connection to Temporal, made when it is first needed."""

    async def lanes(self, name: str) -> AccountState:
        """Tell who holds lanes of an account and who waits; nobody does before its first campaign of calls.

        Raises BadInput for an account that is not set up, Unreachable when no worker answers.
        """
        limits = self.settings.account(name).call_limits
        handle = await self._handle(name)
        try:
            return await handle.query(AccountWorkflow.lanes, rpc_timeout=timedelta(seconds=ANSWER_WITHIN))
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return AccountState(settings=limits)
            raise _no_answer() from None

    async def set_limits(self, name: str, limits: AccountLimits) -> AccountState:
        """Change what all campaigns of an account share, at once and until it is changed again.

        Raises BadInput, Conflict with the reason of a refusal, Unreachable when no worker answers.
        """
        handle = await self._running(name)
        await self._answered(handle.execute_update(AccountWorkflow.set_limits, limits))
        return await self.lanes(name)

    async def reset_limits(self, name: str, limits: list[str] | None = None) -> AccountState:
        """Let the settings decide again, about all limits or those that are named. Raises as ``set_limits`` does."""
        handle = await self._running(name)
        await self._answered(handle.execute_update(AccountWorkflow.reset_limits, limits))
        return await self.lanes(name)

    async def _answered(self, update: Awaitable[object]) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                await answer_of(update)
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            raise Conflict(cause.message if isinstance(cause, ApplicationError) else str(cause)) from None
        except (RPCError, TimeoutError):
            raise _no_answer() from None

    async def _running(self, name: str) -> WorkflowHandle[AccountWorkflow, AccountLimits]:
        """Return the account's workflow, which is started where it does not run."""
        account = self.settings.account(name)
        handle = await self._handle(name)
        earlier = await _status(handle)
        if earlier is WorkflowExecutionStatus.RUNNING:
            return handle
        client = await self.connect()
        ref = AccountRef(tenant=self.settings.tenant, account=name)
        # One that was ended from outside may have left campaigns with lanes that nobody remembers.
        again = earlier is not None and earlier not in ENDED_BY_ITSELF
        await client.start_workflow(
            AccountWorkflow.run,
            AccountInput(account=ref, settings=account.call_limits, again=again),
            id=ref.workflow_id,
            task_queue=self.settings.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"lanes of account {name} · {ref.tenant}",
        )
        return handle

    async def _handle(self, name: str) -> WorkflowHandle[AccountWorkflow, AccountLimits]:
        client = await self.connect()
        ref = AccountRef(tenant=self.settings.tenant, account=name)
        return client.get_workflow_handle_for(AccountWorkflow.run, ref.workflow_id)


async def _status(handle: WorkflowHandle[AccountWorkflow, AccountLimits]) -> WorkflowExecutionStatus | None:
    """How a workflow stands; None when there is none."""
    try:
        return (await handle.describe(rpc_timeout=timedelta(seconds=ANSWER_WITHIN))).status
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


def _no_answer() -> Unreachable:
    return Unreachable(
        f"no worker answered within {ANSWER_WITHIN:g} s; start one with `clarion up` or `clarion-worker`"
    )
