"""The sandbox's leads: the same each time, special where their ids say so, and changed by what is written to them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator

import aiohttp
import phonenumbers
import pytest

from clarion.sandbox.salesforce.corpus import HIDDEN, MARKED
from clarion.sandbox.salesforce.lead_ids import read_id, suffix
from clarion.sandbox.server import Sandbox
from tests.sandbox.salesforce_parties import Visitor, lead

MANY = [lead(f"{number:04}") for number in range(1_000)]


@pytest.fixture
async def visitor(sandbox: Sandbox) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as http:
        yield Visitor(sandbox, http)


@pytest.mark.parametrize(
    ("id15", "ending"), [("001xx000003DGb1", "AAG"), ("0019000000oC4Hk", "AAK"), ("00Q5e00000A1b2C", "EAR")]
)
def test_the_checksum_is_salesforces(id15: str, ending: str) -> None:
    assert suffix(id15) == ending
    assert read_id(id15) == read_id(id15 + ending) == id15 + ending
    assert read_id(id15.swapcase() + ending) is None
    assert read_id(id15 + ending[:2]) is None


async def test_a_lead_is_the_same_each_time_and_each_seed_has_its_own(visitor: Visitor) -> None:
    fields = ("Name", "Company", "Phone", "AnnualRevenue", "Description")
    first = await visitor.fetch(MANY[:50], *fields)
    assert first == await visitor.fetch([one[:15] for one in MANY[:50]], *fields)
    for seed, alike in ((7, True), (8, False)):
        other = Sandbox(seed=seed)
        await other.start()
        assert (await Visitor(other, visitor.http).fetch(MANY[:50], *fields) == first) is alike
        await other.stop()


async def test_ordinary_leads_are_varied_and_incomplete(visitor: Visitor) -> None:
    names = (
        "Name",
        "Company",
        "Title",
        "Industry",
        "NumberOfEmployees",
        "Rating",
        "Phone",
        "MobilePhone",
        "Description",
    )
    found = await visitor.fetch(MANY, *names)
    assert len({one["Name"] for one in found}) > 500
    for name in names[2:]:
        empty = sum(1 for one in found if one[name] is None)
        assert 0 < empty < 450, name
    assert {type(one["NumberOfEmployees"]) for one in found} == {int, type(None)}
    assert Counter(one["Rating"] for one in found).keys() == {"Hot", "Warm", "Cold", None}


async def test_every_phone_can_be_called_and_means_nothing_special(visitor: Visitor) -> None:
    found = await visitor.fetch(MANY, "Phone", "MobilePhone")
    numbers = [one[name] for one in found for name in ("Phone", "MobilePhone") if one[name]]
    assert len(set(numbers)) > 1_000
    assert [one for one in numbers if not phonenumbers.is_valid_number(phonenumbers.parse(one, None))] == []
    assert [one for one in numbers if re.search(r"9\d{3}$", one)] == []


async def test_ids_say_what_is_special(visitor: Visitor) -> None:
    fields = ("Name", "Company", "Email", "Phone", "MobilePhone", "Title", "Description", "IsConverted", "Status")
    endings = ("9403", "9404", "9405", "9406", "1")
    converted, silent, bare, long, usual = await visitor.fetch([lead(end) for end in endings], *fields)
    assert (converted["IsConverted"], converted["Status"]) == (True, "Closed - Converted")
    assert usual["IsConverted"] is False
    assert {silent[name] for name in ("Email", "Phone", "MobilePhone")} == {None}
    assert {name for name, value in bare.items() if value} == {"attributes", "Name", "Company", "Status"}
    assert len(long["Description"]) == 32_000


@pytest.mark.parametrize("number", range(len(HIDDEN)))
async def test_some_leads_hide_instructions(visitor: Visitor, number: int) -> None:
    name, words = HIDDEN[number]
    (found,) = await visitor.fetch([lead(str(9411 + number))], name)
    assert found[name] == words


@pytest.mark.parametrize("number", range(len(MARKED)))
async def test_some_leads_tell_the_ai_of_the_sandbox_how_to_answer(visitor: Visitor, number: int) -> None:
    (found,) = await visitor.fetch([lead(str(9421 + number))], "Description")
    assert found["Description"] == MARKED[number]
    assert "sandbox:" in MARKED[number]


async def test_a_mix_makes_ordinary_leads_special(visitor: Visitor) -> None:
    mix = {"unknown": 0.1, "deleted": 0.1, "converted": 0.2, "hidden": 0.1}
    await visitor.control("POST", "settings", {"mix": {"salesforce": mix}})
    found = await visitor.fetch(MANY, "IsConverted", "Company", "Title", "Description")
    assert 150 < found.count(None) < 250
    assert 150 < sum(1 for one in found if one and one["IsConverted"]) < 250
    hidden = {words for _, words in HIDDEN}
    told = [one for one in found if one and {one["Company"], one["Title"], one["Description"]} & hidden]
    assert 60 < len(told) < 140


async def test_each_lead_is_written_to_by_itself(visitor: Visitor) -> None:
    written = await visitor.write(
        {"id": lead("1"), "Score__c": 80, "Tier__c": "A", "Reviewed__c": True},
        {"Id": lead("2")[:15], "rating": "Warm", "Title": None},
        {"id": lead("3"), "Nonsense": 1},
        {"id": lead("4"), "Name": "Ann"},
        {"id": lead("5"), "Title": "x" * 129},
        {"id": lead("6"), "NumberOfEmployees": "many"},
        {"id": lead("7"), "Company": None},
        {"id": lead("8"), "Reasons__c": ["a", "b"]},
        {"id": lead("9401"), "Rating": "Hot"},
        {"id": lead("9402"), "Rating": "Hot"},
        {"id": lead("9403"), "Rating": "Hot"},
        {"id": lead("9407"), "Rating": "Hot"},
        {"id": "0015e00000A1b2C", "Rating": "Hot"},
        {"Rating": "Hot"},
    )
    assert written[0] == {"id": lead("1"), "success": True, "errors": []}
    assert written[1] == {"id": lead("2"), "success": True, "errors": []}
    assert [(one["errors"][0]["statusCode"], one["errors"][0]["fields"]) for one in written[2:]] == [
        ("INVALID_FIELD", []),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", ["Name"]),
        ("STRING_TOO_LONG", ["Title"]),
        ("INVALID_TYPE_ON_FIELD_IN_RECORD", ["NumberOfEmployees"]),
        ("REQUIRED_FIELD_MISSING", ["Company"]),
        ("INVALID_TYPE_ON_FIELD_IN_RECORD", ["Reasons__c"]),
        ("INVALID_CROSS_REFERENCE_KEY", []),
        ("ENTITY_IS_DELETED", []),
        ("CANNOT_UPDATE_CONVERTED_LEAD", []),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", []),
        ("MALFORMED_ID", ["Id"]),
        ("MISSING_ARGUMENT", ["Id"]),
    ]
    first, second = await visitor.fetch([lead("1"), lead("2")], "Score__c", "Tier__c", "Reviewed__c", "Rating", "Title")
    assert (first["Score__c"], first["Tier__c"], first["Reviewed__c"]) == (80, "A", True)
    assert (second["Rating"], second["Title"]) == ("Warm", None)
    counted = await visitor.counted("?detail=1")
    assert counted["fields_written"] == {"Score__c": 1, "Tier__c": 1, "Reviewed__c": 1, "Rating": 1, "Title": 1}
    assert counted["written"][lead("2")] == {"Rating": 1, "Title": 1}
    assert sum(counted["refused_writes"].values()) == 12


async def test_writing_again_is_counted(visitor: Visitor) -> None:
    await visitor.write({"id": lead("1"), "Score__c": 80}, {"id": lead("2"), "Score__c": 10})
    await visitor.write({"id": lead("1"), "Score__c": 80})
    counted = await visitor.counted()
    assert (counted["leads_written"], counted["leads_written_again"], counted["fields_written"]) == (
        2, 1, {"Score__c": 3},
    )  # fmt: skip


async def test_all_or_none(visitor: Visitor) -> None:
    good, bad = {"id": lead("1"), "Rating": "Hot"}, {"id": lead("9403"), "Rating": "Hot"}
    (before,) = await visitor.fetch([lead("1")], "Rating", "LastModifiedDate")
    written = await visitor.write(good, bad, all_or_none=True)
    assert [one["errors"][0]["statusCode"] for one in written] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "CANNOT_UPDATE_CONVERTED_LEAD",
    ]
    assert await visitor.fetch([lead("1")], "Rating", "LastModifiedDate") == [before]


async def test_a_locked_lead_can_be_written_to_the_second_time(visitor: Visitor) -> None:
    record = {"id": lead("9408"), "Rating": "Hot"}
    (first,), (second,) = [await visitor.write(record), await visitor.write(record)]
    assert (first["errors"][0]["statusCode"], second["success"]) == ("UNABLE_TO_LOCK_ROW", True)


async def test_a_new_name_is_part_of_the_whole_one(visitor: Visitor) -> None:
    (before,) = await visitor.fetch([lead("1")], "FirstName")
    await visitor.write({"id": lead("1"), "LastName": "Zhu"})
    assert (await visitor.fetch([lead("1")], "Name"))[0]["Name"] == f"{before['FirstName']} Zhu"


async def test_fields_can_be_missing(visitor: Visitor) -> None:
    await visitor.control("POST", "settings", {"salesforce": {"missing_fields": ["Budget__c", "Rating"]}})
    for name in ("budget__c", "Rating"):
        asked = {"ids": [lead("1")], "fields": [name]}
        assert (await visitor.ask("POST", "/services/data/v59.0/composite/sobjects/Lead", asked))[0] == 400
        (written,) = await visitor.write({"id": lead("1"), name: "x"})
        assert written["errors"][0]["statusCode"] == "INVALID_FIELD"
    await visitor.control("POST", "settings", {"salesforce": {"missing_fields": []}})
    assert await visitor.fetch([lead("1")], "Budget__c", "Rating")
