"""Watchers of a running campaign, cut off at random: each sees every event once and in order."""

from __future__ import annotations

import asyncio
import time

import pytest

from bench.watchers import judge, log_of, watch
from clarion.domain.rights import Rights
from starter.keys import Keys
from tests.e2e.site import Site, numbers

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_twenty_watchers_see_every_event_once_and_in_order(site: Site) -> None:
    token = Keys(site.store).make(site.settings.tenant, "watchers", Rights.READ, time.time())[1]
    run = await site.start(numbers(60), limits={"concurrency": 5, "per_second": 20})
    url = f"{site.settings.public_url}/api/v1/campaigns/{run.id}/events"
    async with asyncio.timeout(60):
        crowd = await watch(url, token, 20, seed=7, longest=1.0)
    await run.end()
    verdict = judge(crowd, await asyncio.to_thread(log_of, site.store, await run.key()))
    assert verdict.flawless, verdict
    assert verdict.events > 120
    assert verdict.reconnects >= 20
    assert min(one.progress for one in crowd) > 0
