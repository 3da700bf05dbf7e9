"""The one place where our errors become Temporal failures: what is worth a retry, what is not, and when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError
from temporalio.exceptions import ApplicationError

from clarion.domain.errors import BadInput, ClarionError, Conflict, NotFound, Unreachable

P = ParamSpec("P")
R = TypeVar("R")

FINAL_ERRORS = (BadInput, NotFound)
"""No retry can help: the input itself is wrong."""


def failure_of(error: Exception) -> ApplicationError:
    """Translate an error of ours; the type is its class, the message its sentence."""
    kind = type(error).__name__
    if isinstance(error, DBAPIError):
        # The driver's text can hold a row's values; history must not.
        return ApplicationError(
            "the database did not do what it was asked; the worker's log has the details", type=kind
        )
    return ApplicationError(str(error), type=kind, non_retryable=isinstance(error, FINAL_ERRORS))


@asynccontextmanager
async def as_failures() -> AsyncIterator[None]:
    """Turn our errors into Temporal failures."""
    try:
        yield
    except (BadInput, NotFound, Conflict, Unreachable, ClarionError, DBAPIError) as error:
        raise failure_of(error) from error


async def in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Run blocking work, such as a transaction, in a thread."""
    return await asyncio.to_thread(work, *args, **kwargs)
