"""What a web door hears of calls at Exotel: unsigned, as a form or as JSON, in few words unless more is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.sandbox.exotel_parties import BOTH, CONNECT, EXOPHONE, FLOW, GOOD, ExotelDoor, connect, ended, look
from tests.sandbox.parties import Sender
from tests.sandbox.test_twilio_webhooks import drained


@pytest.fixture(autouse=True)
async def quick(sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.005})


@pytest.fixture
async def door() -> AsyncIterator[ExotelDoor]:
    door = ExotelDoor()
    await door.open()
    assert door.runner is not None
    yield door
    await door.runner.cleanup()


async def test_without_events_the_end_is_told_in_few_words(sender: Sender, door: ExotelDoor) -> None:
    _, body = await connect(sender, StatusCallback=door.url)
    (end,) = await door.until(1)
    assert end == {
        "CallSid": body["Call"]["Sid"],
        "DateUpdated": end["DateUpdated"],
        "Status": "completed",
        "RecordingUrl": "",
    }
    assert door.headers[0]["Content-Type"].startswith("multipart/form-data; boundary=")


async def test_with_events_answer_and_end_are_told_as_a_form(sender: Sender, door: ExotelDoor) -> None:
    _, body = await connect(sender, StatusCallback=door.url, CustomField="7.1.1 ä", Record="true", **BOTH)
    answered, end = await door.until(2)
    sid = body["Call"]["Sid"]
    for one in (answered, end):
        assert (one["CallSid"], one["CustomField"], one["From"]) == (sid, "7.1.1 ä", GOOD)
        assert (one["PhoneNumberSid"], one["Direction"]) == (EXOPHONE, "outbound-api")
    assert (answered["EventType"], answered["Status"], answered["EndTime"]) == ("answered", "in-progress", "")
    assert (end["EventType"], end["Status"]) == ("terminal", "completed")
    assert int(end["ConversationDuration"]) == int(end["Legs[0][OnCallDuration]"]) > 0
    assert end["Legs[0][Status]"] == "completed"
    assert end["RecordingUrl"].endswith(f"/{sid}.mp3")
    assert (await look(sender, sid))["Status"] == end["Status"]


async def test_json_is_told_when_asked_for(sender: Sender, door: ExotelDoor) -> None:
    more = {"StatusCallbackEvents[0]": "terminal", "StatusCallbackContentType": "application/json"}
    await connect(sender, "+919876549103", StatusCallback=door.url, CustomField="7.1.1", **more)
    (end,) = await door.until(1)
    assert (end["EventType"], end["Status"], end["CustomField"]) == ("terminal", "no-answer", "7.1.1")
    assert end["Legs"] == [{"OnCallDuration": 0, "Status": "no-answer"}]
    assert end["RecordingUrl"] is None


async def test_a_form_may_be_multipart(sender: Sender, door: ExotelDoor) -> None:
    form = aiohttp.FormData({"From": GOOD, "CallerId": EXOPHONE, "Url": FLOW, "StatusCallback": door.url})
    form.add_field("CustomField", "Grüße", content_type="text/plain")
    form.add_field("StatusCallbackEvents[0]", "terminal", content_type="text/plain")
    headers = {"Authorization": aiohttp.encode_basic_auth("key", "token")}
    async with sender.http.post(sender.sandbox.url + CONNECT, data=form, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
    (end,) = await door.until(1)
    assert (end["CustomField"], end["EventType"]) == ("Grüße", "terminal")


async def test_a_silent_number_is_never_told_of(sender: Sender, door: ExotelDoor) -> None:
    _, body = await connect(sender, "+919876549109", StatusCallback=door.url, **BOTH)
    assert (await ended(sender, body["Call"]["Sid"]))["Status"] == "completed"
    await drained(sender)
    assert door.heard == []


async def test_a_hasty_number_is_heard_of_before_the_create_is_answered(sender: Sender, door: ExotelDoor) -> None:
    door.hold = asyncio.Event()
    creating = asyncio.create_task(connect(sender, "+919876549110", StatusCallback=door.url, **BOTH))
    heard = await door.until(1)
    assert not creating.done()
    door.hold.set()
    assert heard[0]["CallSid"] == (await creating)[1]["Call"]["Sid"]


async def test_callbacks_can_be_lost_repeated_or_shuffled(sender: Sender, door: ExotelDoor) -> None:
    await sender.control("POST", "faults", {"exotel": {"lost_callbacks": 1.0}})
    await connect(sender, StatusCallback=door.url, **BOTH)
    await drained(sender)
    assert door.heard == []
    await sender.control("POST", "faults", {"exotel": {"repeated_callbacks": 1.0, "shuffled_callbacks": 1.0}})
    await connect(sender, StatusCallback=door.url, **BOTH)
    heard = await door.until(4)
    assert sorted(one["EventType"] for one in heard) == ["answered", "answered", "terminal", "terminal"]
    assert heard[0]["EventType"] == "terminal"
