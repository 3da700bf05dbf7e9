"""What follows an analysis: a campaign of its own, made once, and fed by the answers as they come."""

from __future__ import annotations

import pytest
from temporalio.exceptions import ApplicationError

from activities.feeding import FeedingActivities
from clarion.contracts import CampaignRef
from clarion.domain.campaign import Channel
from tests.activities.lead_office import LeadOffice, good
from tests.activities.office import run

THEN = {
    "when": "score >= 70",
    "phone": ["MobilePhone"],
    "campaign": {
        "name": "Texts to the best",
        "channel": "sms",
        "account": "main",
        "message": "Hello {{ Name }}, {{ next_step }}",
        "receipts": {"wait": 0},
    },
}


def following(leads: LeadOffice) -> FeedingActivities:
    return FeedingActivities(leads.store, leads.clock, 6.0)


async def test_what_follows_is_made_once_and_fed_with_the_leads_worth_it(leads: LeadOffice) -> None:
    leads.new_analysis(4, then=THEN)
    leads.crm.know(1, 2, 3, 4, MobilePhone="+14155550123")
    first = await run(following(leads).create_then, leads.campaign)
    again = await run(following(leads).create_then, leads.campaign)
    assert first == again
    assert first.campaign.campaign_id == f"{leads.campaign.campaign_id}.then"
    assert (first.channel, first.name, first.heartbeat_timeout) == (Channel.SMS, "Texts to the best", 6.0)
    await leads.fetch()
    leads.oracle.says = lambda question: good(score=90 if question.attempt.split(".")[1] == "3" else 10)
    await leads.ask()
    leads.store.feeding.pull(first.campaign.key, leads.clock())
    rows = leads.store.targets.page(first.campaign.key)
    assert [(row.parent_position, row.address) for row in rows] == [(3, "+14155550123")]
    assert leads.store.campaigns.snapshot(first.campaign.key, leads.clock()).awaits_rows


async def test_nothing_follows_an_analysis_that_names_nothing(leads: LeadOffice) -> None:
    leads.new_analysis(1)
    with pytest.raises(ApplicationError, match="it has no group then") as failure:
        await run(following(leads).create_then, leads.campaign)
    assert failure.value.non_retryable


async def test_a_campaign_that_assesses_no_leads_is_refused(leads: LeadOffice) -> None:
    leads.new_campaign()
    with pytest.raises(ApplicationError, match="assesses no leads: its channel is sms"):
        await run(leads.analyst().fetch_leads, leads.errand())


async def test_a_campaign_that_is_not_there_is_refused(leads: LeadOffice) -> None:
    leads.campaign = CampaignRef(tenant="default", campaign_id="gone", key=99)
    with pytest.raises(ApplicationError) as failure:
        await run(leads.analyst().run_batches, leads.errand())
    assert (failure.value.type, failure.value.non_retryable) == ("NotFound", True)
