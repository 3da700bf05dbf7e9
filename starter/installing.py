"""``clarion setup``: the database's schema and the cluster's search attributes; waits for both to come up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from clarion.domain.errors import Unreachable
from clarion.settings import Settings
from starter.wiring import connect_to_temporal, new_store

BETWEEN_TRIES = 1.0

T = TypeVar("T")


async def set_up(settings: Settings, *, wait: float, say: Callable[[str], object]) -> None:
    """Prepare everything, waiting up to ``wait`` seconds for what does not answer yet.

    Raises BadInput for settings that cannot be used, Conflict for what only a person can change, Unreachable.
    """
    until = time.monotonic() + wait
    await _patiently(lambda: asyncio.to_thread(_migrate, settings), until, say)
    say(f"database {_shown(settings)}: ready")
    from starter.cluster import add_search_attributes, require_namespace

    client = await _patiently(lambda: connect_to_temporal(settings), until, say)
    await _patiently(lambda: require_namespace(client), until, say)
    added = await _patiently(lambda: add_search_attributes(client), until, say)
    what = f"search attributes {', '.join(added)} added" if added else "search attributes are there"
    say(f"Temporal, namespace {client.namespace}: {what}")


def _migrate(settings: Settings) -> None:
    from clarion.store.migrate import migrate

    store = new_store(settings)
    try:
        migrate(store.database)
    finally:
        store.close()


def _shown(settings: Settings) -> str:
    store = new_store(settings)
    try:
        return store.database.address
    finally:
        store.close()


async def _patiently(step: Callable[[], Awaitable[T]], until: float, say: Callable[[str], object]) -> T:
    """Try again while something does not answer yet; say so once."""
    told = False
    while True:
        try:
            return await step()
        except Unreachable as error:
            if time.monotonic() + BETWEEN_TRIES > until:
                raise
            if not told:
                say(f"waiting: {error}")
                told = True
        await asyncio.sleep(BETWEEN_TRIES)
