"""Answers of workflows to updates, awaited so that a time limit around them is heard."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from temporalio.client import WorkflowUpdateRPCTimeoutOrCancelledError

T = TypeVar("T")


async def answer_of(update: Awaitable[T]) -> T:
    """Await an answer. Raises TimeoutError when Temporal gave up waiting, and what the update raises."""
    try:
        return await update
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        # The SDK turns a cancellation into this, which asyncio.timeout would not take for its own.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError from None
        raise TimeoutError from None
