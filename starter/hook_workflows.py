"""The workflows of webhooks of ours: waking them, and starting those again that somebody has ended from outside."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from clarion.domain.errors import ClarionError, Unreachable
from clarion.hook_contracts import HookInput, HookRef
from clarion.store.hook_rows import SILENT
from clarion.store.store import Store

if TYPE_CHECKING:
    from temporalio.client import Client

log = logging.getLogger(__name__)

BETWEEN_LOOKS = 60.0
"""Seconds between two looks for webhooks that nobody looks after."""

Connect = Callable[[], Awaitable["Client"]]


async def look_after(connect: Connect, ref: HookRef, task_queue: str, *, wake: bool) -> bool:
    """Have a hook's workflow started where none runs, and told that something has changed where ``wake`` says so.

    Returns whether Temporal was told anything. Raises Unreachable.
    """
    from temporalio.exceptions import WorkflowAlreadyStartedError
    from temporalio.service import RPCError

    from workflows.hooks import HookWorkflow

    client = await connect()
    try:
        await client.start_workflow(
            HookWorkflow.run,
            HookInput(hook=ref),
            id=ref.workflow_id,
            task_queue=task_queue,
            start_signal="wake" if wake else None,
            static_summary=f"webhooks of {ref.tenant} · {ref.hook_id}",
        )
    except WorkflowAlreadyStartedError:
        return False
    except RPCError as error:
        message = f"Temporal did not take over hook {ref.hook_id} ({error.status.name}); `clarion doctor` looks into it"
        raise Unreachable(message) from None
    return True


async def revive(store: Store, connect: Connect, task_queue: str, now: float) -> list[str]:
    """Start the workflows of active hooks, of all tenants, that nobody has looked after; returns the hooks' ids.

    Where only no worker runs, the workflow is there and stays as it is. Raises Unreachable.
    """
    silent = await asyncio.to_thread(store.hooks.silent, now - SILENT)
    return [hook.ref.hook_id for hook in silent if await look_after(connect, hook.ref, task_queue, wake=False)]


async def keep_alive(store: Store, connect: Connect, task_queue: str) -> None:
    """Do so again and again. Never returns; what is away meanwhile is asked again at the next look."""
    while True:
        try:
            for hook_id in await revive(store, connect, task_queue, time.time()):
                log.warning("the workflow of webhook %s had ended; it was started again", hook_id)
        except ClarionError as error:
            log.warning("webhooks could not be looked through: %s", error)
        await asyncio.sleep(BETWEEN_LOOKS)
