"""A campaign made in the browser: by form or by file, checked before anybody is contacted, refused with a sentence."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping

import httpx
import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.domain.rights import Rights
from tests.starter.dashboard.desk import Desk
from tests.starter.installation import NOW, TENANT

NEW = "/dashboard/new"
ROWS = b"phone,first_name\n+14155552671,Ann\n12,Bob\n+14155552671,Ann again\n+14155552672,\n"
FORM: Mapping[str, str] = {
    "source": "form",
    "name": "Spring",
    "account": "main",
    "channel": "sms",
    "message": "Hi {{ first_name }}",
    "address": "phone",
    "region": "US",
    "campaign_id": "spring",
}


async def sent(browser: httpx.AsyncClient, rows: bytes = ROWS, /, **typed: str) -> httpx.Response:
    return await browser.post(NEW, data={**FORM, **typed}, files={"contacts": ("people.csv", rows)})


async def checked(browser: httpx.AsyncClient, path: str) -> str:
    async with asyncio.timeout(20):
        while (answer := await browser.get(f"{path}/check")).status_code == 200:
            await asyncio.sleep(0.05)
    assert answer.status_code == 286
    return answer.text


async def test_a_form_becomes_a_draft_whose_check_names_the_bad_rows(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    answer = await sent(browser, concurrency="4", per_second="2,5", budget="10", attempts="2", delay="10m")
    assert answer.headers["location"] == "/dashboard/campaigns/spring"
    campaign = office.store.campaigns.find(TENANT, "spring")
    assert campaign.status is CampaignStatus.DRAFT
    assert (campaign.spec.limits.concurrency, campaign.spec.limits.per_second, campaign.budget) == (4, 2.5, 10.0)
    assert (campaign.spec.retry.attempts, campaign.spec.retry.delay) == (2, 600.0)
    found = await checked(browser, "/dashboard/campaigns/spring")
    assert re.search(r"Accepted</dt><dd class=\"good\">1<", found)
    assert re.search(r"Rejected</dt><dd class=\"bad\">3<", found)
    assert "stands in row 2 already" in found
    assert "Hi Ann" in found
    assert "disabled" not in found


async def test_a_window_and_a_start_are_read_on_the_clocks_that_were_chosen(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    when = {"start_at": "2099-12-01T09:00", "start_zone": "Europe/Berlin", "from": "09:00", "to": "20:00"}
    answer = await sent(browser, **when, day_mon="yes", window_zone="America/Denver")
    assert answer.status_code == 303, answer.text
    spec = office.store.campaigns.find(TENANT, "spring").spec
    assert spec.start_at is not None
    assert spec.start_at.isoformat() == "2099-12-01T09:00:00+01:00"
    assert spec.window is not None
    assert (spec.window.days, spec.window.time_zone) == (("mon",), "America/Denver")


async def test_a_campaign_file_is_taken_and_the_file_that_it_names_is_not(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    text = b"name: Spring\nchannel: sms\naudience: {file: /etc/passwd, address: phone, region: US}\nmessage: Hi\n"
    files = {"campaign_file": ("spring.yaml", text), "contacts": ("people.csv", ROWS)}
    answer = await browser.post(NEW, data={"source": "file", "campaign_id": "spring"}, files=files)
    assert answer.status_code == 303, answer.text
    campaign = office.store.campaigns.find(TENANT, "spring")
    assert "passwd" not in campaign.spec.audience.file
    assert [file.name for file in office.store.files.of_campaign(campaign.ref.key)] == ["people.csv"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": ""}, "name"),
        ({"message": ""}, "message is missing"),
        ({"message": "Hi {{ nobody }}"}, "nobody"),
        ({"per_second": "many"}, "many"),
        ({"account": "theirs"}, "theirs"),
        ({"start_at": "soon"}, "soon"),
        ({"start_at": "2001-01-01T09:00"}, "has passed"),
        ({"campaign_id": "a b"}, "a b"),
        ({"address": "mobile"}, "mobile"),
    ],
)
async def test_what_cannot_work_is_said_and_nothing_is_stored(office: Desk, typed: dict[str, str], said: str) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    answer = await sent(browser, **typed)
    assert answer.status_code == 422
    alert = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert alert
    assert said in alert[1]
    assert 'value="US"' in answer.text  # what was typed is still there
    assert not office.store.campaigns.list(TENANT)


async def test_without_contacts_nothing_is_made(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    answer = await browser.post(NEW, data=dict(FORM))
    assert answer.status_code == 422
    assert "contacts are missing" in answer.text


@pytest.mark.parametrize("told", [True, False], ids=["length told", "length not told"])
async def test_an_upload_that_is_too_large_is_refused(office: Desk, told: bool) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    request = browser.build_request("POST", NEW, data=dict(FORM), files={"contacts": ("a.csv", b"x" * 2_000_000)})
    body = await request.aread()
    headers = dict(request.headers)
    if not told:
        del headers["content-length"]

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 65536):
            yield body[at : at + 65536]

    answer = await browser.post(NEW, content=pieces() if not told else body, headers=headers)
    assert answer.status_code == 413
    assert not office.store.campaigns.list(TENANT)


async def test_a_draft_that_has_not_passed_its_check_cannot_be_started(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    await sent(browser, b"phone,first_name\n12,Bob\n")
    found = await checked(browser, "/dashboard/campaigns/spring")
    assert "No row can be contacted" in found
    assert "disabled" in found
    answer = await browser.post("/dashboard/campaigns/spring/start")
    assert answer.headers["location"] == "/dashboard/campaigns/spring"
    assert office.store.campaigns.find(TENANT, "spring").status is CampaignStatus.DRAFT
    assert "has not passed its check" in (await browser.get("/dashboard/campaigns/spring")).text


async def test_more_contacts_are_checked_with_the_rest(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    await sent(browser)
    await checked(browser, "/dashboard/campaigns/spring")
    more = {"file": ("more.csv", b"phone,first_name\n+14155552671,Ann\n+14155552675,Eve\n")}
    await browser.post("/dashboard/campaigns/spring/audience", files=more)
    found = await checked(browser, "/dashboard/campaigns/spring")
    assert re.search(r"Accepted</dt><dd class=\"good\">2<", found)
    assert "people.csv, more.csv" in found


async def test_a_draft_can_be_deleted(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    await sent(browser)
    await browser.post("/dashboard/campaigns/spring/delete")
    assert not office.store.campaigns.list(TENANT)


async def test_a_campaign_that_has_ended_can_be_copied_and_deleted(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    await sent(browser)
    campaign = office.store.campaigns.find(TENANT, "spring")
    office.store.campaigns.set_status(campaign.ref.key, CampaignStatus.COMPLETED, "", NOW)
    answer = await browser.post("/dashboard/campaigns/spring/clone")
    assert re.search(r"Accepted</dt><dd class=\"good\">1<", await checked(browser, answer.headers["location"]))
    await browser.post("/dashboard/campaigns/spring/delete")
    left = office.store.campaigns.list(TENANT)
    assert [f"/dashboard/campaigns/{one.ref.campaign_id}" for one in left] == [answer.headers["location"]]


async def test_what_fails_while_steering_is_said_on_the_campaigns_page_once(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    await sent(browser)
    answer = await browser.post("/dashboard/campaigns/spring/pause")
    assert answer.headers["location"] == "/dashboard/campaigns/spring"
    assert "is a draft and cannot be paused" in (await browser.get("/dashboard/campaigns/spring")).text
    assert "cannot be paused" not in (await browser.get("/dashboard/campaigns/spring")).text
