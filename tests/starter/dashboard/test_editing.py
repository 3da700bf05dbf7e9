"""Drafts changed in the browser, and analyses of leads described by the form: what was left alone stays as it was."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from clarion.domain.answer import Kind
from clarion.domain.campaign import CampaignSpec, CampaignStatus, Channel
from clarion.domain.rights import Rights
from tests.starter.dashboard.desk import Desk
from tests.starter.installation import NOW, TENANT, people

EDIT = "/dashboard/campaigns/spring/edit"
LEADS: Mapping[str, str] = {
    "source": "form",
    "channel": "lead_analysis",
    "name": "Spring leads",
    "campaign_id": "leads",
    "assessor": "openai",
    "crm": "salesforce",
    "lead_column": "Lead",
    "budget": "20",
    "instructions": "Does this lead need a new roof?",
    "answer_name_0": "score",
    "answer_type_0": "integer",
    "answer_of_0": "1 to 5",
    "answer_name_1": "tier",
    "answer_type_1": "choice",
    "answer_of_1": "hot, cold",
    "answer_means_1": "How urgent it is",
    "answer_name_2": "",
}
IDS = b"Lead\n00Q5g00000abcde\nnonsense\n"


def fields_of(page: str) -> dict[str, str]:
    """What a browser would send of a form of which nothing was touched."""
    return dict(_fields(page))


def _fields(page: str) -> Iterator[tuple[str, str]]:
    form = page[page.index('<form class="new"') : page.rindex("</form>", 0, page.index("</main>"))]
    for tag in re.findall(r"<input [^>]*>", form):
        named = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if named.get("type") == "checkbox" and " checked" not in tag:
            continue
        yield named["name"], html.unescape(named.get("value", ""))
    for name, text in re.findall(r'<textarea [^>]*name="(\w+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        yield name, html.unescape(text).replace("\n", "\r\n")
    for name, options in re.findall(r'<select [^>]*name="(\w+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        yield name, chosen[1] if chosen else ""


def spec(office: Desk, campaign_id: str = "spring") -> CampaignSpec:
    return office.store.campaigns.find(TENANT, campaign_id).spec


async def sent(browser: httpx.AsyncClient, **typed: str) -> httpx.Response:
    return await browser.post(EDIT, data={**fields_of((await browser.get(EDIT)).text), **typed})


RICH: Mapping[str, Any] = {
    "message": "Hi {{ first_name }},\nyour service is due.",
    "limits": {"concurrency": 7, "per_minute": 33.3, "per_person_per_day": 2},
    "retry": {"attempts": 4, "delay": 93_784, "on": ["busy", "failed"]},
    "window": {"from": "09:30", "to": "24:00", "days": ["mon", "sat"], "time_zone": "Europe/Berlin"},
    "start_at": "2099-12-01T09:00:30+01:00",
    "budget": 12_345.67,
    "validity": "2d",
    "chunk": {"size": 20},
}


async def test_a_form_of_which_nothing_was_touched_changes_nothing(office: Desk) -> None:
    office.place.imported(people(2), **RICH)
    before = office.store.campaigns.find(TENANT, "spring")
    browser = await office.signed_in(Rights.OPERATE)
    assert (await sent(browser)).status_code == 303
    after = office.store.campaigns.find(TENANT, "spring")
    assert after.spec == before.spec
    assert after.updated_at == before.updated_at


async def test_what_was_changed_is_changed_and_what_was_emptied_goes(office: Desk) -> None:
    office.place.imported(people(2), **RICH)
    before = spec(office)
    browser = await office.signed_in(Rights.OPERATE)
    changed = {"name": "Autumn", "message": "Bye {{ first_name }}", "concurrency": "9", "per_minute": "", "budget": ""}
    answer = await sent(browser, **changed, to="18:00", start_at="2099-12-02T10:00", start_zone="Europe/Berlin")
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/campaigns/spring")
    found = spec(office)
    assert (found.name, found.message, found.budget) == ("Autumn", "Bye {{ first_name }}", None)
    assert (found.limits.concurrency, found.limits.per_minute, found.limits.per_person_per_day) == (9, None, 2)
    assert (found.retry, found.validity, found.chunk) == (before.retry, before.validity, before.chunk)
    assert found.window is not None
    assert f"{found.window.to:%H:%M} {' '.join(found.window.days)}" == "18:00 mon sat"
    assert found.start_at is not None
    assert found.start_at.isoformat() == "2099-12-02T10:00:00+01:00"
    await sent(browser, **{"from": "", "to": "", "start_at": ""})
    assert (spec(office).window, spec(office).start_at) == (None, None)


async def test_the_words_of_a_call_are_checked_against_its_contacts(office: Desk) -> None:
    office.place.calls(people(2))
    browser = await office.signed_in(Rights.OPERATE)
    answer = await sent(browser, first_message="Hello {{ nobody }}")
    assert answer.status_code == 422
    assert "nobody" in html.unescape(answer.text)
    assert "Hello {{ nobody }}" in html.unescape(answer.text)  # what was typed is still there


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"name": ""}, "name"),
        ({"message": "Hi {{ nobody }}"}, "nobody"),
        ({"concurrency": "many"}, "many"),
        ({"start_at": "2001-01-01T09:00"}, "has passed"),
        ({"address": "mobile"}, "mobile"),
    ],
)
async def test_a_change_that_cannot_work_is_refused_with_a_sentence(
    office: Desk, typed: dict[str, str], said: str
) -> None:
    office.place.imported(people(2))
    before = spec(office)
    answer = await sent(await office.signed_in(Rights.OPERATE), **typed)
    assert answer.status_code == 422
    alert = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert alert
    assert said in alert[1]
    assert spec(office) == before


async def test_only_drafts_are_edited_and_only_by_those_who_may(office: Desk) -> None:
    campaign = office.place.imported(people(2))
    reader, theirs = await office.signed_in(Rights.READ), await office.signed_in(Rights.OPERATE, "other")
    operator = await office.signed_in(Rights.OPERATE)
    assert EDIT in (await operator.get("/dashboard/campaigns/spring")).text
    assert EDIT not in (await reader.get("/dashboard/campaigns/spring")).text
    for browser, status in ((reader, 403), (theirs, 404)):
        assert (await browser.get(EDIT)).status_code == status
        assert (await browser.post(EDIT, data={"name": "Taken"})).status_code == status
    office.store.campaigns.set_status(campaign.ref.key, CampaignStatus.COMPLETED, "", NOW)
    assert (await operator.get(EDIT)).status_code == 409
    assert (await operator.post(EDIT, data={"name": "Late"})).status_code == 409
    assert spec(office).name != "Taken"


async def test_an_analysis_of_leads_is_described_by_the_form_and_changed_in_it(office: Desk) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    answer = await browser.post("/dashboard/new", data=dict(LEADS), files={"contacts": ("leads.csv", IDS)})
    assert answer.status_code == 303, re.findall(r'role="alert">(.*?)</p>', answer.text)
    found = spec(office, "leads")
    assert (found.channel, found.account, found.budget) == (Channel.LEAD_ANALYSIS, "openai", 20.0)
    assert found.audience.address == "Lead"
    assert found.assess is not None
    score, tier = found.assess.fields.values()
    assert (score.type, score.from_, score.to) == (Kind.INTEGER, 1.0, 5.0)
    assert (tier.type, tier.of, tier.description) == (Kind.CHOICE, ("hot", "cold"), "How urgent it is")

    at = "/dashboard/campaigns/leads/edit"
    typed = fields_of((await browser.get(at)).text)
    assert (await browser.post(at, data=typed)).status_code == 303
    assert spec(office, "leads") == found
    wanted = {"answer_name_0": "", "answer_of_0": "", "answer_of_1": "hot, mild, cold", "instructions": "Roofs?"}
    assert (await browser.post(at, data={**typed, **wanted})).status_code == 303
    changed = spec(office, "leads").assess
    assert changed is not None
    assert (changed.instructions, list(changed.fields)) == ("Roofs?", ["tier"])
    assert changed.fields["tier"].of == ("hot", "mild", "cold")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"answer_of_1": ""}, "of is missing"),
        ({"answer_of_0": "many"}, "many"),
        ({"answer_name_1": "score"}, "given twice"),
        ({"answer_name_0": "", "answer_of_0": "1 to 5"}, "belongs to no answer"),
        ({"lead_column": "Id"}, "Id"),
        ({"assessor": "main"}, "main"),
    ],
)
async def test_an_analysis_that_cannot_work_is_refused_and_what_was_typed_stays(
    office: Desk, typed: dict[str, str], said: str
) -> None:
    browser = await office.signed_in(Rights.OPERATE)
    files = {"contacts": ("leads.csv", IDS)}
    answer = await browser.post("/dashboard/new", data={**LEADS, **typed}, files=files)
    assert answer.status_code == 422
    alert = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    assert alert
    assert said in html.unescape(alert[1])
    assert 'value="How urgent it is"' in answer.text
    assert not office.store.campaigns.list(TENANT)
