"""Exotel in the sandbox on the wire: placing calls, their endings and times, refusals and lists."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import aiohttp
import pytest

from tests.sandbox.exotel_parties import (
    ACCOUNT,
    CALLS,
    CONNECT,
    EXOPHONE,
    FLOW,
    GOOD,
    ask,
    connect,
    counted,
    ended,
    listed,
    look,
)
from tests.sandbox.parties import Sender, eventually

CALL_KEYS = {
    "AccountSid", "AnsweredBy", "CallerName", "DateCreated", "DateUpdated", "Direction", "Duration", "EndTime",
    "ForwardedFrom", "From", "ParentCallSid", "PhoneNumberSid", "Price", "RecordingUrl", "Sid", "StartTime", "Status",
    "To", "Uri",
}  # fmt: skip
INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.fixture(autouse=True)
async def quick(sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.005})


async def test_a_placed_call_has_exotels_shape_and_indian_times(sender: Sender) -> None:
    before = datetime.now(INDIA).replace(tzinfo=None, microsecond=0)
    status, body = await connect(sender)
    call = body["Call"]
    assert (status, set(body), set(call)) == (200, {"Call"}, CALL_KEYS)
    assert len(call["Sid"]) == 32
    assert (call["AccountSid"], call["From"], call["PhoneNumberSid"]) == (ACCOUNT, GOOD, EXOPHONE)
    # Exotel says so to every call it takes, answered or not.
    assert (call["Status"], call["Direction"], call["EndTime"]) == ("in-progress", "outbound-api", None)
    created = datetime.strptime(call["DateCreated"], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 -- it has no zone
    assert before <= created <= before + timedelta(seconds=60)


@pytest.mark.parametrize(
    ("last_four", "status", "talks"),
    [
        ("9101", "completed", True),
        ("9103", "no-answer", False),
        ("9105", "busy", False),
        ("9106", "failed", False),
        ("9108", "completed", True),
        ("9109", "completed", True),
        ("9110", "completed", True),
        ("9112", "completed", True),
        ("9114", "busy", False),
    ],
)
async def test_a_number_decides_how_its_call_ends(sender: Sender, last_four: str, status: str, talks: bool) -> None:
    _, body = await connect(sender, f"+91987654{last_four}")
    call = await ended(sender, body["Call"]["Sid"])
    assert (call["Status"], call["AnsweredBy"]) == (status, None)
    assert call["EndTime"] is not None
    details = (await look(sender, call["Sid"], details=True))["Details"]
    assert (details["ConversationDuration"] > 0) == talks
    assert details["Leg1Status"] == status


@pytest.mark.parametrize(("last_four", "first"), [("9102", "no-answer"), ("9104", "busy")])
async def test_some_answer_from_the_second_call_on(sender: Sender, last_four: str, first: str) -> None:
    for expected in (first, "completed"):
        _, body = await connect(sender, f"+91987654{last_four}")
        assert (await ended(sender, body["Call"]["Sid"]))["Status"] == expected
    assert (await counted(sender))["duplicates"] == []


async def test_duration_and_price_settle_after_the_end(sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.01})
    _, body = await connect(sender, TimeLimit="1")
    call = await ended(sender, body["Call"]["Sid"])
    assert (call["Duration"], call["Price"]) == (None, None)  # for three seconds more

    async def settled() -> bool:
        looked = await look(sender, call["Sid"])
        return (looked["Duration"], looked["Price"]) == ("1", "0.500")

    await eventually(settled)


async def test_a_short_ring_reaches_nobody(sender: Sender) -> None:
    _, body = await connect(sender, TimeOut="1")
    assert (await ended(sender, body["Call"]["Sid"]))["Status"] == "no-answer"


async def test_two_numbers_are_two_legs_and_the_contact_is_the_second(sender: Sender) -> None:
    agent, customer = "09876500001", "+919876549103"
    status, body = await ask(sender, "POST", CONNECT, {"From": agent, "To": customer, "CallerId": EXOPHONE})
    assert (status, body["Call"]["From"], body["Call"]["To"]) == (200, agent, customer)
    assert (await ended(sender, body["Call"]["Sid"]))["Status"] == "no-answer"
    details = (await look(sender, body["Call"]["Sid"], details=True))["Details"]
    assert [details["Leg1Status"], details["Leg2Status"]] == ["completed", "no-answer"]
    assert (await sender.control("GET", "effects?detail=1"))["exotel"]["calls"]["targets"] == {customer: 1}


ERRORS: list[tuple[dict[str, str], int, str]] = [
    ({"From": ""}, 400, "From"),
    ({"CallerId": ""}, 400, "CallerId"),
    ({"Url": ""}, 400, "To or Url"),
    ({"From": "me"}, 400, "me"),
    ({"From": "+919876549107"}, 400, "From"),
    ({"Url": "http://my.exotel.com/flow"}, 400, "Url"),
    ({"CustomField": "x" * 129}, 400, "CustomField"),
    ({"TimeLimit": "14401"}, 400, "TimeLimit"),
    ({"TimeOut": "long"}, 400, "TimeOut"),
    ({"StatusCallbackEvents[0]": "ringing"}, 400, "ringing"),
    ({"StatusCallbackContentType": "text/plain"}, 400, "text/plain"),
    ({"CallerId": "08000000402"}, 402, "balance"),
    ({"CallerId": "08000000403"}, 403, "KYC"),
]


@pytest.mark.parametrize(("wrong", "status", "says"), ERRORS)
async def test_a_wrong_request_is_refused_and_calls_nobody(
    sender: Sender, wrong: dict[str, str], status: int, says: str
) -> None:
    form = {"From": GOOD, "CallerId": EXOPHONE, "Url": FLOW, **wrong}
    got, body = await ask(sender, "POST", CONNECT, form)
    assert (got, body["RestException"]["Status"]) == (status, status)
    assert says in body["RestException"]["Message"]
    assert (await counted(sender))["accepted"] == 0


async def test_credentials_and_paths_are_checked(sender: Sender) -> None:
    for user, password in (("key", "wrong"), ("", "token"), ("key", "")):
        status, body = await sender.ask("GET", f"{CALLS}.json", user=user, password=password)
        assert (status, body["RestException"]["Status"]) == (401, 401)
    for path in (f"{CALLS}/{'0' * 32}.json", f"{CALLS}/connect", f"/v1/Accounts/{ACCOUNT}/Sms.json"):
        assert (await ask(sender, "GET", path))[0] == 404
    _, body = await connect(sender)
    other = f"/v1/Accounts/other/Calls/{body['Call']['Sid']}.json"
    assert (await ask(sender, "GET", other))[0] == 404


@pytest.mark.parametrize(
    ("faults", "status", "calls"),
    [
        ({"rate_limited": 1.0, "retry_after": 30}, 429, 0),
        ({"server_error": 1.0}, 500, 0),
        ({"account_suspended": True}, 403, 0),
        ({"server_error_after": 1.0}, 500, 1),
    ],
)
async def test_faults_strike_before_or_after_the_effect(
    sender: Sender, faults: dict[str, Any], status: int, calls: int
) -> None:
    await sender.control("POST", "faults", {"exotel": faults})
    got, body = await connect(sender)
    assert (got, body["RestException"]["Status"]) == (status, status)
    assert (await counted(sender))["accepted"] == calls


async def test_a_lost_answer_leaves_a_call_that_is_listed_once_it_is_over(sender: Sender) -> None:
    person = "+919876549111"
    with pytest.raises(aiohttp.ClientConnectionError):
        await connect(sender, person)
    assert (await listed(sender, From=person))[1] == []  # calls that go on are not in Exotel's list

    async def found() -> bool:
        return len((await listed(sender, From=person))[1]) == 1

    await eventually(found)
    assert (await counted(sender))["accepted"] == 1
    assert (await connect(sender, person))[0] == 200


async def test_only_so_many_calls_go_on_at_once(sender: Sender) -> None:
    await sender.control("POST", "settings", {"max_calls": 2})
    _, short = await connect(sender, "+919876549103")
    await connect(sender, "+919876549113")
    status, body = await connect(sender)
    assert (status, body["RestException"]["Status"]) == (429, 429)
    await ended(sender, short["Call"]["Sid"])
    assert (await connect(sender))[0] == 200
    found = await counted(sender)
    assert (found["accepted"], found["peak"]) == (3, 2)


async def test_the_list_is_filtered_and_paged(sender: Sender) -> None:
    people = [GOOD, "+919876549103", "+919876549105", GOOD, "+919876549106"]
    sids = []
    for person in people:
        _, body = await connect(sender, person)
        sids.append((await ended(sender, body["Call"]["Sid"]))["Sid"])

    async def found(**filters: str) -> list[int]:
        return [sids.index(call["Sid"]) for call in (await listed(sender, **filters))[1]]

    soon = (datetime.now(INDIA) + timedelta(days=1)).strftime("%Y-%m-%d %H:%M:%S")
    assert await found() == [4, 3, 2, 1, 0]
    assert await found(SortBy="DateCreated:asc") == [0, 1, 2, 3, 4]
    assert await found(From=GOOD) == [3, 0]
    assert await found(From=f"{GOOD},+919876549105", Status="completed") == [3, 0]
    assert await found(Sid=f"{sids[1]},{sids[4]}") == [4, 1]
    assert await found(DateCreated=f"gte:2020-01-01 00:00:00;lte:{soon}", PhoneNumber=EXOPHONE) == [4, 3, 2, 1, 0]
    assert await found(DateCreated=f"gte:{soon}") == []
    metadata, first = await listed(sender, PageSize="2")
    assert (metadata["Total"], metadata["PageSize"], metadata["PrevPageUri"]) == (5, 2, None)
    pages = [first]
    while metadata["NextPageUri"]:
        _, body = await ask(sender, "GET", metadata["NextPageUri"])
        metadata = body["Metadata"]
        pages.append(body["Calls"])
    assert [[sids.index(call["Sid"]) for call in page] for page in pages] == [[4, 3], [2, 1], [0]]
    _, back = await ask(sender, "GET", metadata["PrevPageUri"])
    assert [sids.index(call["Sid"]) for call in back["Calls"]] == [2, 1]


@pytest.mark.parametrize("wrong", [{"PageSize": "101"}, {"DateCreated": "today"}, {"From": ",".join(["1"] * 6)}])
async def test_a_list_that_cannot_be_is_refused(sender: Sender, wrong: dict[str, str]) -> None:
    status, body = await sender.ask("GET", f"{CALLS}.json", params=wrong, user="key", password="token")
    assert (status, body["RestException"]["Status"]) == (400, 400)
    assert next(iter(wrong)) in body["RestException"]["Message"]


async def test_reset_forgets_and_nobody_texts_here(sender: Sender) -> None:
    _, body = await connect(sender)
    said = {"from": GOOD, "to": EXOPHONE, "body": "Hi", "provider": "exotel"}
    async with sender.http.post(f"{sender.sandbox.url}/_sandbox/inbound", json=said) as answer:
        assert (answer.status, "exotel" in (await answer.json())["error"]) == (400, True)
    await sender.control("POST", "reset")
    assert (await ask(sender, "GET", f"{CALLS}/{body['Call']['Sid']}.json"))[0] == 404
    assert (await counted(sender))["accepted"] == 0
