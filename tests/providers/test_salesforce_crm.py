"""How leads are fetched, looked for and written at Salesforce, and what its refusals become: on the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiohttp import web

from clarion.domain.errors import BadInput
from clarion.domain.lead import Lead
from clarion.providers.lead_ports import ApiUsage, CrmError, WriteResult
from clarion.providers.ports import AccountBroken, ProviderError, RateLimited, Unavailable
from clarion.providers.salesforce import open_salesforce
from tests.providers.scripted import Step, cuts_the_body, drops, hangs, once_there_are, says
from tests.providers.scripted_salesforce import (
    ANN,
    BOB,
    CEO,
    GIVEN,
    INSTANCE,
    TOKEN,
    account,
    crm_to,
    in_threads,
    record,
    refuses,
)

FIELDS = ("Name", "AnnualRevenue")


async def test_fetches_leads_in_their_order_with_the_fields_asked_for() -> None:
    answer = says(200, [record(ANN, Name="Ann", AnnualRevenue=1.5), None, record(CEO, Name=None, IsConverted=True)])
    async with crm_to(answer) as (crm, salesforce):
        found = await asyncio.to_thread(crm.fetch, [ANN, BOB, CEO], FIELDS)
    assert found == [
        Lead(ANN, {"Name": "Ann", "AnnualRevenue": 1.5}),
        None,
        Lead(CEO, {"Name": None, "AnnualRevenue": None}, converted=True),
    ]
    (asked,) = salesforce.asked
    assert (asked.method, asked.path) == ("POST", "/services/data/v59.0/composite/sobjects/Lead")
    assert asked.json == {"ids": [ANN, BOB, CEO], "fields": ["Id", "IsConverted", "Name", "AnnualRevenue"]}
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["Host"] == INSTANCE
    assert "X-PrettyPrint" not in asked.headers


async def test_fields_are_asked_for_once_and_keep_the_names_they_were_given() -> None:
    fields = ("company", "isconverted", "COMPANY", "id")
    async with crm_to(says(200, [record(ANN, Company="Acme")])) as (crm, salesforce):
        (lead,) = await asyncio.to_thread(crm.fetch, [ANN], fields)
    assert sorted(name.lower() for name in salesforce.asked[0].json["fields"]) == ["company", "id", "isconverted"]
    assert lead is not None
    assert lead.fields == {"company": "Acme", "isconverted": False, "COMPANY": "Acme", "id": ANN}


async def test_a_field_made_of_parts_comes_in_parts() -> None:
    parts = {"attributes": {"type": "x"}, "city": "Turin", "place": {"latitude": 45.0}}
    async with crm_to(says(200, [record(ANN, Address=parts, Tags__c=["é", 1])])) as (crm, _):
        (lead,) = await asyncio.to_thread(crm.fetch, [ANN], ["Address", "Tags__c"])
    assert lead is not None
    assert lead.fields == {"Address.city": "Turin", "Address.place.latitude": 45.0, "Tags__c": '["é", 1]'}


async def test_two_thousand_leads_are_one_request() -> None:
    ids = [f"00Q{number:012d}EAA" for number in range(2000)]

    async def tells_all(request: web.Request) -> web.StreamResponse:
        asked = json.loads(await request.text())
        return web.json_response([record(id18, Name="x" * 500) for id18 in asked["ids"]])

    async with crm_to(tells_all) as (crm, salesforce):
        found = await asyncio.to_thread(crm.fetch, ids, ["Name"])
    assert [lead.id for lead in found if lead] == ids
    assert len(salesforce.asked) == 1


async def test_nothing_asked_is_nothing_sent() -> None:
    async with crm_to(says(200, [])) as (crm, salesforce):
        assert await asyncio.to_thread(crm.fetch, [], FIELDS) == []
        assert await asyncio.to_thread(crm.deleted, []) == set()
        assert await asyncio.to_thread(crm.write, {}) == []
    assert salesforce.asked == []


async def test_a_field_of_another_object_is_refused_before_anything_is_sent() -> None:
    async with crm_to(says(200, [])) as (crm, salesforce):
        with pytest.raises(CrmError, match=r'Field "Owner\.Name" belongs to another object.*\(OwnerId\)'):
            await asyncio.to_thread(crm.fetch, [ANN], ["Name", "Owner.Name"])
    assert salesforce.asked == []


@pytest.mark.parametrize(
    "step",
    [
        says(200, [record(ANN)]),
        says(200, [record(ANN), record(CEO)]),
        says(200, [record(ANN), "text"]),
        says(200, {"records": []}),
        says(200, "7"),
        says(200, "null"),
        says(200, []),
        says(200, "<html>Down for maintenance</html>"),
        says(204, ""),
    ],
)
async def test_no_lead_goes_missing_over_an_answer_that_does_not_fit(step: Step) -> None:
    async with crm_to(step) as (crm, _):
        with pytest.raises(Unavailable):
            await asyncio.to_thread(crm.fetch, [ANN, BOB], FIELDS)


async def test_looks_for_leads_in_the_recycle_bin() -> None:
    more = {"done": False, "nextRecordsUrl": "/services/data/v59.0/query/01gx-1", "records": [{"Id": ANN}]}
    async with crm_to(says(200, more), says(200, {"done": True, "records": [{"Id": CEO}]})) as (crm, salesforce):
        assert await asyncio.to_thread(crm.deleted, [ANN, BOB, CEO]) == {ANN, CEO}
    assert salesforce.paths == ["queryAll/", "query/01gx-1"]
    query, among, ids = salesforce.asked[0].query["q"].partition(" AND Id IN ")
    assert (query, among) == ("SELECT Id FROM Lead WHERE IsDeleted = true", " AND Id IN ")
    assert ids == f"('{ANN}','{BOB}','{CEO}')"


async def test_four_hundred_ids_fit_into_one_address() -> None:
    ids = [f"00Q{number:012d}EAA" for number in range(400)]
    async with crm_to(says(200, {"done": True, "records": []})) as (crm, salesforce):
        assert await asyncio.to_thread(crm.deleted, ids) == set()
    assert salesforce.asked[0].query["q"].count("EAA") == 400


def written(*results: Mapping[str, object] | None) -> Step:
    """Answer an update: None is a lead that was written."""
    good: dict[str, object] = {"id": ANN, "success": True, "errors": []}
    return says(200, [{"success": False, "errors": [one]} if one else good for one in results])


async def test_writes_answers_each_lead_for_itself() -> None:
    bad = {"statusCode": "STRING_TOO_LONG", "message": "too large: Anna …", "fields": ["Rating"]}
    async with crm_to(written(None, bad)) as (crm, salesforce):
        results = await asyncio.to_thread(crm.write, {ANN: {"Rating": "Hot", "Score__c": 7}, BOB: {"Rating": None}})
    assert results == [
        WriteResult(ANN),
        WriteResult(BOB, "Not written: the answer is longer than the field takes (field Rating; STRING_TOO_LONG)."),
    ]
    (asked,) = salesforce.asked
    assert (asked.method, asked.path) == ("PATCH", "/services/data/v59.0/composite/sobjects")
    assert asked.json == {
        "allOrNone": False,
        "records": [
            {"attributes": {"type": "Lead"}, "id": ANN, "Rating": "Hot", "Score__c": 7},
            {"attributes": {"type": "Lead"}, "id": BOB, "Rating": None},
        ],
    }


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "Give a reason.", "fields": ["A", "B"]},
            "Not written: Salesforce says: Give a reason (fields A, B; FIELD_CUSTOM_VALIDATION_EXCEPTION).",
        ),
        (
            {"statusCode": "ENTITY_IS_DELETED", "message": "entity is deleted", "fields": []},
            "Not written: the lead has been deleted (ENTITY_IS_DELETED).",
        ),
        ({"statusCode": 7, "fields": None}, "Not written: no reason given."),
    ],
)
async def test_why_a_lead_was_not_written_is_one_sentence(fault: dict[str, object], sentence: str) -> None:
    async with crm_to(written(fault)) as (crm, _):
        assert await asyncio.to_thread(crm.write, {ANN: {"A": 1}}) == [WriteResult(ANN, sentence)]


async def test_a_lead_that_somebody_else_is_changing_is_written_a_second_time() -> None:
    locked = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "…", "fields": []}
    answers = {ANN: {"Rating": "Hot"}, BOB: {"Rating": "Cold"}, CEO: {"Rating": "Warm"}}
    async with crm_to(written(locked, None, locked), written(None, locked)) as (crm, salesforce):
        results = await asyncio.to_thread(crm.write, answers)
    assert [result.id for result in results] == [ANN, BOB, CEO]
    assert [result.error for result in results[:2]] == [None, None]
    assert "somebody else was changing the lead" in (results[2].error or "")
    assert [one["id"] for one in salesforce.asked[1].json["records"]] == [ANN, CEO]
    assert len(salesforce.asked) == 2


@pytest.mark.parametrize("step", [says(200, []), says(200, [{"success": True}] * 2), says(200, [{"id": ANN}])])
async def test_writes_that_cannot_be_told_apart_are_asked_again(step: Step) -> None:
    async with crm_to(step) as (crm, _):
        with pytest.raises(Unavailable):
            await asyncio.to_thread(crm.write, {ANN: {"Rating": "Hot"}})


async def test_the_check_reads_nobody() -> None:
    async with crm_to(says(200, {"done": True, "records": []})) as (crm, salesforce):
        await asyncio.to_thread(crm.check)
    assert salesforce.asked[0].query["q"] == "SELECT Id FROM Lead WHERE Id = '00Q000000000000EAA'"


async def test_the_use_of_the_api_is_told_by_every_answer() -> None:
    refused = refuses(403, "REQUEST_LIMIT_EXCEEDED", Sforce_Limit_Info="api-usage=5000/5000")
    spare = says(200, [None], Sforce_Limit_Info="api-usage=25/5000; per-app-api-usage=17/250(appName=x)")
    async with crm_to(spare, says(200, [None]), refused) as (crm, _):
        assert crm.usage is None
        await asyncio.to_thread(crm.fetch, [ANN], FIELDS)
        await asyncio.to_thread(crm.fetch, [ANN], FIELDS)
        assert crm.usage == ApiUsage(25, 5000)
        with pytest.raises(RateLimited):
            await asyncio.to_thread(crm.fetch, [ANN], FIELDS)
        assert crm.usage == ApiUsage(5000, 5000)


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
