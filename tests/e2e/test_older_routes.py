"""A client of the older systems does its work on Clarion: texts, calls and leads, by its own routes and words."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from clarion.domain.rights import Rights
from starter.keys import Keys
from tests.e2e.lead_site import new_leads
from tests.e2e.site import NAME, PATIENCE, TEXT, Run, Site, numbers

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def ask(http: httpx.AsyncClient, method: str, path: str, body: object = None, **more: Any) -> Any:  # noqa: ANN401 - JSON
    answer = await http.request(method, path, json=body, **more)
    assert answer.is_success, answer.text
    return answer.json()


async def until(http: httpx.AsyncClient, path: str, holds: Callable[[Any], bool]) -> Any:  # noqa: ANN401 - JSON
    async with asyncio.timeout(PATIENCE):
        while not holds(seen := await ask(http, "GET", path)):
            await asyncio.sleep(0.1)
    return seen


async def test_a_client_of_the_older_systems_moves_without_change(leads: Site) -> None:
    site, tenant = leads, leads.settings.tenant
    _, token = await asyncio.to_thread(Keys(site.store).make, tenant, "older client", Rights.OPERATE, time.time())
    texted, called = numbers(8), numbers(3)
    site.addresses |= {*texted, *called}
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=site.settings.public_url or "", headers=headers, timeout=PATIENCE) as http:
        recipients = [{"phoneNumber": number, "variables": {"first_name": NAME}} for number in texted]
        batch = {"text": f"Hi {{{{ first_name }}}}, {TEXT}", "recipients": recipients, "options": {"autoStart": False}}
        waiting = await ask(http, "POST", "/api/batch", batch)
        assert waiting["status"] == "pending"
        targets = [{"phoneNumber": number, "customPrompt": f"Talk about the {TEXT}."} for number in called]
        calls = await ask(http, "POST", "/batch/calls", {"account": "retell", "agentId": "agent_1", "targets": targets})
        await ask(http, "POST", f"/api/v2/batch/{waiting['id']}/resume")

        told = await until(http, f"/api/batch/{waiting['id']}", lambda seen: seen["status"] == "completed")
        assert told["progress"] == {"total": 8, "pending": 0, "completed": 8, "failed": 0}
        assert told["metrics"]["successRate"] == 100.0
        told = await until(http, f"/batch/calls/{calls['batchId']}", lambda seen: seen["status"] == "completed")
        assert {result["phoneNumber"]: result["status"] for result in told["results"]} == dict.fromkeys(
            called, "completed"
        )
        told = await ask(http, "GET", f"/batch/calls/{calls['batchId']}/transcripts")
        assert told["summary"]["totalCalls"] == len(told["transcripts"]) == 3
        assert {turn["role"] for one in told["transcripts"] for turn in one["transcript"]} == {"assistant", "user"}
        told = await ask(http, "GET", f"/api/retell-mcp/campaigns/{calls['batchId']}/batch-status")
        assert (told["total_jobs"], told["processed_jobs"], told["failed_jobs"], told["progress"]) == (3, 3, 0, 100)
        stream = await http.get(f"/batch/calls/{calls['batchId']}/events", params={"from": "start"})
        assert "event: end" in stream.text

        sheet = "\n".join(["Lead_ID", *new_leads(6), "no lead"])
        form = {"data": {"batch_size": "50"}, "files": {"file": ("leads.csv", sheet.encode())}}
        told = await ask(http, "POST", "/excel/analyze-batch-optimized", **form)
        assert (told["success"], told["status"], len(told["leads"])) == (True, "completed", 6)
        assert all(lead["ai_assessment"] for lead in told["leads"])
        assert [row["row"] for row in told["invalid_lead_ids"]] == [8]
        stats = told["summary"]["processing_stats"]
        assert stats == {"total_batches": 1, "successful_batches": 1, "failed_batches": 0}
        assert told["performance_metrics"]["batch_success_rate"] == 100.0
    for name in (waiting["id"], calls["batchId"], told["campaign_id"]):
        site.started.append(f"campaign/{tenant}/{name}")
        await Run(site, name).end()
    assert await site.effects(texted) == [1] * 8
