"""What Salesforce's refusals and a broken way to it become: on the wire."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from clarion.domain.errors import BadInput
from clarion.providers.lead_ports import CrmError
from clarion.providers.ports import AccountBroken, ProviderError, RateLimited, Unavailable
from clarion.providers.salesforce import open_salesforce
from tests.providers.scripted import Step, cuts_the_body, drops, hangs, once_there_are, says
from tests.providers.scripted_salesforce import (
    ANN,
    GIVEN,
    TOKEN,
    account,
    crm_to,
    in_threads,
    refuses,
)

FIELDS = ("Name", "AnnualRevenue")


@pytest.mark.parametrize(
    ("step", "expected", "words"),
    [
        (refuses(400, "INVALID_FIELD"), CrmError, r"no such field of a Lead.*\(INVALID_FIELD\)\."),
        (refuses(400, "INVALID_TYPE"), CrmError, "may not see Leads"),
        (refuses(400, "MALFORMED_QUERY"), CrmError, "cannot read the query"),
        (refuses(400, "SOMETHING_NEW"), CrmError, r"refused the request \(SOMETHING_NEW\)\."),
        (refuses(403, "INSUFFICIENT_ACCESS"), CrmError, "lacks a right"),
        (refuses(400, "QUERY_TIMEOUT"), Unavailable, "took too long"),
        (refuses(403, "API_DISABLED_FOR_ORG"), AccountBroken, "API Enabled"),
        (refuses(403, "SOMETHING_NEW"), AccountBroken, "denies the user access"),
        (refuses(404, "NOT_FOUND"), AccountBroken, "check domain, instance_url and base_url"),
        (says(410, ""), AccountBroken, "update Clarion"),
        (refuses(500, "UNKNOWN_EXCEPTION"), Unavailable, "internal error"),
        (refuses(503, "SERVER_UNAVAILABLE"), Unavailable, "not available"),
        (says(503, "<html>"), Unavailable, "no clear answer"),
        (says(500, {}), Unavailable, "no clear answer"),
        (says(403, "denied"), AccountBroken, r"denies the user access.*\(HTTP 403\)\."),
        (says(400, []), CrmError, "refused the request"),
        (says(401, "<html>"), AccountBroken, "no longer accepts the session"),
        (says(401, {"error": "x"}), AccountBroken, "no longer accepts the session"),
        (says(300, []), AccountBroken, "points to another address"),
    ],
)
async def test_what_is_refused_is_told_for_what_it_is(step: Step, expected: type[Exception], words: str) -> None:
    async with crm_to(step) as (crm, _):
        with pytest.raises(expected, match=words) as caught:
            await asyncio.to_thread(crm.fetch, [ANN], FIELDS)
    assert type(caught.value) is expected


async def test_the_field_that_there_is_not_is_named() -> None:
    words = "No such column 'Scoer__c' on sobject of type Lead"
    fields = ["Name", "Score", "Scoer__c", "Scoer"]
    async with crm_to(refuses(400, "INVALID_FIELD", words)) as (crm, _):
        with pytest.raises(CrmError, match=r"\(field Scoer__c\) \(INVALID_FIELD\)\.$"):
            await asyncio.to_thread(crm.fetch, [ANN], fields)


@pytest.mark.parametrize(
    ("step", "seconds"),
    [
        (refuses(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), 300.0),
        (refuses(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."), 5.0),
        (refuses(403, "REQUEST_LIMIT_EXCEEDED", Retry_After="40"), 40.0),
        (says(429, ""), 5.0),
    ],
)
async def test_patience_is_as_long_as_the_limit_asks(step: Step, seconds: float) -> None:
    async with crm_to(step) as (crm, _):
        with pytest.raises(RateLimited) as caught:
            await asyncio.to_thread(crm.fetch, [ANN], FIELDS)
    assert caught.value.retry_after == seconds


@pytest.mark.parametrize(
    ("step", "words"),
    [(drops, "broke"), (cuts_the_body, "broke"), (hangs, "did not answer in time")],
)
async def test_a_broken_way_is_asked_again(step: Step, words: str) -> None:
    async with crm_to(step, patience=0.02) as (crm, salesforce):
        with pytest.raises(Unavailable, match=words):
            await asyncio.to_thread(crm.fetch, [ANN], FIELDS)
    assert len(salesforce.asked) == 1


async def test_many_leads_may_take_longer_than_a_check() -> None:
    async def dawdles(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.4)
        return web.json_response([None])

    async with crm_to(dawdles, patience=0.1) as (crm, _):
        with pytest.raises(Unavailable, match="in time"):
            await asyncio.to_thread(crm.check)
        assert await asyncio.to_thread(crm.fetch, [ANN], FIELDS) == [None]


async def test_nobody_listening_is_unavailable(free_port: int) -> None:
    crm = open_salesforce(account(f"http://127.0.0.1:{free_port}"))
    with pytest.raises(Unavailable, match=f"cannot be reached at 127.0.0.1:{free_port}: no connection could be made"):
        await asyncio.to_thread(crm.check)
    crm.close()


async def test_a_redirect_is_not_followed() -> None:
    async with crm_to(says(302, "", Location="/elsewhere")) as (crm, salesforce):
        with pytest.raises(AccountBroken, match="points to another address"):
            await asyncio.to_thread(crm.check)
    assert len(salesforce.asked) == 1


async def test_many_threads_ask_at_once() -> None:
    async with crm_to(once_there_are(20, says(200, [None]))) as (crm, salesforce):
        async with asyncio.timeout(20):
            assert await in_threads(20, lambda: crm.fetch([ANN], FIELDS)) == [[None]] * 20
    assert len(salesforce.asked) == 20


async def test_a_closed_connection_asks_nobody() -> None:
    async with crm_to(says(200, [None])) as (crm, salesforce):
        crm.close()
        with pytest.raises(Unavailable, match="this process is ending"):
            await asyncio.to_thread(crm.fetch, [ANN], FIELDS)
    assert salesforce.asked == []


async def test_the_environment_changes_neither_way_nor_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with crm_to(says(200, [None], Set_Cookie="BrowserId=1; Domain=salesforce.com")) as (crm, salesforce):
        for _ in range(2):
            await asyncio.to_thread(crm.fetch, [ANN], FIELDS)
    assert [asked.headers["Authorization"] for asked in salesforce.asked] == [f"Bearer {TOKEN}"] * 2
    assert "Cookie" not in salesforce.asked[1].headers


@pytest.mark.parametrize(
    "step", [refuses(400, "MALFORMED_QUERY", f"SELECT … '{ANN}' {TOKEN}"), says(401, TOKEN), says(500, ANN), drops]
)
async def test_neither_secrets_nor_leads_are_told_by_errors(step: Step) -> None:
    async with crm_to(step) as (crm, _):
        with pytest.raises(ProviderError) as caught:
            await asyncio.to_thread(crm.deleted, [ANN])
        told = f"{caught.value!r} {caught.value.__cause__!r} {crm!r} {vars(crm)!r} {vars(crm._logins)!r}"
    assert TOKEN not in told
    assert ANN not in told
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


@pytest.mark.parametrize("address", ["localhost:9000", "ftp://example.com", "http://"])
def test_an_address_that_is_none_is_refused_at_once(address: str) -> None:
    with pytest.raises(BadInput, match="base_url"):
        open_salesforce(account(address))
    with pytest.raises(BadInput, match="instance_url"):
        open_salesforce(account(None, {**GIVEN, "instance_url": address}))
