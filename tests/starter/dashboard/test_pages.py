"""What the pages say of campaigns in every state, that they page through the store, and that words stay words."""

from __future__ import annotations

import re

import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.domain.rights import Rights
from tests.starter.dashboard.desk import Desk
from tests.starter.installation import ANSWERED, BUSY, DELIVERED, LANDLINE, NOW, UNDELIVERED, people

LIST = "/dashboard/"
SPRING = "/dashboard/campaigns/spring"
EVIL = '<img src=x onerror="alert(1)">'


async def test_the_list_can_be_filtered_and_searched(office: Desk) -> None:
    office.place.imported(people(2), "spring").run()
    office.place.imported(people(2), "autumn", name="Autumn 100 % off")
    browser = await office.signed_in(Rights.READ)
    everything = (await browser.get(LIST)).text
    assert "spring" in everything
    assert "autumn" in everything
    for query, shown, hidden in (
        ("status=running", "spring", "autumn"),
        ("q=100 %25", "autumn", "campaigns/spring"),
        ("channel=sms&status=draft", "autumn", "campaigns/spring"),
    ):
        page = (await browser.get(f"{LIST}?{query}")).text
        assert shown in page, query
        assert f"/{hidden}" not in page, query
    assert "No campaign is like this" in (await browser.get(f"{LIST}?channel=call")).text
    assert "spring" in (await browser.get("/dashboard/campaigns.rows?status=running")).text


async def test_older_campaigns_are_on_the_next_page(office: Desk) -> None:
    for n in range(26):
        office.place.imported(people(1), f"c{n:02}")
    browser = await office.signed_in(Rights.READ)
    first = (await browser.get(LIST)).text
    assert "/campaigns/c25" in first
    assert "/campaigns/c00" not in first
    older = re.search(r'href="(/dashboard/\?before=\d+)">Older', first)
    assert older
    assert "/campaigns/c00" in (await browser.get(older[1])).text


async def test_the_page_of_a_campaign_shows_its_books_and_what_can_be_done(office: Desk) -> None:
    campaign = office.place.imported(people(4))
    campaign.run()
    campaign.contact(DELIVERED, UNDELIVERED, LANDLINE)
    browser = await office.signed_in(Rights.OPERATE)
    page = (await browser.get(SPRING)).text
    assert re.search(r"state=succeeded\"><b>1</b>", page)
    assert re.search(r"state=failed\"><b>1</b>", page)
    assert "invalid number" in page
    assert f"{SPRING}/pause" in page
    assert f"{SPRING}/resume" not in page
    campaign.status(CampaignStatus.PAUSED, "wait for Bob")
    live = await browser.get(f"{SPRING}/live")
    assert live.status_code == 200


async def test_an_open_page_is_not_asked_again_once_the_campaign_has_ended(office: Desk) -> None:
    campaign = office.place.imported(people(1))
    campaign.run()
    campaign.contact(DELIVERED)
    campaign.status(CampaignStatus.COMPLETED)
    browser = await office.signed_in(Rights.READ)
    answer = await browser.get(f"{SPRING}/live")
    assert answer.status_code == 286
    assert "completed" in answer.text


async def test_targets_come_a_page_at_a_time(office: Desk) -> None:
    office.place.imported(people(51))
    browser = await office.signed_in(Rights.READ)
    first = (await browser.get(f"{SPRING}/targets")).text
    assert "+14155552049" in first
    assert "+14155552050" not in first
    assert "after=50" in first
    rest = (await browser.get(f"{SPRING}/targets?after=50")).text
    assert "+14155552050" in rest
    assert "Next page" not in rest


@pytest.mark.parametrize("wanted", ["3", "row:4", "+14155552002", "(415) 555-2002"])
async def test_a_target_is_found_by_position_row_and_number(office: Desk, wanted: str) -> None:
    office.place.imported(people(5))
    browser = await office.signed_in(Rights.READ)
    page = (await browser.get(f"{SPRING}/targets", params={"q": wanted})).text
    assert "+14155552002" in page
    assert "+14155552001" not in page


@pytest.mark.parametrize("wanted", ["99", "nonsense", "\x00"])
async def test_a_target_that_is_not_there_is_answered_with_a_sentence(office: Desk, wanted: str) -> None:
    office.place.imported(people(2))
    browser = await office.signed_in(Rights.READ)
    answer = await browser.get(f"{SPRING}/targets", params={"q": wanted})
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text


async def test_why_a_target_failed_stands_on_its_page(office: Desk) -> None:
    campaign = office.place.imported(people(1))
    campaign.run()
    campaign.contact(LANDLINE)
    browser = await office.signed_in(Rights.READ)
    page = (await browser.get(f"{SPRING}/targets/1")).text
    assert "this is not a mobile number" in page
    assert "21614" in page
    assert (await browser.get(f"{SPRING}/targets/2")).status_code == 404


async def test_errors_are_grouped_and_can_be_tried_again_where_that_helps(office: Desk) -> None:
    campaign = office.place.imported(people(2))
    campaign.run()
    campaign.contact(UNDELIVERED, LANDLINE)
    page = (await (await office.signed_in(Rights.OPERATE)).get(f"{SPRING}/errors")).text
    assert "the phone is switched off or out of reach" in page
    assert "this is not a mobile number" in page
    assert page.count("would not help") == 1
    assert page.count("comes by itself") == 1


async def test_a_transcript_can_be_read(office: Desk) -> None:
    campaign = office.place.calls(people(2))
    campaign.run()
    campaign.call(ANSWERED, summary="They want a visit.", duration=12.0)
    campaign.call(BUSY)
    browser = await office.signed_in(Rights.READ)
    page = (await browser.get(f"{SPRING}/transcripts")).text
    assert "They want a visit." in page
    assert "They want a visit." in (await browser.get(f"{SPRING}/targets/1")).text


async def test_variants_are_compared_where_there_are_any(office: Desk) -> None:
    variants = [{"name": "short", "message": "Hi"}, {"name": "long", "message": "Hello {{ first_name }}"}]
    office.place.imported(people(1))
    campaign = office.place.imported(people(8), "tried", message=None, variants=variants)
    campaign.run()
    campaign.contact(*[DELIVERED] * 8)
    browser = await office.signed_in(Rights.READ)
    assert "/variants" not in (await browser.get(SPRING)).text
    page = (await browser.get("/dashboard/campaigns/tried/variants")).text
    assert "<b>short</b>" in page
    assert "<b>long</b>" in page


async def test_words_of_people_stay_words(office: Desk) -> None:
    campaign = office.place.imported(people(1), name=EVIL)
    campaign.status(CampaignStatus.PAUSED, EVIL, open_=False)
    browser = await office.signed_in(Rights.ADMIN)
    await browser.post("/dashboard/do-not-contact/add", data={"address": "+14155552671", "reason": EVIL})
    for path in (LIST, SPRING, f"{SPRING}/live", f"{LIST}?q={EVIL}", f"{SPRING}/targets?q={EVIL}"):
        assert EVIL not in (await browser.get(path)).text, path
    assert EVIL not in (await browser.get("/dashboard/do-not-contact")).text


async def test_the_report_downloads_in_every_kind(office: Desk) -> None:
    campaign = office.place.imported(people(2))
    campaign.run()
    campaign.contact(DELIVERED, DELIVERED)
    browser = await office.signed_in(Rights.READ)
    for kind, begins in (("xlsx", b"PK"), ("csv", b"\xef\xbb\xbfposition"), ("json", b'{"summary"')):
        answer = await browser.get(f"{SPRING}/report.{kind}")
        assert answer.content.startswith(begins), kind
        assert f'filename="spring.{kind}"' in answer.headers["content-disposition"]
    assert (await browser.get(f"{SPRING}/report.exe")).status_code == 422


async def test_what_a_browser_should_not_send_is_answered_with_a_page(office: Desk) -> None:
    browser = await office.signed_in(Rights.ADMIN)
    for path in ("/nothing", "/campaigns/none", "/campaigns/%00", "/?before=9999999999999999999", "/analytics?days=0"):
        answer = await browser.get(f"/dashboard{path}")
        assert 400 <= answer.status_code < 500, path
        assert "Back to the campaigns" in answer.text, path


async def test_analytics_say_what_worked(office: Desk) -> None:
    browser = await office.signed_in(Rights.READ)
    assert "Nobody was contacted" in (await browser.get("/dashboard/analytics")).text
    campaign = office.place.imported(people(2))
    campaign.run()
    campaign.contact(DELIVERED, LANDLINE, at=NOW)
    other = await browser.get("/dashboard/analytics?days=366&channel=sms&zone=Europe/Berlin")
    assert other.status_code == 200
    wrong = await browser.get("/dashboard/analytics?zone=Nowhere")
    assert "Nowhere" in wrong.text
    assert 'role="alert"' in wrong.text
