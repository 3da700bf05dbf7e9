"""Leads assessed in batches: at half the price, never submitted twice, and what a batch leaves over is asked live."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.store.batches import BatchRow, BatchState
from starter.local.rehearsal import dig
from tests.e2e.lead_site import PRICES, Analysis, analyse, counted, effects, faults, magic_leads, new_leads
from tests.e2e.site import PATIENCE, Site, closed

pytestmark = pytest.mark.asyncio(loop_scope="session")

IN_BATCHES = {"mode": "batch"}


async def there(run: Analysis) -> list[str]:
    """Names of the batches of a campaign that the AI's provider has, those that have ended among them."""
    seen = dig(await effects(run.site), "openai", "batches")
    assert isinstance(seen, list)
    names = [str(dig(batch, "metadata", "clarion")) for batch in seen]
    return [name for name in names if name.split("/")[1] == run.id]


async def here(run: Analysis) -> Sequence[BatchRow]:
    """The batches of a campaign that the store has."""
    return await asyncio.to_thread(run.site.store.batches.all, await run.key())


async def until_begun(run: Analysis) -> None:
    """Wait until the provider has a batch of this campaign."""
    async with asyncio.timeout(PATIENCE):
        while not await there(run):
            await asyncio.sleep(0.02)


async def test_batches_cost_half_and_what_they_leave_over_is_asked_live(leads: Site) -> None:
    await faults(leads, openai={"expired": 0.1})
    before = await counted(leads)
    ids = [*magic_leads("9401", "9421", "9422", "9424", "9425"), *new_leads(40)]
    run = await analyse(leads, ids, assess=IN_BATCHES)
    done, spent = await run.end(), (await counted(leads)).since(before)
    assert done.status is CampaignStatus.COMPLETED
    assert done.outcomes == {"assessed": 42, "not_found": 1, "refused": 1, "invalid_answer": 1}
    (batch,) = await here(run)
    assert (batch.state, batch.leads, batch.provider_status) == (BatchState.ENDED, 44, "expired")
    lines = [line for line in await run.lines() if line.answer is not None]
    live = [line for line in lines if not line.batch]
    assert 2 <= len(live) < 20, "expired, or cut off in the batch"
    for line in lines:
        whole = (line.input_tokens * PRICES[0] + line.output_tokens * PRICES[1]) / 1e6
        if line.batch:
            assert line.cost == pytest.approx(whole / 2, abs=1e-6)
        elif line.attempts == 1:
            assert line.cost == pytest.approx(whole, abs=1e-6)
    assert done.tokens is not None
    assert (done.tokens.input, done.tokens.output) == (spent.input_tokens, spent.output_tokens)
    assert spent.answers == sum((await run.answered()).values())


async def test_a_batch_whose_beginning_nobody_heard_of_is_found_again(leads: Site) -> None:
    """Its creation is answered by a closed connection, again and again, until there is one."""
    await faults(leads, openai={"dropped": 1.0})
    run = await analyse(leads, new_leads(20), assess=IN_BATCHES)
    await until_begun(run)
    await faults(leads, openai={})
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=20)
    assert await there(run) == [f"{leads.settings.tenant}/{run.id}/1"]
    assert len(await here(run)) == 1
    assert all(line.batch for line in await run.lines())


async def test_a_worker_killed_while_it_begins_a_batch_begins_none_twice(leads: Site) -> None:
    """The provider has the batch already, and takes a second to say so."""
    await faults(leads, openai={"slow": 1.0, "slow_seconds": 1.0})
    run = await analyse(leads, new_leads(20), assess=IN_BATCHES)
    await until_begun(run)
    worker = leads.stack.parts["worker-1"]
    worker.kill()
    assert [batch.state for batch in await here(run)] == [BatchState.FILLED], "the store has not heard of it"
    await faults(leads, openai={})
    await worker.start()
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=20)
    assert await there(run) == [f"{leads.settings.tenant}/{run.id}/{batch.number}" for batch in await here(run)]
    assert set((await run.answered()).values()) == {1}


async def test_a_cancel_ends_batches_early_and_keeps_what_has_come(leads: Site) -> None:
    await leads.tell_sandbox("settings", {"openai": {"batch_seconds": 500.0}})
    run = await analyse(leads, new_leads(30), assess=IN_BATCHES)
    await run.until(lambda progress: progress.stages.get("submitted", 0) == 30)
    await asyncio.sleep(2)
    await leads.campaigns.cancel(run.id, "wrong file")
    done = await run.end()
    assert (done.status, done.reason) == (CampaignStatus.CANCELLED, "wrong file")
    assert done.books.succeeded + done.books.cancelled == 30
    assert done.books.succeeded == len(await run.answered())
