"""Analyses of leads while things go wrong, and while people steer them: nothing is lost, burnt or paid for twice."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from clarion.contracts import Pacing
from clarion.domain.campaign import CampaignStatus
from starter.local.rehearsal import dig
from tests.e2e.lead_site import analyse, counted, effects, faults, magic_leads, new_leads
from tests.e2e.site import Site, closed

pytestmark = pytest.mark.asyncio(loop_scope="session")

STORM: Mapping[str, object] = {
    "rate_limited": 0.05,
    "retry_after": 0.3,
    "server_error": 0.05,
    "dropped": 0.03,
    "truncated": 0.05,
    "refused": 0.05,
    "garbled": 0.05,
}
WEATHER: Mapping[str, object] = {"server_error": 0.05, "dropped": 0.02}


FAILURES = frozenset({"not_found", "refused", "truncated", "invalid_answer", "failed"})


async def test_whatever_goes_wrong_every_lead_is_accounted_for(leads: Site) -> None:
    """Sessions end, both vendors stumble, limits are reached, answers are useless, and the AI is gone for a while."""
    await faults(leads, openai=STORM, salesforce=WEATHER)
    await leads.tell_sandbox("settings", {"salesforce": {"session_requests": 4}})
    ids = [*magic_leads("9401", "9402", "9421", "9424", "9428"), *new_leads(95)]
    run = await analyse(leads, ids, lead={"chunk": 10})
    await run.until(lambda progress: progress.books.succeeded >= 10)
    await leads.tell_sandbox("salesforce/expire", {})
    await faults(leads, openai={**STORM, "outage": 4.0})
    done = await run.end()
    books, outcomes = done.books, done.outcomes
    assert (done.status, books.total, books.skipped) == (CampaignStatus.COMPLETED, len(ids), outcomes["deleted"])
    assert books.succeeded + books.failed == len(ids) - 1
    assert books.failed == sum(n for outcome, n in outcomes.items() if outcome in FAILURES)
    assert await run.reasons() == {outcome: n for outcome, n in outcomes.items() if outcome != "assessed"}
    assert min(outcomes["refused"], outcomes["invalid_answer"], outcomes["not_found"]) > 0
    lines, answered = await run.lines(), await run.answered()
    assert all((line.answer is not None) == (line.outcome == "assessed") for line in lines)
    assert {line.position for line in lines if line.answer is not None} <= answered.keys()
    assert dig(await effects(leads), "salesforce", "expired_sessions") != 0


@pytest.mark.parametrize(
    ("vendor", "broken", "said"),
    [
        ("openai", {"faults": {"openai": {"account_suspended": True}}}, "no credit"),
        ("openai", {"settings": {"refused_tokens": ["sk-sandbox"]}}, "does not accept the API key"),
        ("salesforce", {"settings": {"refused_tokens": ["sandbox"]}, "salesforce/expire": {}}, "Salesforce"),
    ],
)
async def test_an_account_that_is_refused_pauses_the_campaign_and_burns_nothing(
    leads: Site, vendor: str, broken: Mapping[str, Mapping[str, object]], said: str
) -> None:
    for door, told in broken.items():
        await leads.tell_sandbox(door, told)
    run = await analyse(leads, new_leads(30))
    paused = await run.until(lambda progress: progress.status is CampaignStatus.PAUSED)
    assert said in paused.reason
    assert (paused.books.pending + paused.books.waiting, paused.spent) == (30, 0.0)
    await faults(leads, **{vendor: {}})
    await leads.tell_sandbox("settings", {"refused_tokens": []})
    await leads.campaigns.resume(run.id)
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=30)
    assert set((await run.answered()).values()) == {1}


async def test_a_budget_that_is_spent_pauses_the_campaign_until_there_is_more(leads: Site) -> None:
    run = await analyse(leads, new_leads(30), budget=0.005, limits={"concurrency": 1})
    paused = await run.until(lambda progress: progress.status is CampaignStatus.PAUSED)
    assert "budget of 0.005 is spent" in paused.reason
    assert 0 < paused.spent <= 0.005
    assert 0 < paused.books.succeeded < 30
    await leads.campaigns.set_limits(run.id, Pacing(budget=1.0))
    await leads.campaigns.resume(run.id)
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=30)
    assert set((await run.answered()).values()) == {1}


async def test_a_pause_while_leads_are_fetched_asks_the_crm_nothing_more(leads: Site) -> None:
    await faults(leads, salesforce={"slow": 1.0, "slow_seconds": 0.2})
    ids = new_leads(60)
    run = await analyse(leads, ids, lead={"chunk": 5})
    await run.until(lambda progress: progress.stages.get("fetched", 0) >= 10)
    await leads.campaigns.pause(run.id, "lunch")
    paused = await run.until(lambda progress: progress.status is CampaignStatus.PAUSED)
    assert paused.reason == "lunch"
    assert paused.stages["fetched"] < 60
    before = await counted(leads)
    await asyncio.sleep(1)
    nothing = (await counted(leads)).since(before)
    assert (nothing.crm_requests, nothing.answers) == (0, 0)
    await leads.campaigns.resume(run.id)
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=60)
    assert set((await run.answered()).values()) == {1}


async def test_a_pause_lets_questions_be_answered_and_a_resume_asks_the_others_once(leads: Site) -> None:
    await leads.tell_sandbox("settings", {"openai": {"latency": (0.2, 0.4)}})
    run = await analyse(leads, new_leads(40), limits={"concurrency": 4})
    await run.until(lambda progress: progress.books.succeeded >= 5)
    await leads.campaigns.pause(run.id, "lunch")
    paused = await run.until(lambda progress: progress.status is CampaignStatus.PAUSED)
    assert (paused.books.active, paused.under_way) == (0, 0)
    answered = await run.answered()
    assert len(answered) == paused.books.succeeded < 40
    await asyncio.sleep(1)
    assert await run.answered() == answered
    await leads.campaigns.resume(run.id)
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=40)
    assert set((await run.answered()).values()) == {1}


async def test_a_cancel_leaves_the_rest_unasked(leads: Site) -> None:
    await leads.tell_sandbox("settings", {"openai": {"latency": (0.2, 0.4)}})
    run = await analyse(leads, new_leads(60), limits={"concurrency": 4}, lead={"chunk": 20})
    await run.until(lambda progress: progress.books.succeeded >= 5)
    await leads.campaigns.cancel(run.id, "wrong file")
    done = await run.end()
    assert (done.status, done.reason) == (CampaignStatus.CANCELLED, "wrong file")
    assert done.books.succeeded + done.books.cancelled == 60
    assert len(await run.answered()) == done.books.succeeded < 60
