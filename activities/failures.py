"""The one place where our errors become Temporal failures: what is worth a retry, what is not, and what is said."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from temporalio.exceptions import ApplicationError, FailureError

from clarion.domain.errors import BadInput, ClarionError, NotFound

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

FINAL_ERRORS = (BadInput, NotFound)
"""No retry can help: the input itself is wrong."""


@asynccontextmanager
async def as_failures() -> AsyncIterator[None]:
    """Turn errors into Temporal failures: the type is the class, the message its sentence.

    The texts of errors that are not ours, and the causes behind any, may hold a person's data. Failures stand in
    Temporal's history for ever, so these go to the worker's log alone.
    """
    try:
        yield
    except FailureError:
        raise
    except ClarionError as error:
        final = isinstance(error, FINAL_ERRORS)
        raise ApplicationError(str(error), type=type(error).__name__, non_retryable=final) from None
    except Exception as error:
        log.exception("an activity failed")
        kind = type(error).__name__
        raise ApplicationError(f"an unexpected {kind}; the worker's log has the details", type=kind) from None


async def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run blocking work, such as a transaction, in a thread.

    Called off, it waits until the work has ended: what has been reported as cancelled must not write afterwards.
    """
    working = asyncio.ensure_future(asyncio.to_thread(work, *args, **kwargs))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        if not working.cancelled():
            working.exception()  # looked at, so that nobody is told of an error that was never retrieved
        raise
