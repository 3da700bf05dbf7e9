"""What a web door hears of calls at Twilio: signed progress in sequence, machine detection, and questions for TwiML."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from aiohttp import web

from tests.sandbox.parties import OURS, SID, TOKEN, Heard, Sender, WebDoor, eventually
from tests.sandbox.test_twilio_webhooks import drained, genuine

GOOD = "+14155559108"  # always answered by a person, slowly
AT_ONCE = "+14155559110"
CALLS = f"/2010-04-01/Accounts/{SID}/Calls.json"
TALK = "<Response><Connect/></Response>"
ALL = ("initiated", "ringing", "answered", "completed")


@pytest.fixture(autouse=True)
async def quick(sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.005})


async def call(sender: Sender, to: str, events: tuple[str, ...] = ALL, **more: str) -> dict[str, Any]:
    """Place a call from our usual number; returns what Twilio answers."""
    form = {"To": to, "From": OURS, "Twiml": TALK, "StatusCallbackEvent": " ".join(events), **more}
    status, created = await sender.ask("POST", CALLS, form)
    assert status == 201, created
    return dict(created)


def in_sequence(heard: list[Heard]) -> list[Heard]:
    """What was heard in the order it happened: separate requests may overtake each other."""
    return sorted(heard, key=lambda one: int(one.form["SequenceNumber"]))


def told(heard: list[Heard]) -> list[str]:
    """The call statuses that were told, in the order they happened."""
    return [one.form["CallStatus"] for one in in_sequence(heard)]


@pytest.mark.parametrize(
    ("last_four", "expected", "sip"),
    [
        ("9101", ["initiated", "ringing", "in-progress", "completed"], "200"),
        ("9103", ["initiated", "ringing", "no-answer"], "487"),
        ("9105", ["initiated", "ringing", "busy"], "486"),
        ("9106", ["initiated", "failed"], "404"),
        ("9108", ["initiated", "ringing", "in-progress", "completed"], "200"),
        ("9114", ["initiated", "ringing", "busy"], "603"),
    ],
)
async def test_progress_is_signed_and_numbered(
    sender: Sender, door: WebDoor, last_four: str, expected: list[str], sip: str
) -> None:
    created = await call(sender, f"+1415555{last_four}", StatusCallback=door.url)
    heard = in_sequence(await door.until(lambda heard: len(heard) == len(expected)))
    assert told(heard) == expected
    assert [one.form["SequenceNumber"] for one in heard] == [str(number) for number in range(len(expected))]
    assert all(genuine(one) and one.url == door.url for one in heard)
    for one in heard:
        assert (one.form["CallSid"], one.form["AccountSid"]) == (created["sid"], SID)
        assert one.form["From"] == one.form["Caller"] == OURS
        assert one.form["To"] == one.form["Called"] == created["to"]
        assert (one.form["CallbackSource"], one.form["Direction"]) == ("call-progress-events", "outbound-api")
        assert one.form["FromCity"] == ""
        assert parsedate_to_datetime(one.form["Timestamp"]).tzinfo is not None
    talked = expected[-1] == "completed"
    last = heard[-1].form
    assert (last["SipResponseCode"], last["CallDuration"] != "0", last["Duration"] != "0") == (sip, talked, talked)
    assert "AnsweredBy" not in last


async def test_only_the_end_is_told_unless_more_is_asked_for(sender: Sender, door: WebDoor) -> None:
    await call(sender, GOOD, (), StatusCallback=door.url)
    await call(sender, "+14155559103", ("answered",), StatusCallback=door.url)
    await drained(sender)
    assert [(one.form["CallStatus"], one.form["SequenceNumber"]) for one in door.heard] == [("completed", "0")]


async def test_a_callback_is_never_ahead_of_what_a_look_tells(sender: Sender, door: WebDoor) -> None:
    order = ["initiated", "queued", "ringing", "in-progress", "completed"]
    await sender.control("POST", "settings", {"time_scale": 0.05})
    created, looked = await call(sender, "+14155559101", StatusCallback=door.url), ""
    for count in range(1, 5):
        await door.until(lambda heard: len(heard) >= count)  # noqa: B023 -- awaited before count goes on
        looked = (await sender.ask("GET", created["uri"]))[1]["status"]
        assert order.index(looked) >= max(order.index(one.form["CallStatus"]) for one in door.heard[:count])
    assert looked == "completed"


async def test_what_detection_found_comes_with_the_end(sender: Sender, door: WebDoor) -> None:
    for to, finding in (("+14155559101", "machine_start"), (GOOD, "human")):
        door.heard.clear()
        await call(sender, to, StatusCallback=door.url, MachineDetection="Enable")
        heard = in_sequence(await door.until(lambda heard: len(heard) == 4))
        assert [one.form.get("AnsweredBy") for one in heard] == [None, None, None, finding]


async def test_detection_beside_the_twiml_has_a_callback_of_its_own(sender: Sender, door: WebDoor) -> None:
    async def durations(to: str) -> tuple[str, int]:
        door.heard.clear()
        more = {"MachineDetection": "Enable", "AsyncAmd": "true", "AsyncAmdStatusCallback": door.url}
        created = await call(sender, to, (), **more)
        (found,) = await door.until(lambda heard: len(heard) == 1)
        assert genuine(found)
        assert set(found.form) == {"CallSid", "AccountSid", "AnsweredBy", "MachineDetectionDuration"}
        assert found.form["CallSid"] == created["sid"]
        return found.form["AnsweredBy"], int(found.form["MachineDetectionDuration"])

    (slow, patience), (quick, moment), (machine, _) = [
        await durations(to) for to in (GOOD, "+14155559112", "+14155559101")
    ]
    assert (slow, quick, machine) == ("human", "human", "machine_start")
    assert patience > 3 * moment


async def test_a_recording_is_named_when_there_is_one(sender: Sender, door: WebDoor) -> None:
    await call(sender, GOOD, (), StatusCallback=door.url, Record="true")
    (end,) = await door.until(lambda heard: len(heard) == 1)
    assert end.form["RecordingUrl"].endswith(f"/Accounts/{SID}/Recordings/{end.form['RecordingSid']}")
    assert end.form["RecordingDuration"] == end.form["CallDuration"]
    await call(sender, "+14155559103", (), StatusCallback=door.url, Record="true")
    heard = await door.until(lambda heard: len(heard) == 2)
    assert "RecordingUrl" not in heard[1].form


async def test_a_hung_up_call_ends_once(sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.02})
    talking = await call(sender, AT_ONCE, StatusCallback=door.url)
    assert (await sender.ask("POST", talking["uri"], {"Status": "completed"}))[0] == 200
    await drained(sender)
    assert told(door.heard) == ["initiated", "ringing", "in-progress", "completed"]


async def test_a_call_taken_back_is_told_as_cancelled(sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "settings", {"time_scale": 1})
    ringing = await call(sender, GOOD, StatusCallback=door.url)
    assert (await sender.ask("POST", ringing["uri"], {"Status": "canceled"}))[0] == 200
    heard = in_sequence(await door.until(lambda heard: len(heard) == 2))
    assert (told(heard), heard[-1].form["SipResponseCode"]) == (["initiated", "canceled"], "487")


async def test_a_silent_number_is_never_told_of(sender: Sender, door: WebDoor) -> None:
    more = {"MachineDetection": "Enable", "AsyncAmd": "true", "AsyncAmdStatusCallback": door.url}
    created = await call(sender, "+14155559109", ALL, StatusCallback=door.url, **more)

    async def over() -> bool:
        return bool((await sender.ask("GET", created["uri"]))[1]["status"] == "completed")

    await eventually(over)
    await drained(sender)
    assert door.heard == []


async def test_a_hasty_number_is_heard_of_before_the_create_is_answered(sender: Sender, door: WebDoor) -> None:
    door.hold = asyncio.Event()
    creating = asyncio.create_task(call(sender, AT_ONCE, StatusCallback=door.url))
    heard = await door.until(lambda heard: len(heard) >= 1)
    assert not creating.done()
    door.hold.set()
    created = await creating
    assert heard[0].form["CallSid"] == created["sid"]


async def test_callbacks_can_be_lost_repeated_or_shuffled(sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "faults", {"twilio": {"lost_callbacks": 1.0}})
    await call(sender, GOOD, StatusCallback=door.url)
    await drained(sender)
    assert door.heard == []
    await sender.control("POST", "faults", {"twilio": {"repeated_callbacks": 1.0, "shuffled_callbacks": 1.0}})
    await call(sender, GOOD, StatusCallback=door.url)
    heard = await door.until(lambda heard: len(heard) == 8)
    assert told(heard) == ["initiated"] * 2 + ["ringing"] * 2 + ["in-progress"] * 2 + ["completed"] * 2
    assert heard[0].form["CallStatus"] == "completed"
    assert len({one.headers["I-Twilio-Idempotency-Token"] for one in heard}) == 4


class Script:
    """Our side's answer to Twilio's question what to do in a call."""

    def __init__(self) -> None:
        self.twiml = TALK
        self.status = 200
        self.asked: list[Heard] = []
        self.runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=0.1)

    async def open(self) -> None:
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.runner.addresses[0][1]}/script?campaign=7"

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.asked.append(Heard(self.url, dict(request.headers), form))
        return web.Response(status=self.status, text=self.twiml, content_type="text/xml")


@pytest.fixture
async def script() -> AsyncIterator[Script]:
    script = Script()
    await script.open()
    yield script
    await script.runner.cleanup()


async def test_twilio_asks_for_the_twiml_when_somebody_answers(sender: Sender, door: WebDoor, script: Script) -> None:
    script.twiml = "<Response><Say>Bye</Say></Response>"
    await sender.control("POST", "settings", {"time_scale": 0.02})
    created = await call(sender, GOOD, StatusCallback=door.url, Url=script.url, MachineDetection="Enable")
    heard = await door.until(lambda heard: len(heard) == 4)
    (question,) = script.asked
    assert genuine(question)
    assert (question.form["CallSid"], question.form["CallStatus"]) == (created["sid"], "in-progress")
    assert question.form["AnsweredBy"] == heard[-1].form["AnsweredBy"] == "human"
    assert question.form["MachineDetectionDuration"] == "164"
    assert told(heard) == ["initiated", "ringing", "in-progress", "completed"]
    assert heard[-1].form["CallDuration"] == "1"  # this person would have talked for more than 2 s
    await call(sender, "+14155559103", (), StatusCallback=door.url, Url=script.url)
    await door.until(lambda heard: len(heard) == 5)
    assert len(script.asked) == 1


@pytest.mark.parametrize("how", ["error", "nobody"])
async def test_without_twiml_the_call_ends_and_the_sandbox_goes_on(
    sender: Sender, door: WebDoor, script: Script, how: str
) -> None:
    script.status = 500
    url = script.url
    if how == "nobody":
        await script.runner.cleanup()
    await sender.control("POST", "settings", {"time_scale": 0.02})
    await call(sender, GOOD, (), StatusCallback=door.url, Url=url)
    (end,) = await door.until(lambda heard: len(heard) == 1)
    assert (end.form["CallStatus"], end.form["CallDuration"]) == ("completed", "1")
    assert (await sender.ask("GET", CALLS, password=TOKEN))[0] == 200


async def test_a_call_is_sent_to_another_script(sender: Sender, door: WebDoor, script: Script) -> None:
    await sender.control("POST", "settings", {"time_scale": 1})
    created = await call(sender, AT_ONCE, ("completed",), StatusCallback=door.url)
    script.twiml = "<Response><Hangup/></Response>"
    assert (await sender.ask("POST", created["uri"], {"Url": script.url}))[0] == 200
    (end,) = await door.until(lambda heard: len(heard) == 1)
    assert (end.form["CallStatus"], end.form["CallDuration"], len(script.asked)) == ("completed", "1", 1)
