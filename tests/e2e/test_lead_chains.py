"""Campaigns that follow an analysis of leads: whoever is worth it is contacted, once, and nobody else."""

from __future__ import annotations

import pytest

from clarion.domain.campaign import CampaignStatus, Channel
from starter.local.rehearsal import dig
from tests.e2e.lead_site import Analysis, analyse, effects, magic_leads, new_leads
from tests.e2e.site import TEXT, Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEXTS = {"message": f"Hi {{{{ Name }}}}, your {TEXT} scores {{{{ score }}}}.", "limits": {"per_second": 100}}


async def numbers(run: Analysis, least: int) -> tuple[set[str], set[str]]:
    """Phone numbers of the leads with this score at least, and of all others."""
    worth_it, others = set[str](), set[str]()
    for line in await run.lines():
        number = line.fields.get("MobilePhone") or line.fields.get("Phone")
        score = line.answer["score"] if line.answer is not None else None
        if number is not None:
            (worth_it if isinstance(score, int) and score >= least else others).add(str(number))
    return worth_it, others - worth_it


async def test_leads_worth_it_are_texted_once_each(leads: Site) -> None:
    ids = [*magic_leads("9404", "9401", "9421"), *new_leads(25)]
    following = {"channel": "sms", "receipts": {"wait": "5s"}, **TEXTS}
    then = {"when": "score >= 50", "campaign": following}
    run = await analyse(leads, ids, then=then, audience={"region": "US"})
    await run.end()
    worth_it, others = await numbers(run, 50)
    assert min(len(worth_it), len(others)) > 5
    texts = await run.follower()
    done = await texts.end()
    assert (texts.id, done.parent, done.channel) == (f"{run.id}.then", run.id, Channel.SMS)
    assert (done.status, done.books.succeeded) == (CampaignStatus.COMPLETED, len(worth_it))
    assert done.books.total == done.books.succeeded + done.books.skipped
    assert await leads.effects(sorted(worth_it)) == [1] * len(worth_it)
    assert await leads.effects(sorted(others)) == [0] * len(others)
    (shown,) = (await run.progress()).followers
    assert (shown.campaign_id, shown.status, shown.books) == (texts.id, CampaignStatus.COMPLETED, done.books)


async def test_leads_worth_it_are_called_and_texted_when_they_are_not_reached(leads: Site) -> None:
    await leads.tell_sandbox("settings", {"mix": {"twilio": {"delivered": 1.0}, "calls": {"voicemail": 0.4}}})
    call = {"first_message": "Hello {{ Name }} of {{ Company }}.", "max_minutes": 2}
    text = {"on": ["voicemail"], "message": TEXTS["message"], "account": "main"}
    following = {"channel": "call", "account": "retell", "call": call, "fallback": text, "limits": {"concurrency": 12}}
    then = {"when": "score >= 60 and Company", "campaign": following}
    run = await analyse(leads, new_leads(25), then=then, audience={"region": "US"})
    await run.end()
    worth_it, others = await numbers(run, 60)
    calls = await run.follower()
    called = await calls.end()
    texts = await calls.follower()
    texted = await texts.end()
    assert ((await run.progress()).followers[0].campaign_id, called.parent) == (calls.id, run.id)
    assert (
        (called.followers[0].campaign_id, texted.parent) == (texts.id, calls.id) == (f"{run.id}.then.texts", calls.id)
    )
    assert called.books.succeeded + called.books.failed == len(worth_it)
    assert called.outcomes["voicemail"] == called.books.failed == texted.books.succeeded == texted.books.total > 0
    really = dig(await effects(leads), "retell", "calls", "targets")
    assert isinstance(really, dict)
    assert {number: really.get(number, 0) for number in worth_it | others} == {
        number: int(number in worth_it) for number in worth_it | others
    }
    missed = {line.address for line in await calls.lines() if line.outcome == "voicemail"}
    assert await leads.effects(sorted(worth_it)) == [int(number in missed) for number in sorted(worth_it)]
