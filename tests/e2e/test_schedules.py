"""A schedule on a real installation: every moment one campaign, each with the same people, contacted once each."""

from __future__ import annotations

import json

import pytest

from clarion.domain.campaign import CampaignStatus
from starter.cloning import clone
from starter.drafts import Drafts
from starter.schedule_views import State
from starter.schedules import Schedules
from tests.e2e.site import Run, Site, clarion, closed, numbers, write_people

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_schedule_begins_a_campaign_at_each_of_its_moments(site: Site) -> None:
    people = numbers(4)
    write_people(site.stack.home / "weekly.csv", people)
    site.addresses |= set(people)
    content = {
        "name": "Weekly",
        "channel": "sms",
        "audience": {"file": "weekly.csv", "address": "phone", "region": "US"},
        "message": "Hi {{ first_name }}, it is Monday.",
        "limits": {"per_second": 100},
        "priority": "high",
        "schedule": {"cron": "0 9 * * mon", "time_zone": "Europe/Berlin"},
    }
    (site.stack.home / "weekly.json").write_text(json.dumps(content))
    code, out, err = await clarion(site, "start", "weekly.json", "--id", "weekly")
    assert code == 0, err
    assert "scheduled weekly" in out
    schedules = Schedules(site.settings, site.store, site.campaigns.connect)
    try:
        shown = await schedules.show("weekly")
        assert (shown.state, len(shown.next), shown.firings) == (State.ACTIVE, 5, ())
        assert "weekly" not in [campaign.ref.campaign_id for campaign in site.store.campaigns.list("default")]
        ids = []
        for sent in (1, 2):
            fired = await schedules.trigger("weekly")
            assert fired.campaign_id is not None, fired.reason
            ids.append(fired.campaign_id)
            site.started.append(f"campaign/default/{fired.campaign_id}")
            seen = await Run(site, fired.campaign_id).end()
            assert (seen.status, seen.books) == closed(CampaignStatus.COMPLETED, succeeded=4)
            assert await site.effects(people) == [sent] * 4
        assert len(set(ids)) == 2
        described = await site.client.get_workflow_handle(f"campaign/default/{ids[0]}").describe()
        assert described.raw_description.workflow_execution_info.priority.priority_key == 1
        assert described.parent_id is not None
        shown = await schedules.show("weekly")
        assert [firing.campaign_id for firing in shown.firings] == ids[::-1]
        draft = await clone(Drafts(site.settings, site.store, site.campaigns), ids[0], "weekly-again")
        assert (draft.status, draft.spec.schedule) == (CampaignStatus.DRAFT, None)
        await site.campaigns.launch("weekly-again")
        assert (await Run(site, "weekly-again").end()).books.succeeded == 4
        assert await site.effects(people) == [3] * 4
    finally:
        code, _, err = await clarion(site, "schedule", "remove", "weekly")
    assert code == 0, err
    code, _, err = await clarion(site, "template", "remove", "weekly")
    assert code == 0, err
