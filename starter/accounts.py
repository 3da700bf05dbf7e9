"""Every use case of accounts, once: who holds an account's lanes, who waits and why, and changing its limits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from clarion.account_contracts import AccountInput, AccountLimits, AccountState
from clarion.contracts import AccountRef
from clarion.domain.errors import Conflict, Unreachable
from clarion.settings import Settings
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
        account = self.settings.account(name)
        client = await self.connect()
        ref = AccountRef(tenant=self.settings.tenant, account=name)
        await client.start_workflow(
            AccountWorkflow.run,
            AccountInput(account=ref, settings=account.call_limits),
            id=ref.workflow_id,
            task_queue=self.settings.task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        handle = await self._handle(name)
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                _ = await handle.execute_update(AccountWorkflow.set_limits, limits)
        except WorkflowUpdateFailedError as error:
            cause = error.cause
            raise Conflict(cause.message if isinstance(cause, ApplicationError) else str(cause)) from None
        except (RPCError, TimeoutError):
            raise _no_answer() from None
        return await self.lanes(name)

    async def _handle(self, name: str) -> WorkflowHandle[AccountWorkflow, AccountLimits]:
        client = await self.connect()
        ref = AccountRef(tenant=self.settings.tenant, account=name)
        return client.get_workflow_handle_for(AccountWorkflow.run, ref.workflow_id)


def _no_answer() -> Unreachable:
    return Unreachable(
        f"no worker answered within {ANSWER_WITHIN:g} s; start one with `clarion up` or `clarion-worker`"
    )
