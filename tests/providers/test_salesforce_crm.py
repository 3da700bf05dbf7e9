"""How leads are fetched, looked for and written at Salesforce: on the wire."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

import pytest
from aiohttp import web

from clarion.domain.lead import Lead
from clarion.providers.lead_ports import ApiUsage, CrmError, WriteResult
from clarion.providers.ports import RateLimited, Unavailable
from tests.providers.scripted import Step, says
from tests.providers.scripted_salesforce import (
    ANN,
    BOB,
    CEO,
    INSTANCE,
    TOKEN,
    crm_to,
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
