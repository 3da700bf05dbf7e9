"""Templates, schedules, single contacts, keys and webhooks in the browser, and who is refused."""

from __future__ import annotations

import asyncio
import html
import json
import re
import time

import httpx
import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.domain.rights import Rights
from clarion.domain.schedule import Schedule
from clarion.hook_contracts import HookRef
from starter.keys import Keys
from tests.starter.dashboard.desk import OTHER, Desk
from tests.starter.installation import TENANT, people

BASE = "/dashboard"
SINGLE = {"kind": "sms", "account": "main", "number": "(415) 555-2671", "region": "us", "message": "Hi <b>Ann</b>"}
REPEAT = {"source": "spring", "cron": "0 9 * * mon-fri", "time_zone": "Europe/Berlin", "overlap": "skip"}


def alert_of(answer: httpx.Response) -> str:
    found = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    return html.unescape(found[1]) if found else ""


async def kept(office: Desk, browser: httpx.AsyncClient) -> str:
    """Keep a campaign as a template; returns its id."""
    office.place.imported(people(2))
    answer = await browser.post(f"{BASE}/campaigns/spring/template")
    assert answer.headers["location"] == f"{BASE}/templates"
    (template,) = await office.installation.templates.list()
    return template.template_id


def hooked(office: Desk) -> HookRef:
    """A webhook to which something is on its way."""
    url, types = "https://example.com/in", ("campaign",)
    made = office.store.hooks.add(
        TENANT, "hook_1", url=url, secret="whsec_YQ==", types=types, campaign_id=None, now=1.0
    )
    body = json.dumps({"id": "m1", "type": "hook.test", "campaign_id": "spring"})
    office.store.hooks.send(made.ref, "m1", "hook.test", body, time.time())
    return made.ref


async def test_a_campaign_is_kept_as_a_template_and_drafts_are_made_of_it(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    name = await kept(office, browser)
    assert "spring.csv" in (await browser.get(f"{BASE}/templates")).text
    page = (await browser.get(f"{BASE}/campaigns/{name}")).text
    assert f"{BASE}/campaigns/{name}/edit" in page
    assert f'action="{BASE}/campaigns/{name}/start"' not in page
    answer = await browser.post(f"{BASE}/templates/{name}/start", data={"draft": "yes"})
    made = answer.headers["location"].rpartition("/")[2]
    campaign = office.store.campaigns.find(TENANT, made)
    assert (campaign.status, campaign.template) == (CampaignStatus.DRAFT, False)
    await browser.post(f"{BASE}/templates/{name}/remove")
    assert not await office.installation.templates.list()
    assert office.store.campaigns.find(TENANT, made).name == "Spring reminder"


async def test_a_schedule_shows_its_moments_before_it_begins(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    name = await kept(office, browser)
    wish = {**REPEAT, "source": name, "until": "2099-01-01T00:00"}
    answer = await browser.post(f"{BASE}/schedules/new", data=wish)
    assert answer.status_code == 200
    assert "at these moments?" in answer.text
    assert len(re.findall(r"<li><span>\w{3} \d\d \w{3} ", answer.text)) == 5
    assert (await office.installation.templates.show(name)).schedule is None
    # Temporal is away here, so beginning is refused, and nothing is left of it.
    answer = await browser.post(f"{BASE}/schedules/new", data={**wish, "sure": "yes"})
    assert answer.status_code == 422
    assert "Temporal" in alert_of(answer)
    answer = await browser.post(f"{BASE}/schedules/new", data={**REPEAT, "sure": "yes"})
    assert "Temporal" in alert_of(answer)
    assert [one.template_id for one in await office.installation.templates.list()] == [name]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"cron": "0 9"}, "fields"),
        ({"cron": ""}, "cron"),
        ({"time_zone": "Berlin"}, "Berlin"),
        ({"source": "nothing"}, "nothing"),
        ({"until": "2001-01-01T00:00"}, "no moment is left"),
        ({"catch_up": "soon"}, "soon"),
    ],
)
async def test_a_schedule_that_cannot_work_is_refused_with_a_sentence(
    office: Desk, typed: dict[str, str], said: str
) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    office.place.imported(people(1))
    answer = await browser.post(f"{BASE}/schedules/new", data={**REPEAT, **typed})
    assert answer.status_code == 422
    assert said in alert_of(answer)


async def test_schedules_are_listed_with_what_came_of_the_last_moments(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    name = await kept(office, browser)
    template = office.store.campaigns.find(TENANT, name)
    words = template.spec.model_copy(update={"schedule": Schedule(cron="0 9 * * mon", time_zone="Europe/Berlin")})
    office.store.templates.rewrite(template.ref.key, words, time.time())
    office.store.templates.fire(template.ref, time.time(), {"main"}, time.time())
    office.store.templates.fire(template.ref, time.time() + 60, set(), time.time() + 60)
    page = (await browser.get(f"{BASE}/schedules")).text
    assert "0 9 * * mon" in page
    assert "None began:" in page
    made = next(one.ref.campaign_id for one in office.store.campaigns.list(TENANT) if one.ref.campaign_id != "spring")
    assert f"/campaigns/{made}" in page
    reader = (await (await office.signed_in(Rights.READ)).get(f"{BASE}/schedules")).text
    assert "0 9 * * mon" in reader
    assert f'action="{BASE}/schedules' not in reader


async def test_a_single_contact_is_shown_before_it_is_made(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    answer = await browser.post(f"{BASE}/single", data=SINGLE)
    assert "+14155552671 now?" in answer.text
    assert "Hi &lt;b&gt;Ann&lt;/b&gt;" in answer.text
    assert not office.store.campaigns.list(TENANT)
    name = re.findall(r'name="campaign_id" value="([^"]+)"', answer.text)[0]
    answer = await browser.post(f"{BASE}/single", data={**SINGLE, "sure": "yes", "campaign_id": name})
    assert "Temporal" in alert_of(answer)  # which is away here
    assert not office.store.campaigns.list(TENANT)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"number": ""}, "a number is missing"),
        ({"number": "4155552671", "region": ""}, "no country code"),
        ({"number": "12"}, "12"),
        ({"message": ""}, "the message is missing"),
    ],
)
async def test_a_single_contact_that_cannot_work_is_refused(office: Desk, typed: dict[str, str], said: str) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    answer = await browser.post(f"{BASE}/single", data={**SINGLE, **typed})
    assert answer.status_code == 422
    assert said in alert_of(answer)


async def test_a_key_is_shown_once_opens_what_it_may_and_ends(office: Desk) -> None:
    admin = await office.signed_in(Rights.ADMIN)
    page = (await admin.post(f"{BASE}/keys", data={"name": "Reports", "rights": "read", "days": "30"})).text
    (text,) = re.findall(r">(clk_\w+[\w-]*)<", page)
    made = await Keys(office.store).recognise(text, time.time())
    assert (made.tenant, made.rights, made.name) == (TENANT, Rights.READ, "Reports")
    assert made.expires_at is not None
    listed = (await admin.get(f"{BASE}/keys")).text
    assert "Reports" in listed
    assert text not in listed
    await admin.post(f"{BASE}/keys/{made.id}/end")
    ended = await asyncio.to_thread(office.store.keys.get, made.id)
    assert ended is not None
    assert ended.revoked_at is not None


@pytest.mark.parametrize("typed", [{"name": ""}, {"rights": "all"}, {"days": "0"}, {"days": "soon"}])
async def test_a_key_that_cannot_be_is_refused(office: Desk, typed: dict[str, str]) -> None:
    admin = await office.signed_in(Rights.ADMIN)
    answer = await admin.post(f"{BASE}/keys", data={"name": "Reports", "rights": "read", **typed})
    assert answer.status_code == 422
    assert alert_of(answer)
    assert len(office.store.keys.list(TENANT)) == 1


async def test_webhooks_show_what_is_on_its_way(office: Desk) -> None:
    hooked(office)
    reader = await office.signed_in(Rights.READ)
    assert "https://example.com/in" in (await reader.get(f"{BASE}/hooks")).text
    page = (await reader.get(f"{BASE}/hooks/hook_1")).text
    assert "hook.test" in page
    assert "/hooks/hook_1/" not in page  # no button
    assert "None is like this" in (await reader.get(f"{BASE}/hooks/hook_1?state=dead")).text
    admin = await office.signed_in(Rights.ADMIN)
    answer = await admin.post(f"{BASE}/hooks", data={"url": "ftp://example.com", "events": "campaign"})
    assert answer.status_code == 422
    assert alert_of(answer)
    await admin.post(f"{BASE}/hooks/hook_1/off")
    assert "switched off by hand" in (await reader.get(f"{BASE}/hooks/hook_1")).text
    await admin.post(f"{BASE}/hooks/hook_1/remove")
    assert (await reader.get(f"{BASE}/hooks/hook_1")).status_code == 404


OPERATING = (
    *("/single", "/schedules/new", "/schedules/spring/pause", "/schedules/spring/resume"),
    *("/schedules/spring/trigger", "/schedules/spring/remove", "/templates/spring/start", "/templates/spring/remove"),
    *("/campaigns/spring/template", "/campaigns/spring/edit"),
)
MANAGING = (
    *("/keys", "/keys/abc/end", "/hooks", "/hooks/hook_1/test", "/hooks/hook_1/resend", "/hooks/hook_1/on"),
    *("/hooks/hook_1/off", "/hooks/hook_1/remove", "/hooks/hook_1/deliveries/1/resend"),
)


@pytest.mark.parametrize("path", OPERATING)
async def test_who_may_only_read_does_none_of_this(office: Desk, path: str) -> None:
    office.place.imported(people(1))
    browser = await office.signed_in(Rights.READ)
    assert (await browser.post(BASE + path, data={**REPEAT, "sure": "yes"})).status_code == 403


@pytest.mark.parametrize("path", MANAGING)
async def test_who_may_only_operate_manages_nothing(office: Desk, path: str) -> None:
    hooked(office)
    browser = await office.signed_in(Rights.OPERATE)
    data = {"name": "Mine", "rights": "admin", "url": "https://example.com", "events": "campaign"}
    assert (await browser.post(BASE + path, data=data)).status_code == 403
    assert (await browser.get(f"{BASE}/keys")).status_code == 403
    assert f"{BASE}/keys" not in (await browser.get(f"{BASE}/hooks")).text
    assert len(office.store.hooks.list(TENANT)) == 1


async def test_another_tenant_finds_none_of_ours(office: Desk) -> None:
    operator = await office.signed_in(Rights.OPERATE)
    name = await kept(office, operator)
    hooked(office)
    ours = office.key(Rights.READ)[0]
    theirs = await office.signed_in(Rights.ADMIN, OTHER)
    for path in ("/templates", "/schedules", "/schedules/new", "/keys", "/hooks"):
        page = await theirs.get(BASE + path)
        assert page.status_code == 200, path
        for word in ("spring", name, ours, "hook_1"):
            assert word not in page.text, path
    assert (await theirs.get(f"{BASE}/hooks/hook_1")).status_code == 404
    for path in (f"/templates/{name}/remove", f"/keys/{ours}/end", "/hooks/hook_1/remove"):
        await theirs.post(BASE + path)
    assert [one.template_id for one in await office.installation.templates.list()] == [name]
    assert office.store.hooks.list(TENANT)
    key = office.store.keys.get(ours)
    assert key is not None
    assert key.revoked_at is None
