"""An assistant with an API key runs a batch of texts over streamable HTTP, from the check to the last receipt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from clarion.domain.rights import Rights
from starter.keys import Keys
from tests.e2e.site import NAME, TEXT, Run, Site, numbers
from tests.starter.mcp_clients import Assistant

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_assistant_checks_starts_and_follows_a_batch_and_a_lost_answer_starts_nothing_twice(
    site: Site,
) -> None:
    tenant = site.settings.tenant
    _, token = await asyncio.to_thread(Keys(site.store).make, tenant, "assistant", Rights.OPERATE, time.time())
    addresses = numbers(12)
    site.addresses |= set(addresses)
    plan = {
        "name": "from an assistant",
        "message": f"Hi {{{{ first_name }}}}, your {TEXT} is due.",
        "contacts": [{"phone": address, "first_name": NAME} for address in [*addresses, "12"]],
        "limits": {"per_second": 100},
        "receipts": {"wait": "6s"},
    }

    @asynccontextmanager
    async def connect() -> AsyncIterator[Client]:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers) as http,
            Client(streamable_http_client(f"{site.settings.public_url}/mcp", http_client=http)) as client,
        ):
            yield client

    assistant = Assistant(connect)
    checked = await assistant.ask("check_campaign", channel="sms", **plan)
    assert (checked["check"]["accepted"], checked["check"]["rejected"]) == (12, 1)
    assert sum(await site.effects(addresses)) == 0
    confirm = checked["confirm"]
    first, second = await asyncio.gather(
        *(assistant.ask(checked["next_tool"], **plan, confirm=confirm) for _ in range(2))
    )
    assert first["campaign_id"] == second["campaign_id"]
    assert {first["already_started"], second["already_started"]} == {True, False}
    run = Run(site, first["campaign_id"])
    site.started.append(f"campaign/{tenant}/{run.id}")
    await run.end()
    told = await assistant.ask("get-batch-status", campaign_id=run.id)
    assert told["summary"].startswith("completed: 100 % of 13 done, 12 succeeded, 1 skipped")
    why = await assistant.ask("why", campaign_id=run.id, target=addresses[0])
    assert why["answer"].startswith("delivered")
    again = await assistant.ask("trigger-batch-sms", **plan, confirm=confirm)
    assert (again["already_started"], again["status"]) == (True, "completed")
    assert await site.effects(addresses) == [1] * 12
