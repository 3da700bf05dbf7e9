"""ElevenLabs' post-call webhooks as a web door hears them: one per call, signed with the webhook's own secret."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from elevenlabs import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError

from clarion.sandbox.server import Sandbox
from tests.sandbox.parties import Heard, Sender, WebDoor, eventually

SECRET = "wsec_of_ours"
GOOD = "+14155559108"


@pytest.fixture
async def client(sandbox: Sandbox, sender: Sender, door: WebDoor) -> AsyncIterator[AsyncElevenLabs]:
    settings = {"time_scale": 0.002, "webhook_secret": SECRET, "webhook_urls": {"elevenlabs": door.url}}
    await sender.control("POST", "settings", settings)
    async with httpx.AsyncClient() as http:
        yield AsyncElevenLabs(base_url=sandbox.url, api_key="key_of_ours", httpx_client=http)


async def place(client: AsyncElevenLabs, to: str = GOOD) -> str:
    placed = await client.conversational_ai.twilio.outbound_call(
        agent_id="agent_spring",
        agent_phone_number_id="phnum_1",
        to_number=to,
        conversation_initiation_client_data={"user_id": "a-1"},
        request_options={"max_retries": 0},
    )
    return placed.conversation_id or ""


def told(client: AsyncElevenLabs, heard: Heard, secret: str = SECRET) -> dict[str, Any]:
    """Let the SDK check a webhook and parse it."""
    event: dict[str, Any] = client.webhooks.construct_event(
        rawBody=heard.body, sig_header=heard.headers["ElevenLabs-Signature"], secret=secret
    )
    return event


async def drained(sender: Sender) -> None:
    """Wait until no callback is outstanding."""

    async def nothing_waits() -> bool:
        return not (await sender.control("GET", "callbacks"))["counts"]["waiting"]

    await eventually(nothing_waits)


async def test_one_signed_transcription_says_what_the_api_says(
    client: AsyncElevenLabs, sandbox: Sandbox, sender: Sender, door: WebDoor
) -> None:
    conversation_id = await place(client)
    await drained(sender)
    (heard,) = door.heard
    event = told(client, heard)
    assert event["type"] == "post_call_transcription"
    assert event["data"]["conversation_initiation_client_data"]["user_id"] == "a-1"
    assert event["data"]["metadata"]["phone_call"]["call_result"] == "answered"
    async with httpx.AsyncClient() as http:
        url = f"{sandbox.url}/v1/convai/conversations/{conversation_id}"
        shown = await http.get(url, headers={"xi-api-key": "key_of_ours"})
    assert event["data"] == shown.json()


async def test_another_secret_or_a_tampered_body_is_not_genuine(client: AsyncElevenLabs, door: WebDoor) -> None:
    await place(client)
    (heard,) = await door.until(bool)
    with pytest.raises(ApiError):
        told(client, heard, "wsec_of_others")
    heard.body += " "
    with pytest.raises(ApiError):
        told(client, heard)


@pytest.mark.parametrize(
    ("last_four", "reason", "status"),
    [
        ("9103", "no-answer", "no-answer"),
        ("9105", "busy", "busy"),
        ("9106", "unknown", "failed"),
        ("9114", "busy", "busy"),
    ],
)
async def test_a_call_that_reaches_nobody_is_told_in_twilios_words(
    client: AsyncElevenLabs, sender: Sender, door: WebDoor, last_four: str, reason: str, status: str
) -> None:
    conversation_id = await place(client, f"+1415555{last_four}")
    await drained(sender)
    (heard,) = door.heard
    event = told(client, heard)
    assert event["type"] == "call_initiation_failure"
    assert (event["data"]["conversation_id"], event["data"]["failure_reason"]) == (conversation_id, reason)
    assert event["data"]["metadata"]["type"] == "twilio"
    body = event["data"]["metadata"]["body"]
    assert (body["CallStatus"], body["To"]) == (status, f"+1415555{last_four}")
    conversation = await client.conversational_ai.conversations.get(conversation_id)
    assert conversation.status == "failed"


async def test_a_voicemail_is_told_with_its_transcript(client: AsyncElevenLabs, sender: Sender, door: WebDoor) -> None:
    await place(client, "+14155559101")
    await drained(sender)
    event = told(client, door.heard[0])
    assert event["type"] == "post_call_transcription"
    assert event["data"]["metadata"]["phone_call"]["call_result"] == "voicemail"
    assert event["data"]["transcript"]


async def test_a_silent_number_sends_none(client: AsyncElevenLabs, sender: Sender, door: WebDoor) -> None:
    conversation_id = await place(client, "+14155559109")

    async def done() -> bool:
        conversation = await client.conversational_ai.conversations.get(conversation_id)
        return str(conversation.status) == "done"

    await eventually(done)
    await drained(sender)
    assert door.heard == []


async def test_a_hasty_number_tells_before_the_create_is_answered(client: AsyncElevenLabs, door: WebDoor) -> None:
    door.hold = asyncio.Event()
    creating = asyncio.create_task(place(client, "+14155559110"))
    (heard,) = await door.until(bool)
    assert not creating.done()
    door.hold.set()
    event = told(client, heard)
    assert event["data"]["conversation_id"] == await creating


async def test_webhooks_can_be_lost_repeated_or_late(client: AsyncElevenLabs, sender: Sender, door: WebDoor) -> None:
    await sender.control("POST", "faults", {"elevenlabs": {"lost_callbacks": 1.0}})
    await place(client)
    await drained(sender)
    assert door.heard == []
    await sender.control("POST", "faults", {"elevenlabs": {"repeated_callbacks": 1.0}})
    await place(client, "+14155509108")
    first, second = await door.until(lambda heard: len(heard) == 2)
    assert told(client, first) == told(client, second)
    await sender.control("POST", "faults", {"elevenlabs": {"late_callbacks": 1.0, "late_seconds": 600}})
    await place(client, "+14155519108")
    await sender.control("POST", "faults", {"elevenlabs": {}})
    last = await place(client, "+14155529108")
    heard = await door.until(lambda heard: len(heard) == 3)
    assert told(client, heard[2])["data"]["conversation_id"] == last
    assert (await sender.control("GET", "callbacks"))["counts"]["waiting"] == 1
