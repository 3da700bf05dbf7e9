"""Threads of their own for looks that read a whole campaign, so that nothing that is quick ever waits behind them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SUMS = ThreadPoolExecutor(2, thread_name_prefix="sums")
"""Looks at all of a large campaign take a second or more."""
REPORTS = ThreadPoolExecutor(2, thread_name_prefix="report")
"""A report of a large campaign takes a minute or more: further ones wait."""


async def slowly(look: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Add up a whole campaign in a thread; of those who ask at the same time some wait."""
    return await asyncio.get_running_loop().run_in_executor(SUMS, lambda: look(*args, **kwargs))


async def written(write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Write a report in a thread; of those who ask at the same time some wait."""
    return await asyncio.get_running_loop().run_in_executor(REPORTS, lambda: write(*args, **kwargs))
