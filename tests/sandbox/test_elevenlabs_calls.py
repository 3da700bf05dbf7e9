"""Calls at ElevenLabs through its own SDK: placed, ending as their number says, listed, limited."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from elevenlabs import (
    AgentConfigOverrideInput,
    AsyncElevenLabs,
    ConversationConfigClientOverrideInput,
    ConversationConfigOverride,
    ConversationInitiationClientDataRequestInput,
    ConversationSummaryResponseModel,
    GetConversationResponseModel,
    PromptAgentApiModelOverrideInput,
    TelephonyCallConfigInput,
    TwilioOutboundCallResponse,
)
from elevenlabs.core.api_error import ApiError
from elevenlabs.core.request_options import RequestOptions

from clarion.sandbox.server import Sandbox
from tests.sandbox.parties import Sender, eventually

KEY = "key_of_ours"
GOOD = "+14155559108"
"""Any number that a person is sure to answer."""
ONCE: RequestOptions = {"max_retries": 0}


@pytest.fixture
async def client(sandbox: Sandbox, sender: Sender) -> AsyncIterator[AsyncElevenLabs]:
    await sender.control("POST", "settings", {"time_scale": 0.002})
    async with httpx.AsyncClient() as http:
        yield AsyncElevenLabs(base_url=sandbox.url, api_key=KEY, httpx_client=http)


async def place(
    client: AsyncElevenLabs, to: str = GOOD, data: ConversationInitiationClientDataRequestInput | None = None
) -> TwilioOutboundCallResponse:
    placed: TwilioOutboundCallResponse = await client.conversational_ai.twilio.outbound_call(
        agent_id="agent_spring",
        agent_phone_number_id="phnum_1",
        to_number=to,
        conversation_initiation_client_data=data or ConversationInitiationClientDataRequestInput(user_id="a-1"),
        request_options=ONCE,
    )
    return placed


async def over(client: AsyncElevenLabs, conversation_id: str | None) -> GetConversationResponseModel:
    """Fetch the conversation again and again until it is done or failed."""
    found: list[GetConversationResponseModel] = []

    async def there() -> bool:
        found.append(await client.conversational_ai.conversations.get(conversation_id or ""))
        return found[-1].status in {"done", "failed"}

    await eventually(there)
    return found[-1]


async def effects(sender: Sender) -> dict[str, Any]:
    return dict((await sender.control("GET", "effects"))["elevenlabs"]["calls"])


async def test_a_conversation_is_initiated_goes_on_and_is_done(client: AsyncElevenLabs, sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.02})
    placed = await place(client)
    assert placed.success
    assert (placed.conversation_id or "").startswith("conv_")
    assert (placed.call_sid or "").startswith("CA")
    seen: list[str] = []

    async def done() -> bool:
        conversation = await client.conversational_ai.conversations.get(placed.conversation_id or "")
        if conversation.status not in seen:
            seen.append(conversation.status)
            assert (conversation.analysis is not None) is (conversation.status == "done")
        return str(conversation.status) == "done"

    await eventually(done)
    assert seen == ["initiated", "in-progress", "processing", "done"]


async def test_what_was_ordered_is_said_and_comes_back(client: AsyncElevenLabs) -> None:
    data = ConversationInitiationClientDataRequestInput(
        user_id="attempt-7",
        dynamic_variables={"first_name": "Ann", "plan": "Gold", "visits": 3},
        conversation_config_override=ConversationConfigClientOverrideInput(
            agent=AgentConfigOverrideInput(
                first_message="Hi {{first_name}}!",
                language="en",
                prompt=PromptAgentApiModelOverrideInput(prompt="Ask about {{plan}}. Be kind."),
            )
        ),
    )
    conversation = await over(client, (await place(client, data=data)).conversation_id)
    said = [turn.message for turn in conversation.transcript if turn.role == "agent"]
    assert said[0] == "Hi Ann!"
    assert "Ask about Gold." in (said[1] or "")
    assert "visits 3" in (said[1] or "")
    assert conversation.user_id == "attempt-7"
    echoed = conversation.conversation_initiation_client_data
    assert echoed is not None
    assert echoed.user_id == "attempt-7"
    assert (echoed.dynamic_variables or {})["visits"] == 3
    assert (echoed.dynamic_variables or {})["system__conversation_id"] == conversation.conversation_id
    override = echoed.conversation_config_override
    assert override is not None
    assert override.agent is not None
    assert override.agent.first_message == "Hi {{first_name}}!"


async def test_the_parts_of_a_done_conversation_fit_together(client: AsyncElevenLabs) -> None:
    before = int(time.time())
    placed = await place(client)
    conversation = await over(client, placed.conversation_id)
    metadata = conversation.metadata
    assert before <= metadata.start_time_unix_secs <= (metadata.accepted_time_unix_secs or 0) <= time.time()
    assert metadata.call_duration_secs >= 1
    assert (metadata.cost or 0) > 0
    assert (metadata.cost_fiat or 0) > 0
    assert metadata.phone_call is not None
    assert (metadata.phone_call.type, metadata.phone_call.direction) == ("twilio", "outbound")
    assert (metadata.phone_call.external_number, metadata.phone_call.call_sid) == (GOOD, placed.call_sid)
    assert conversation.has_audio
    assert [turn.role for turn in conversation.transcript] == ["user", "agent"] * 3
    assert conversation.analysis is not None
    assert conversation.analysis.transcript_summary
    collected = conversation.analysis.data_collection_results or {}
    assert {name: type(result.value) for name, result in collected.items()} == {"interested": bool, "do_not_call": bool}


@pytest.mark.parametrize("last_four", ["9101", "9103", "9108"])
async def test_conversations_have_the_fields_of_the_sdk_and_no_others(client: AsyncElevenLabs, last_four: str) -> None:
    conversation = await over(client, (await place(client, f"+1415555{last_four}")).conversation_id)
    # The SDK builds its models without checking; their own validation is what the vendor's description amounts to.
    strict = GetConversationResponseModel.model_validate(conversation.model_dump(mode="json"))
    assert strict.model_extra == {}
    assert strict.metadata.model_extra == {}
    (line,) = (await client.conversational_ai.conversations.list()).conversations
    assert ConversationSummaryResponseModel.model_validate(line.model_dump(mode="json")).model_extra == {}


@pytest.mark.parametrize(
    ("last_four", "status", "result"),
    [
        ("9101", "done", "voicemail"),
        ("9102", "failed", "no_answer"),
        ("9103", "failed", "no_answer"),
        ("9104", "failed", "busy"),
        ("9105", "failed", "busy"),
        ("9106", "failed", "failed"),
        ("9108", "done", "answered"),
        ("9109", "done", "answered"),
        ("9110", "done", "answered"),
        ("9112", "done", "answered"),
        ("9114", "failed", "busy"),
    ],
)
async def test_numbers_decide_how_calls_end(client: AsyncElevenLabs, last_four: str, status: str, result: str) -> None:
    conversation = await over(client, (await place(client, f"+1415555{last_four}")).conversation_id)
    assert conversation.status == status
    phone_call = conversation.metadata.phone_call
    assert phone_call is not None
    assert phone_call.call_result == result
    assert (conversation.metadata.error is not None) is (status == "failed")
    assert bool(conversation.transcript) is (status == "done")
    if last_four == "9112":
        assert conversation.analysis is not None
        assert (conversation.analysis.data_collection_results or {})["do_not_call"].value is True


async def test_an_endless_talk_ends_at_its_limit(client: AsyncElevenLabs, sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.1})
    limit = ConversationConfigClientOverrideInput(conversation=ConversationConfigOverride(max_duration_seconds=11))
    data = ConversationInitiationClientDataRequestInput(conversation_config_override=limit)
    conversation = await over(client, (await place(client, "+14155559113", data)).conversation_id)
    assert conversation.metadata.call_duration_secs == 2
    assert "limit" in (conversation.metadata.termination_reason or "")


async def test_nobody_is_waited_for_longer_than_told(client: AsyncElevenLabs) -> None:
    results = []
    for seconds in (5, 60):
        placed = await client.conversational_ai.twilio.outbound_call(
            agent_id="agent_spring",
            agent_phone_number_id="phnum_1",
            to_number=GOOD,
            telephony_call_config=TelephonyCallConfigInput(ringing_timeout_secs=seconds),
            request_options=ONCE,
        )
        phone_call = (await over(client, placed.conversation_id)).metadata.phone_call
        assert phone_call is not None
        results.append(phone_call.call_result)
    assert results == ["no_answer", "answered"]


async def test_a_number_that_cannot_be_called_is_no_success(client: AsyncElevenLabs, sender: Sender) -> None:
    for number in ("+14155559107", "4155550123"):
        placed = await place(client, number)
        assert (placed.success, placed.conversation_id, placed.call_sid) == (False, None, None)
        assert number in placed.message
    assert (await effects(sender))["accepted"] == 0


async def test_a_lost_answer_is_found_by_the_user(client: AsyncElevenLabs, sender: Sender) -> None:
    since = int(time.time())
    data = ConversationInitiationClientDataRequestInput(user_id="attempt-9")
    with pytest.raises(httpx.TransportError):
        await place(client, "+14155559111", data)
    await place(client)
    page = await client.conversational_ai.conversations.list(user_id="attempt-9", call_start_after_unix=since)
    (found,) = page.conversations
    assert found.direction == "outbound"
    counted = await effects(sender)
    assert (counted["accepted"], counted["duplicates"]) == (2, [])
    late = await client.conversational_ai.conversations.list(user_id="attempt-9", call_start_after_unix=since + 100)
    assert late.conversations == []


async def test_a_list_comes_in_pages_newest_first(client: AsyncElevenLabs) -> None:
    ids = [(await place(client, f"+1415550{number}9108")).conversation_id for number in range(5)]
    for conversation_id in ids:
        await over(client, conversation_id)
    found: list[str | None] = []
    cursor = None
    while len(found) < 5:
        page = await client.conversational_ai.conversations.list(
            agent_id="agent_spring", page_size=2, cursor=cursor, summary_mode="include"
        )
        assert all(one.transcript_summary and one.message_count == 6 for one in page.conversations)
        found += [one.conversation_id for one in page.conversations]
        cursor = page.next_cursor
        assert page.has_more is (cursor is not None) is (len(found) < 5)
    assert found == ids[::-1]
    other = await client.conversational_ai.conversations.list(agent_id="agent_other")
    assert (other.conversations, other.has_more) == ([], False)


async def test_calls_at_once_are_limited_and_counted(client: AsyncElevenLabs, sender: Sender) -> None:
    await sender.control("POST", "settings", {"max_calls": 2, "time_scale": 0.1})
    for number in range(2):
        await place(client, f"+1415550{number}9108")
    with pytest.raises(ApiError) as raised:
        await place(client, "+14155509108")
    assert raised.value.status_code == 429
    assert raised.value.body["detail"]["status"] == "too_many_concurrent_requests"
    counted = await effects(sender)
    assert (counted["accepted"], counted["going"], counted["peak"]) == (2, 2, 2)


async def test_a_second_call_to_somebody_who_answered_is_a_duplicate(client: AsyncElevenLabs, sender: Sender) -> None:
    for _ in range(2):
        await over(client, (await place(client)).conversation_id)
    assert (await effects(sender))["duplicates"] == [{"target": GOOD, "count": 2}]


async def test_bad_keys_bad_requests_and_unknown_conversations(
    sandbox: Sandbox, client: AsyncElevenLabs, sender: Sender
) -> None:
    async with httpx.AsyncClient() as http:
        stranger = AsyncElevenLabs(base_url=sandbox.url, api_key="wrong", httpx_client=http)
        with pytest.raises(ApiError) as raised:
            await place(stranger)
        assert (raised.value.status_code, raised.value.body["detail"]["status"]) == (401, "invalid_api_key")
        answer = await http.get(f"{sandbox.url}/v1/convai/conversations")
        assert (answer.status_code, answer.json()["detail"]["status"]) == (401, "needs_authorization")
        order = {"agent_id": "agent_spring", "to_number": GOOD}
        url = f"{sandbox.url}/v1/convai/twilio/outbound-call"
        answer = await http.post(url, json=order, headers={"xi-api-key": KEY})
        assert answer.status_code == 422
        assert answer.json() == {
            "detail": [{"loc": ["body", "agent_phone_number_id"], "msg": "Field required", "type": "missing"}]
        }
    with pytest.raises(ApiError) as raised:
        await client.conversational_ai.conversations.get("conv_unknown")
    assert raised.value.status_code == 404
    with pytest.raises(ApiError) as raised:
        await client.conversational_ai.conversations.list(page_size=101)
    assert raised.value.status_code == 422
    assert (await effects(sender))["accepted"] == 0


@pytest.mark.parametrize(
    ("faults", "status"),
    [({"rate_limited": 1.0}, 429), ({"server_error": 1.0}, 500), ({"account_suspended": True}, 401)],
)
async def test_a_fault_before_the_effect_has_none(
    client: AsyncElevenLabs, sender: Sender, faults: dict[str, object], status: int
) -> None:
    await sender.control("POST", "faults", {"elevenlabs": faults})
    with pytest.raises(ApiError) as raised:
        await place(client)
    assert raised.value.status_code == status
    assert (await effects(sender))["accepted"] == 0


async def test_a_fault_after_the_effect_leaves_the_call(client: AsyncElevenLabs, sender: Sender) -> None:
    await sender.control("POST", "faults", {"elevenlabs": {"dropped": 1.0}})
    with pytest.raises(httpx.TransportError):
        await place(client)
    page = await client.conversational_ai.conversations.list(user_id="a-1")
    assert len(page.conversations) == (await effects(sender))["accepted"] == 1


async def test_left_alone_the_sdk_calls_again_after_a_server_error(client: AsyncElevenLabs, sender: Sender) -> None:
    await sender.control("POST", "faults", {"elevenlabs": {"server_error_after": 1.0}})
    with pytest.raises(ApiError):
        await client.conversational_ai.twilio.outbound_call(
            agent_id="agent_spring", agent_phone_number_id="phnum_1", to_number=GOOD
        )
    assert (await effects(sender))["duplicates"] == [{"target": GOOD, "count": 3}]
