"""Who gets in: signing in and out, revoked keys, other sites' forms, the tenants' walls, and what each right opens."""

from __future__ import annotations

import re
import time

import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.domain.rights import Rights
from starter.dashboard.sessions import COOKIE, LONGEST, Sessions
from tests.starter.dashboard.desk import OTHER, Desk
from tests.starter.installation import TENANT, people

LIST = "/dashboard/"
SPRING = "/dashboard/campaigns/spring"
PAGES = (
    *("", "/live", "/targets", "/targets/1", "/transcripts", "/replies", "/errors", "/variants"),
    *("/report.csv", "/report.json"),
)
STEERING = ("start", "pause", "resume", "cancel", "retry", "limits", "audience", "clone", "delete")


async def test_the_bare_address_leads_to_the_dashboard(office: Desk) -> None:
    answer = await office.browser().get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/dashboard/")


@pytest.mark.parametrize("path", ["/", "/new", "/analytics", "/accounts", "/do-not-contact", "/campaigns/spring"])
async def test_who_is_not_signed_in_is_asked_to(office: Desk, path: str) -> None:
    answer = await office.browser().get(f"/dashboard{path}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/sign-in")


async def test_a_key_opens_a_session_whose_cookie_no_script_and_no_other_site_can_use(office: Desk) -> None:
    answer = await office.browser().post("/dashboard/sign-in", data={"key": office.key(Rights.READ)[1]})
    cookie = answer.headers["set-cookie"]
    assert answer.headers["location"] == LIST
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/dashboard" in cookie
    assert "clk_" not in cookie


async def test_a_wrong_key_opens_nothing_and_is_not_repeated(office: Desk) -> None:
    answer = await office.browser().post("/dashboard/sign-in", data={"key": "clk_0123456789ab_wrong"})
    assert answer.status_code == 401
    assert "not known here" in answer.text
    assert "wrong" not in answer.text
    assert "set-cookie" not in answer.headers


async def test_signing_out_ends_the_session_in_this_browser(office: Desk) -> None:
    browser = await office.signed_in(Rights.READ)
    assert (await browser.get(LIST)).status_code == 200
    await browser.post("/dashboard/sign-out")
    assert (await browser.get(LIST)).status_code == 303


async def test_a_revoked_key_ends_its_sessions_and_sends_open_pages_away(office: Desk) -> None:
    key_id, text = office.key(Rights.ADMIN)
    browser = office.browser()
    await browser.post("/dashboard/sign-in", data={"key": text})
    assert (await browser.get(LIST)).status_code == 200
    office.store.keys.revoke(TENANT, key_id, time.time())
    assert (await browser.get(LIST)).status_code == 303
    news = await browser.get("/dashboard/campaigns.rows", headers={"HX-Request": "true"})
    assert (news.status_code, news.headers["hx-redirect"]) == (401, "/dashboard/sign-in")


async def test_a_session_ends_by_itself(office: Desk) -> None:
    sessions, now = Sessions(office.store), time.time()
    cookie = await sessions.open(office.key(Rights.READ)[1], now)
    assert await sessions.recognise(cookie, now + LONGEST - 5)
    assert await sessions.recognise(cookie, now + LONGEST + 1) is None


@pytest.mark.parametrize("change", ["key", "time", "signature", "nothing at all", "unicode"])
async def test_a_cookie_that_somebody_has_changed_opens_nothing(office: Desk, change: str) -> None:
    sessions, now = Sessions(office.store), time.time()
    key_id, begun, nonce, signature = (await sessions.open(office.key(Rights.READ)[1], now)).split(".")
    other = office.key(Rights.ADMIN)[0]
    forged = {
        "key": f"{other}.{begun}.{nonce}.{signature}",
        "time": f"{key_id}.{int(begun) - 1}.{nonce}.{signature}",
        "signature": f"{key_id}.{begun}.{nonce}.{'0' * 64}",
        "nothing at all": "",
        "unicode": f"{key_id}.{begun}.{nonce}.é",
    }
    assert await sessions.recognise(forged[change], now) is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    ],
)
async def test_a_form_that_another_site_sends_is_refused(office: Desk, headers: dict[str, str]) -> None:
    browser = await office.signed_in(Rights.ADMIN)
    del browser.headers["Sec-Fetch-Site"]
    answer = await browser.post("/dashboard/do-not-contact/add", data={"address": "+14155552671"}, headers=headers)
    assert answer.status_code == 403
    assert not list(office.installation.looking.suppressions())


@pytest.mark.parametrize("path", [*PAGES, "/report.xlsx"])
async def test_another_tenant_finds_nothing_of_ours(office: Desk, path: str) -> None:
    office.place.imported(people(1))
    assert (await (await office.signed_in(Rights.READ)).get(SPRING + path)).status_code == 200
    theirs = await office.signed_in(Rights.ADMIN, OTHER)
    answer = await theirs.get(SPRING + path)
    assert answer.status_code == 404
    assert "spring" not in (await theirs.get(LIST)).text


async def test_another_tenant_sees_its_own_accounts_and_its_own_list(office: Desk) -> None:
    office.store.suppressions.add(TENANT, "+14155559876", "person", "", time.time())
    theirs = await office.signed_in(Rights.ADMIN, OTHER)
    assert "+14155559876" not in (await theirs.get("/dashboard/do-not-contact")).text
    shown = (await theirs.get("/dashboard/accounts")).text
    assert re.findall(r"<h2>(\w+) <span", shown) == ["theirs"]
    assert (await theirs.get("/dashboard/accounts/main/lanes")).status_code == 404


@pytest.mark.parametrize("deed", STEERING)
async def test_another_tenant_steers_nothing_of_ours(office: Desk, deed: str) -> None:
    one = office.place.imported(people(1))
    theirs = await office.signed_in(Rights.ADMIN, OTHER)
    files = {"file": ("more.csv", b"phone\n+14155552671\n")}
    await theirs.post(f"{SPRING}/{deed}", data={"concurrency": "5"}, files=files if deed == "audience" else None)
    assert office.store.campaigns.get(one.ref.key).status is CampaignStatus.DRAFT
    assert len(office.store.files.of_campaign(one.ref.key)) == 1


async def test_who_may_only_read_sees_no_button_that_steers_and_is_refused_without_one(office: Desk) -> None:
    campaign = office.place.imported(people(1))
    campaign.run()
    browser = await office.signed_in(Rights.READ)
    page = (await browser.get(SPRING)).text
    assert not [deed for deed in STEERING if f"/spring/{deed}" in page]
    assert "/dashboard/new" not in (await browser.get(LIST)).text
    assert (await browser.get("/dashboard/new")).status_code == 403
    for deed in STEERING:
        answer = await browser.post(f"{SPRING}/{deed}", data={"concurrency": "5"})
        assert answer.status_code in {403, 422}, deed
    assert office.store.campaigns.get(campaign.ref.key).status is CampaignStatus.RUNNING


async def test_only_an_admin_takes_people_off_the_do_not_contact_list(office: Desk) -> None:
    gone = {"address": "+14155552671"}
    operator, admin = await office.signed_in(Rights.OPERATE), await office.signed_in(Rights.ADMIN)
    await operator.post("/dashboard/do-not-contact/add", data={**gone, "reason": "asked on the phone"})
    assert "asked on the phone" in (await operator.get("/dashboard/do-not-contact")).text
    assert (await operator.post("/dashboard/do-not-contact/remove", data=gone)).status_code == 403
    assert len(list(office.installation.looking.suppressions())) == 1
    await admin.post("/dashboard/do-not-contact/remove", data=gone)
    assert not list(office.installation.looking.suppressions())


async def test_pages_forbid_the_browser_what_they_do_not_need(office: Desk) -> None:
    answer = await office.browser().get("/dashboard/sign-in")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "style=" not in answer.text
    assert "onclick" not in answer.text


async def test_the_look_is_kept_and_leads_back_to_no_other_site(office: Desk) -> None:
    browser = await office.signed_in(Rights.READ)
    answer = await browser.post("/dashboard/theme", data={"look": "dark", "back": "/dashboard/analytics"})
    assert answer.headers["location"] == "/dashboard/analytics"
    assert 'data-theme="dark"' in (await browser.get(LIST)).text
    for back in ("https://evil.example/", "//evil.example", "/dashboard//evil.example", "/dashboard/\\evil"):
        answer = await browser.post("/dashboard/theme", data={"look": "light", "back": back})
        assert answer.headers["location"] == LIST, back
    assert COOKIE in browser.cookies
