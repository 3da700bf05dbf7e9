"""Twilio's Calls resource as the real SDK sees it: every ending, lists, hanging up, refusals, and what is counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client
from twilio.rest.api.v2010.account.call import CallInstance

from clarion.sandbox.server import Sandbox
from tests.sandbox.parties import OURS, SID, TOKEN, Sender, eventually
from tests.sandbox.test_twilio_sdk import LocalTwilio

GOOD = "+14155559108"  # always answered by a person
AT_ONCE = "+14155559110"  # and that before the create is
TALK = "<Response><Connect><Stream url='wss://127.0.0.1/x'/></Connect></Response>"
CALL_KEYS = {
    "account_sid", "answered_by", "api_version", "caller_name", "date_created", "date_updated", "direction", "duration",
    "end_time", "forwarded_from", "from", "from_formatted", "group_sid", "parent_call_sid", "phone_number_sid", "price",
    "price_unit", "queue_time", "sid", "start_time", "status", "subresource_uris", "to", "to_formatted", "trunk_sid",
    "uri",
}  # fmt: skip
# The SDK (9.13) hands aiohttp an ``auth``, which aiohttp 3.14 announces to drop in 4; our pin is below 4.
pytestmark = pytest.mark.filterwarnings("ignore:.*(BasicAuth|'auth' parameter):DeprecationWarning")


@pytest.fixture
async def twilio(sandbox: Sandbox, sender: Sender) -> AsyncIterator[Client]:
    await sender.control("POST", "settings", {"time_scale": 0.005})
    http = LocalTwilio(sandbox.url)
    yield Client(SID, TOKEN, http_client=http)
    await http.close()  # type: ignore[no-untyped-call]


async def place(twilio: Client, to: str = GOOD, **more: Any) -> CallInstance:  # noqa: ANN401 -- the SDK's parameters
    """Place a call from our usual number."""
    return await twilio.calls.create_async(to=to, from_=OURS, **({"twiml": TALK} | more))


async def ended(twilio: Client, call: CallInstance) -> tuple[CallInstance, list[str]]:
    """Fetch until the call is over; returns it and the statuses it went through."""
    seen = [str(call.status)]
    async with asyncio.timeout(10):
        while True:
            call = await twilio.calls(str(call.sid)).fetch_async()
            if str(call.status) != seen[-1]:
                seen.append(str(call.status))
            if str(call.status) not in {"queued", "ringing", "in-progress"}:
                return call, seen
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("last_four", "status", "answered_by", "talks"),
    [
        ("9101", "completed", "machine_start", True),
        ("9103", "no-answer", None, False),
        ("9105", "busy", None, False),
        ("9106", "failed", None, False),
        ("9108", "completed", "human", True),
        ("9109", "completed", "human", True),
        ("9110", "completed", "human", True),
        ("9112", "completed", "human", True),
        ("9114", "busy", None, False),
    ],
)
async def test_a_number_decides_how_its_call_ends(
    twilio: Client, last_four: str, status: str, answered_by: str | None, talks: bool
) -> None:
    created = await place(twilio, f"+1415555{last_four}", machine_detection="Enable")
    assert (str(created.status), created.direction, created._from) == ("queued", "outbound-api", OURS)
    assert (created.duration, created.start_time, created.end_time, created.price) == (None,) * 4
    over, seen = await ended(twilio, created)
    assert (str(over.status), over.answered_by) == (status, answered_by)
    assert ("in-progress" in seen) <= talks
    assert (over.duration is not None) == talks
    assert over.end_time is not None


@pytest.mark.parametrize(("last_four", "first"), [("9102", "no-answer"), ("9104", "busy")])
async def test_some_answer_from_the_second_call_on(twilio: Client, sender: Sender, last_four: str, first: str) -> None:
    for expected in (first, "completed"):
        over, _ = await ended(twilio, await place(twilio, f"+1415555{last_four}"))
        assert str(over.status) == expected
    assert (await counted(sender))["duplicates"] == []


@pytest.mark.parametrize(
    ("mode", "last_four", "finding"),
    [
        ("Enable", "9101", "machine_start"),
        ("DetectMessageEnd", "9101", "machine_end_beep"),
        ("DetectMessageEnd", "9112", "human"),
    ],
)
async def test_detection_tells_a_machine_from_a_person(twilio: Client, mode: str, last_four: str, finding: str) -> None:
    over, _ = await ended(twilio, await place(twilio, f"+1415555{last_four}", machine_detection=mode))
    assert (str(over.status), over.answered_by) == ("completed", finding)


async def test_detection_gives_up_after_its_own_time(twilio: Client) -> None:
    slow = await place(twilio, GOOD, machine_detection="Enable", machine_detection_timeout=5)
    quick = await place(twilio, "+14155559112", machine_detection="Enable", machine_detection_timeout=5)
    assert [(await ended(twilio, call))[0].answered_by for call in (slow, quick)] == ["unknown", "human"]


async def test_without_detection_nobody_knows_who_answered(twilio: Client) -> None:
    over, _ = await ended(twilio, await place(twilio, "+14155559101"))
    assert (str(over.status), over.answered_by) == ("completed", None)


async def test_the_price_comes_some_time_after_the_end(twilio: Client, sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 1})
    call = await place(twilio, AT_ONCE)
    over = await twilio.calls(str(call.sid)).update_async(status="completed")
    assert (str(over.status), over.duration, over.price, over.price_unit) == ("completed", "1", None, "USD")
    await sender.control("POST", "settings", {"time_scale": 0.001})
    call = await place(twilio, AT_ONCE)

    async def priced() -> bool:
        return (await twilio.calls(str(call.sid)).fetch_async()).price == "-0.01400"

    await eventually(priced)
    missed, _ = await ended(twilio, await place(twilio, "+14155559105"))
    await asyncio.sleep(0.02)  # four times the time until a price is known
    assert (await twilio.calls(str(missed.sid)).fetch_async()).price is None


async def test_a_short_ring_reaches_nobody(twilio: Client) -> None:
    over, seen = await ended(twilio, await place(twilio, GOOD, timeout=1))
    assert str(over.status) == "no-answer"
    assert "in-progress" not in seen


async def test_the_time_limit_ends_the_longest_talk(twilio: Client, sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.02})
    over, _ = await ended(twilio, await place(twilio, "+14155559113", time_limit=20))
    assert over.duration == "1"


@pytest.mark.parametrize(
    ("twiml", "shorter"),
    [
        ("<Response><Hangup/></Response>", True),
        ("<Response><Say>Good bye</Say><Pause length='1'/></Response>", True),
        ("this is no TwiML", True),
        (TALK, False),
        ("<Response><Gather><Say>Hello</Say></Gather></Response>", False),
    ],
)
async def test_twiml_that_comes_to_its_end_ends_the_call(
    twilio: Client, sender: Sender, twiml: str, shorter: bool
) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.02})  # this person talks for more than 2 s
    over, _ = await ended(twilio, await place(twilio, GOOD, twiml=twiml))
    assert str(over.status) == "completed"
    assert (int(over.duration or 0) <= 1) == shorter


async def test_a_call_is_hung_up(twilio: Client, sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 1})
    call = await place(twilio, AT_ONCE)
    hung_up = await twilio.calls(str(call.sid)).update_async(status="canceled")
    assert str(hung_up.status) == "in-progress"  # too late to take it back
    hung_up = await twilio.calls(str(call.sid)).update_async(status="completed")
    assert str(hung_up.status) == "completed"
    with pytest.raises(TwilioRestException) as raised:
        await twilio.calls(str(call.sid)).update_async(status="completed")
    assert (raised.value.status, raised.value.code) == (400, 21220)
    assert (await counted(sender))["going"] == 0


@pytest.mark.parametrize("status", ["completed", "canceled"])
async def test_a_call_that_nobody_has_answered_is_taken_back(twilio: Client, sender: Sender, status: str) -> None:
    await sender.control("POST", "settings", {"time_scale": 1})
    call = await place(twilio)
    taken = await twilio.calls(str(call.sid)).update_async(status=status)
    assert (str(taken.status), taken.duration) == ("canceled", None)


async def test_other_twiml_takes_over_while_somebody_listens(twilio: Client, sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 1})
    ringing, call = await place(twilio), await place(twilio, AT_ONCE)
    with pytest.raises(TwilioRestException) as raised:
        await twilio.calls(str(ringing.sid)).update_async(twiml="<Response><Hangup/></Response>")
    assert raised.value.code == 21220
    await twilio.calls(str(call.sid)).update_async(twiml="<Response><Hangup/></Response>")
    over, _ = await ended(twilio, call)
    assert (str(over.status), over.duration) == ("completed", "1")


async def test_the_list_is_newest_first_filtered_and_paged(twilio: Client) -> None:
    calls = [await place(twilio, to) for to in (GOOD, "+14155559103", GOOD, "+14155559105", GOOD)]
    for call in calls:
        await ended(twilio, call)

    async def found(**filters: Any) -> list[int]:  # noqa: ANN401 -- the SDK's parameters
        listed = await twilio.calls.list_async(page_size=2, **filters)
        return [[call.sid for call in calls].index(one.sid) for one in listed]

    now = datetime.now(UTC)
    assert await found() == [4, 3, 2, 1, 0]
    assert await found(to=GOOD) == [4, 2, 0]
    assert await found(from_="+14155550199") == []
    assert await found(status="busy") == [3]
    assert await found(to=GOOD, start_time_after=now - timedelta(hours=1)) == [4, 2, 0]
    assert await found(start_time_before=now - timedelta(hours=1)) == []
    assert await found(end_time_after=now + timedelta(hours=1)) == []


async def test_a_start_time_filter_misses_a_call_that_is_queued(twilio: Client, sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 100})
    call = await place(twilio)
    assert [one.sid for one in await twilio.calls.list_async(to=GOOD)] == [call.sid]
    assert await twilio.calls.list_async(to=GOOD, start_time_after=datetime(2020, 1, 1, tzinfo=UTC)) == []
    with pytest.raises(TwilioException):
        await twilio.calls.list_async(start_time="soon")


ERRORS: list[tuple[dict[str, Any], int]] = [
    ({"to": "+15005550001"}, 21217),
    ({"to": "+15005550002"}, 21214),
    ({"to": "+15005550003"}, 21215),
    ({"to": "+15005550004"}, 21216),
    ({"to": "+14155559107"}, 21217),
    ({"to": "0123"}, 21211),
    ({"to": OURS}, 21266),
    ({"from_": "+15005550001"}, 21212),
    ({"from_": "CLARION"}, 21212),
    ({"twiml": None}, 21205),
    ({"twiml": None, "url": "no address"}, 21205),
    ({"twiml": "x" * 4001}, 20001),
    ({"application_sid": "AP1"}, 21218),
    ({"status_callback": "http://my_host/x"}, 21609),
    ({"machine_detection": "Maybe"}, 20001),
    ({"timeout": 601}, 20001),
    ({"time_limit": 0}, 20001),
]


@pytest.mark.parametrize(("wrong", "code"), ERRORS)
async def test_a_wrong_request_is_refused_and_calls_nobody(
    twilio: Client, sender: Sender, wrong: dict[str, Any], code: int
) -> None:
    usual: dict[str, Any] = {"to": GOOD, "from_": OURS, "twiml": TALK}
    with pytest.raises(TwilioRestException) as raised:
        await twilio.calls.create_async(**(usual | wrong))
    assert (raised.value.status, raised.value.code) == (400, code)
    assert (await counted(sender))["accepted"] == 0


async def test_an_unknown_call_is_not_found(twilio: Client) -> None:
    with pytest.raises(TwilioRestException) as raised:
        await twilio.calls("CA" + "0" * 32).fetch_async()
    assert (raised.value.status, raised.value.code) == (404, 20404)


async def test_only_so_many_calls_go_on_at_once(twilio: Client, sender: Sender) -> None:
    await sender.control("POST", "settings", {"max_calls": 2})
    calls = [await place(twilio, "+14155559103"), await place(twilio, "+14155559113")]
    with pytest.raises(TwilioRestException) as raised:
        await place(twilio)
    assert (raised.value.status, raised.value.code) == (429, 10004)
    assert (await counted(sender))["going"] == 2
    await ended(twilio, calls[0])
    await place(twilio)
    found = await counted(sender)
    assert (found["accepted"], found["peak"]) == (3, 2)


async def test_a_second_call_is_a_duplicate_unless_the_first_reached_nobody(twilio: Client, sender: Sender) -> None:
    for to in ("+14155559103", "+14155559103", GOOD, GOOD):
        await ended(twilio, await place(twilio, to))
    found = await counted(sender)
    assert (found["accepted"], found["distinct_targets"]) == (4, 2)
    assert found["duplicates"] == [{"target": GOOD, "count": 2}]
    assert (await sender.control("GET", "effects"))["twilio"]["accepted"] == 0  # texts are counted apart
    assert len(await sender.control("GET", "effects/times?kind=calls&provider=twilio")) == 4


@pytest.mark.parametrize(
    ("faults", "status", "code", "calls"),
    [
        ({"rate_limited": 1.0}, 429, 20429, 0),
        ({"server_error": 1.0}, 500, 20500, 0),
        ({"server_error_after": 1.0}, 500, 20500, 1),
    ],
)
async def test_faults_strike_before_or_after_the_effect(
    twilio: Client, sender: Sender, faults: dict[str, float], status: int, code: int, calls: int
) -> None:
    await sender.control("POST", "faults", {"twilio": faults})
    with pytest.raises(TwilioRestException) as raised:
        await place(twilio)
    assert (raised.value.status, raised.value.code) == (status, code)
    assert (await counted(sender))["accepted"] == calls
    assert len(await twilio.calls.list_async(to=GOOD) if calls else []) == calls


async def test_a_lost_answer_leaves_a_call_to_be_found(twilio: Client, sender: Sender) -> None:
    with pytest.raises(Exception, match="Server disconnected"):
        await place(twilio, "+14155559111")
    (found,) = await twilio.calls.list_async(to="+14155559111", from_=OURS)
    assert str((await ended(twilio, found))[0].status) == "completed"
    assert (await counted(sender))["accepted"] == 1
    await place(twilio, "+14155559111")


async def test_every_key_of_the_specification_is_there_and_reset_forgets(twilio: Client, sender: Sender) -> None:
    call = await place(twilio)
    status, shown = await sender.ask("GET", str(call.uri))
    assert (status, set(shown)) == (200, CALL_KEYS)
    assert shown["to_formatted"] == "(415) 555-9108"
    assert (await sender.ask("DELETE", str(call.uri)))[0] == 405
    assert (await sender.ask("GET", str(call.uri).replace(SID, "AC" + "d4" * 16), user="AC" + "d4" * 16))[0] == 404
    await sender.control("POST", "reset")
    assert (await sender.ask("GET", str(call.uri)))[0] == 404
    assert (await counted(sender))["accepted"] == 0


async def counted(sender: Sender) -> dict[str, Any]:
    """What the sandbox counts of calls at Twilio."""
    return dict((await sender.control("GET", "effects"))["twilio"]["calls"])
