"""A real campaign tells a real receiver, which fails at first: every event arrives all the same, and signed."""

from __future__ import annotations

import asyncio
import json

import pytest
from starlette.responses import Response

from clarion.domain.campaign import CampaignStatus
from clarion.domain.delivery import DeliveryState
from starter.hooks import HookLooks, Hooks, HookState
from starter.wiring import Connection
from tests.activities.receiver import receiving
from tests.e2e.site import PATIENCE, Site, clarion, closed, numbers
from workflows.hooks import HookWorkflow

pytestmark = pytest.mark.asyncio(loop_scope="session")

GONE_AT = 20
"""The request to which the receiver says that it wants to hear no more."""


async def failing_first(before: int) -> Response:
    if before == GONE_AT:
        return Response(status_code=410)
    return Response(status_code=503 if before < 3 else 200)


async def test_every_event_reaches_a_receiver_that_fails_at_first(site: Site) -> None:
    hooks, looks = (
        Hooks(site.settings, site.store, Connection(site.settings)),
        HookLooks(site.store, site.settings.tenant),
    )
    async with receiving() as receiver:
        receiver.behave = failing_first
        code, out, err = await clarion(site, "hooks", "add", receiver.url, "--events", "campaign,attempt", "--json")
        assert code == 0, err
        added = json.loads(out)
        receiver.secret = added["secret"]
        run = await site.start(numbers(25))
        done = await run.end()
        assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=25)
        async with asyncio.timeout(PATIENCE):
            while (await asyncio.to_thread(looks.show, added["id"])).state is not HookState.OFF:
                await asyncio.sleep(0.05)
            [dead] = await asyncio.to_thread(looks.deliveries, added["id"], DeliveryState.DEAD)
            assert dead.status == 410
            await hooks.change(added["id"], active=True)
            assert await hooks.resend_dead(added["id"]) == 1
            log = await asyncio.to_thread(site.store.events.after, await run.key(), 0, 10_000)
            wanted = {f"evt_{event.id}" for event in log}
            while not wanted <= set(delivered(looks, added["id"])):
                await asyncio.sleep(0.05)
        ours = [body for body in receiver.got if body["campaign_id"] == run.id]
        assert {body["id"] for body in ours} == wanted
        assert receiver.forged == 0
        assert {"campaign.created", "campaign.running", "campaign.completed"} <= {body["type"] for body in ours}
        assert sum(body["type"] == "attempt.delivered" for body in {body["id"]: body for body in ours}.values()) == 25
        handle = site.client.get_workflow_handle_for(HookWorkflow.run, f"hook/{site.settings.tenant}/{added['id']}")
        history = (await handle.fetch_history()).to_json()
        assert not any(secret in history for secret in (added["secret"], str(receiver.port)))
        await hooks.remove(added["id"])
        async with asyncio.timeout(PATIENCE):
            await handle.result()


def delivered(looks: HookLooks, hook_id: str) -> list[str]:
    return [one.id for one in looks.deliveries(hook_id, DeliveryState.DELIVERED, limit=1_000)]
