"""Retell's webhooks as a web door hears them: signed by the API key, in step with what the API says, or in trouble."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import retell
from retell.lib import verify
from retell.types.call_create_phone_call_params import AgentOverrideAgent
from typing_extensions import Unpack

from clarion.sandbox.server import Sandbox
from tests.sandbox.parties import OURS, Heard, Sender, WebDoor, eventually
from tests.sandbox.retell_parties import GOOD, KEY, sdk


@pytest.fixture
async def client(sandbox: Sandbox, sender: Sender, door: WebDoor) -> AsyncIterator[retell.AsyncRetell]:
    await sender.control("POST", "settings", {"time_scale": 0.002, "webhook_urls": {"retell": door.url}})
    async with sdk(sandbox) as client:
        yield client


def told(heard: Heard) -> dict[str, Any]:
    """Parse a webhook, once the SDK has found its signature genuine."""
    assert verify(heard.body, KEY, heard.headers["x-retell-signature"])  # type: ignore[no-untyped-call]
    parsed: dict[str, Any] = json.loads(heard.body)
    return parsed


def events(heard: list[Heard]) -> list[str]:
    return [str(told(one)["event"]) for one in heard]


async def place(client: retell.AsyncRetell, to: str = GOOD, **agent: Unpack[AgentOverrideAgent]) -> str:
    created = await client.call.create_phone_call(
        from_number=OURS, to_number=to, metadata={"attempt": "a-1"}, agent_override={"agent": agent}
    )
    return created.call_id


async def drained(sender: Sender) -> None:
    """Wait until no callback is outstanding."""

    async def nothing_waits() -> bool:
        return not (await sender.control("GET", "callbacks"))["counts"]["waiting"]

    await eventually(nothing_waits)


async def test_three_signed_events_tell_what_the_api_says(client: retell.AsyncRetell, door: WebDoor) -> None:
    call_id = await place(client)
    heard = await door.until(lambda heard: len(heard) == 3)
    assert events(heard) == ["call_started", "call_ended", "call_analyzed"]
    started, ended, analysed = (told(one)["call"] for one in heard)
    assert {one["call_id"] for one in (started, ended, analysed)} == {call_id}
    assert (started["call_status"], "disconnection_reason" in started) == ("ongoing", False)
    assert (ended["call_status"], "call_analysis" in ended, bool(ended["transcript"])) == ("ended", False, True)
    async with client.call.with_streaming_response.retrieve(call_id) as answer:
        assert analysed == await answer.json()
    assert analysed["metadata"] == {"attempt": "a-1"}


async def test_a_tampered_body_or_another_key_is_not_genuine(client: retell.AsyncRetell, door: WebDoor) -> None:
    await place(client)
    (first, *_) = await door.until(bool)
    signature = first.headers["x-retell-signature"]
    assert verify(first.body, KEY, signature)  # type: ignore[no-untyped-call]
    assert not verify(first.body + " ", KEY, signature)  # type: ignore[no-untyped-call]
    assert not verify(first.body, "key_of_others", signature)  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("last_four", ["9103", "9105", "9106", "9114"])
async def test_a_call_nobody_answers_is_never_told_as_started(
    client: retell.AsyncRetell, sender: Sender, door: WebDoor, last_four: str
) -> None:
    await place(client, f"+1415555{last_four}")
    await drained(sender)
    assert events(door.heard) == ["call_ended", "call_analyzed"]
    assert {told(one)["call"]["call_status"] for one in door.heard} == {"not_connected"}


async def test_a_silent_number_sends_none(client: retell.AsyncRetell, sender: Sender, door: WebDoor) -> None:
    call_id = await place(client, "+14155559109")

    async def over() -> bool:
        return (await client.call.retrieve(call_id)).call_analysis is not None

    await eventually(over)
    await drained(sender)
    assert door.heard == []


async def test_a_hasty_number_tells_before_the_create_is_answered(client: retell.AsyncRetell, door: WebDoor) -> None:
    door.hold = asyncio.Event()
    creating = asyncio.create_task(place(client, "+14155559110"))
    (first, *_) = await door.until(bool)
    assert not creating.done()
    door.hold.set()
    assert told(first)["event"] == "call_started"
    assert told(first)["call"]["call_id"] == await creating


async def test_a_lost_answer_still_brings_webhooks(client: retell.AsyncRetell, door: WebDoor) -> None:
    with pytest.raises(retell.APIConnectionError):
        await place(client, "+14155559111")
    heard = await door.until(lambda heard: len(heard) == 3)
    assert {told(one)["call"]["metadata"]["attempt"] for one in heard} == {"a-1"}


async def test_a_stopped_call_ends_once(client: retell.AsyncRetell, sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.02})
    call_id = await place(client)
    await door.until(bool)
    await client.call.stop(call_id)
    await drained(sender)
    assert events(door.heard) == ["call_started", "call_ended", "call_analyzed"]
    assert told(door.heard[1])["call"]["disconnection_reason"] == "manual_stopped"


async def test_a_call_stopped_while_it_rings_is_never_told_as_started(
    client: retell.AsyncRetell, sender: Sender, door: WebDoor
) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.02})
    await client.call.stop(await place(client))
    await drained(sender)
    assert events(door.heard) == ["call_ended", "call_analyzed"]


async def test_a_call_can_have_a_webhook_of_its_own(client: retell.AsyncRetell, sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "settings", {"webhook_urls": {}})
    await place(client, webhook_url=door.url.replace("attempt=7", "attempt=8"), webhook_events=["call_ended"])
    await drained(sender)
    assert events(door.heard) == ["call_ended"]
    assert door.heard[0].url.endswith("attempt=8.1.1")


async def test_webhooks_can_be_lost_repeated_or_shuffled(
    client: retell.AsyncRetell, sender: Sender, door: WebDoor
) -> None:
    await sender.control("POST", "faults", {"retell": {"lost_callbacks": 1.0}})
    await place(client)
    await drained(sender)
    assert door.heard == []
    await sender.control("POST", "faults", {"retell": {"repeated_callbacks": 1.0, "shuffled_callbacks": 1.0}})
    await place(client, "+14155509108")
    heard = await door.until(lambda heard: len(heard) == 6)
    assert sorted(events(heard)) == sorted(["call_started", "call_ended", "call_analyzed"] * 2)
    assert events(heard)[0] == "call_analyzed"
    # What comes late tells of its own moment, as a delayed webhook does.
    assert {
        (told(one)["event"], told(one)["call"]["call_status"]) for one in heard
    } == {("call_started", "ongoing"), ("call_ended", "ended"), ("call_analyzed", "ended")}  # fmt: skip
