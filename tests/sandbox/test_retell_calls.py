"""Calls at Retell through its own SDK: placed, ending as their number says, listed, stopped."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator

import pytest
import retell
from retell.types import PhoneCallResponse
from retell.types.call_list_params import FilterCriteria
from retell.types.call_list_response import ItemV3PhoneCallResponse
from typing_extensions import Unpack

from clarion.sandbox.server import Sandbox
from tests.sandbox.parties import OURS, Sender, eventually
from tests.sandbox.retell_parties import GOOD, analysed, effects, sdk


@pytest.fixture
async def client(sandbox: Sandbox, sender: Sender) -> AsyncIterator[retell.AsyncRetell]:
    await sender.control("POST", "settings", {"time_scale": 0.002})
    async with sdk(sandbox) as client:
        yield client


async def test_a_call_is_registered_then_goes_on_then_ends_with_everything(
    client: retell.AsyncRetell, sender: Sender
) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.02})
    created = await client.call.create_phone_call(
        from_number=OURS,
        to_number=GOOD,
        override_agent_id="agent_spring",
        override_agent_version=3,
        agent_override={"retell_llm": {"begin_message": "Hi {{first_name}}, this is {{nobody}}!"}},
        retell_llm_dynamic_variables={"first_name": "Ann", "plan": "Gold", "prompt": "Ask about {{plan}}. Be kind."},
        metadata={"attempt": "a-1", "campaign": "spring"},
    )
    assert (created.call_status, created.agent_id, created.agent_version) == ("registered", "agent_spring", 3)
    assert (created.direction, created.from_number, created.to_number) == ("outbound", OURS, GOOD)
    assert (created.start_timestamp, created.disconnection_reason, created.transcript) == (None, None, None)
    seen = []

    async def over() -> bool:
        seen.append((await client.call.retrieve(created.call_id)).call_status)
        return seen[-1] == "ended"

    await eventually(over)
    assert [status for place, status in enumerate(seen) if status not in seen[:place]] == [
        "registered", "ongoing", "ended",
    ]  # fmt: skip
    call = await analysed(client, created.call_id)
    assert call.metadata == {"attempt": "a-1", "campaign": "spring"}
    assert call.transcript is not None
    assert "Agent: Hi Ann, this is {{nobody}}!\n" in call.transcript
    assert "Ask about Gold." in call.transcript
    assert "plan Gold" in call.transcript


@pytest.mark.parametrize("last_four", ["9101", "9103", "9108", "9112"])
async def test_calls_have_the_fields_of_the_sdk_and_no_others(
    client: retell.AsyncRetell, sender: Sender, last_four: str
) -> None:
    created = await client.call.create_phone_call(
        from_number=OURS, to_number=f"+1415555{last_four}", metadata={"a": 1}, retell_llm_dynamic_variables={"b": "2"}
    )
    call = await analysed(client, created.call_id)
    # The SDK builds its models without checking; their own validation is what the vendor's description amounts to.
    strict = PhoneCallResponse.model_validate(json.loads(call.to_json()))
    assert strict.model_extra == {}
    (item,) = (await client.call.list()).items
    assert ItemV3PhoneCallResponse.model_validate(json.loads(item.to_json())).model_extra == {}


async def test_the_parts_of_a_finished_call_fit_together(client: retell.AsyncRetell) -> None:
    created = await client.call.create_phone_call(from_number=OURS, to_number=GOOD)
    call = await analysed(client, created.call_id)
    assert call.start_timestamp is not None
    assert call.end_timestamp is not None
    assert call.duration_ms == call.end_timestamp - call.start_timestamp > 0
    assert call.call_cost is not None
    assert call.call_cost.combined_cost == pytest.approx(sum(part.cost for part in call.call_cost.product_costs))
    assert call.call_cost.total_duration_seconds == math.ceil(call.duration_ms / 1000)
    turns = call.transcript_object or []
    assert [turn.role for turn in turns] == ["user", "agent"] * 3
    words = [word for turn in turns for word in turn.words]
    assert [word.word for word in words] == [word for turn in turns for word in turn.content.split()]
    times = [at for word in words for at in (word.start, word.end) if at is not None]
    assert len(times) == 2 * len(words)
    assert times == sorted(times)
    assert times[-1] <= call.duration_ms / 1000 + 0.002
    assert call.recording_url is not None
    assert call.telephony_identifier is not None
    assert call.call_analysis is not None
    assert call.call_analysis.call_summary
    assert call.call_analysis.in_voicemail is False


@pytest.mark.parametrize(
    ("last_four", "status", "reason", "in_voicemail"),
    [
        ("9101", "ended", "voicemail_reached", True),
        ("9102", "not_connected", "dial_no_answer", False),
        ("9103", "not_connected", "dial_no_answer", False),
        ("9104", "not_connected", "dial_busy", False),
        ("9105", "not_connected", "dial_busy", False),
        ("9106", "not_connected", "dial_failed", False),
        ("9108", "ended", None, False),
        ("9109", "ended", None, False),
        ("9110", "ended", None, False),
        ("9112", "ended", "user_requested_dnc", False),
        ("9113", "ended", "max_duration_reached", False),
        ("9114", "not_connected", "user_declined", False),
    ],
)
async def test_numbers_decide_how_calls_end(
    client: retell.AsyncRetell, last_four: str, status: str, reason: str | None, in_voicemail: bool
) -> None:
    created = await client.call.create_phone_call(
        from_number=OURS,
        to_number=f"+1415555{last_four}",
        agent_override={"agent": {"max_call_duration_ms": 60_000}},
    )
    call = await analysed(client, created.call_id)
    assert call.call_status == status
    assert call.disconnection_reason in ({reason} if reason else {"user_hangup", "agent_hangup"})
    assert call.call_analysis is not None
    assert call.call_analysis.in_voicemail is in_voicemail
    assert bool(call.duration_ms) is (status == "ended")
    assert bool(call.transcript) is (status == "ended")


@pytest.mark.parametrize("last_four", ["9102", "9104"])
async def test_some_answer_the_second_time(client: retell.AsyncRetell, sender: Sender, last_four: str) -> None:
    statuses = []
    for _ in range(2):
        created = await client.call.create_phone_call(from_number=OURS, to_number=f"+1415555{last_four}")
        statuses.append((await analysed(client, created.call_id)).call_status)
    assert statuses == ["not_connected", "ended"]
    assert (await effects(sender))["duplicates"] == []


async def test_a_voicemail_hears_the_message_meant_for_it(client: retell.AsyncRetell) -> None:
    created = await client.call.create_phone_call(
        from_number=OURS,
        to_number="+14155559101",
        retell_llm_dynamic_variables={"first_name": "Ann"},
        agent_override={
            "agent": {"voicemail_option": {"action": {"type": "static_text", "text": "Call us, {{first_name}}."}}}
        },
    )
    call = await analysed(client, created.call_id)
    assert (call.transcript or "").endswith("Agent: Call us, Ann.\n")


async def test_the_wanted_fields_are_extracted(client: retell.AsyncRetell) -> None:
    created = await client.call.create_phone_call(
        from_number=OURS,
        to_number=GOOD,
        agent_override={
            "agent": {
                "post_call_analysis_data": [
                    {"type": "enum", "name": "slot", "description": "When?", "choices": ["morning", "evening"]},
                    {"type": "boolean", "name": "agreed", "description": "Did they agree?"},
                ]
            }
        },
    )
    analysis = (await analysed(client, created.call_id)).call_analysis
    assert analysis is not None
    assert isinstance(analysis.custom_analysis_data, dict)
    assert analysis.custom_analysis_data["slot"] in {"morning", "evening"}
    assert analysis.custom_analysis_data["agreed"] in {True, False}


async def test_calls_are_listed_by_what_they_are(client: retell.AsyncRetell) -> None:
    numbers = ["+14155559101", "+14155559105", GOOD]
    ids: list[str] = []
    for number in numbers:
        created = await client.call.create_phone_call(
            from_number=OURS, to_number=number, metadata={"campaign": "c1", "row": len(ids)}
        )
        ids.append(created.call_id)
        await analysed(client, created.call_id)

    async def found(**criteria: Unpack[FilterCriteria]) -> list[str]:
        page = await client.call.list(filter_criteria=criteria, sort_order="ascending")
        return [item.call_id for item in page.items]

    assert await found() == ids
    assert await found(to_number={"type": "string", "op": "eq", "value": numbers[1]}) == [ids[1]]
    assert await found(to_number={"type": "string", "op": "ew", "value": "9101"}) == [ids[0]]
    assert await found(call_status={"type": "enum", "op": "in", "value": ["ended"]}) == [ids[0], ids[2]]
    assert await found(in_voicemail={"type": "boolean", "op": "eq", "value": True}) == [ids[0]]
    assert await found(metadata=[{"key": "row", "type": "number", "op": "ge", "value": 1}]) == ids[1:]
    assert await found(metadata=[{"key": "campaign", "type": "string", "op": "eq", "value": "c2"}]) == []
    middle = (await client.call.retrieve(ids[1])).start_timestamp
    assert middle is not None
    assert await found(start_timestamp={"type": "number", "op": "ge", "value": middle}) == ids[1:]
    assert await found(start_timestamp={"type": "range", "op": "bt", "value": [0, middle]}) == ids[:2]


async def test_a_list_comes_in_pages_without_transcripts(client: retell.AsyncRetell) -> None:
    ids = []
    for number in range(5):
        created = await client.call.create_phone_call(from_number=OURS, to_number=f"+1415550{number}9108")
        ids.append(created.call_id)
    for call_id in ids:
        await analysed(client, call_id)
    first = await client.call.list(limit=2, include_total=True)
    assert (first.total, first.has_more, len(first.items)) == (5, True, 2)
    assert first.pagination_key is not None
    second = await client.call.list(limit=2, pagination_key=first.pagination_key)
    third = await client.call.list(limit=2, pagination_key=str(second.pagination_key))
    assert (third.has_more, third.pagination_key, third.total) == (False, None, None)
    items = [*first.items, *second.items, *third.items]
    assert sorted(item.call_id for item in items) == sorted(ids)
    starts = [item.start_timestamp or 0 for item in items]
    assert starts == sorted(starts, reverse=True)
    assert all("transcript" not in item.model_dump(exclude_unset=True) for item in items)


async def test_a_call_not_started_yet_has_no_start_to_be_found_by(client: retell.AsyncRetell, sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 5})
    await client.call.create_phone_call(from_number=OURS, to_number=GOOD, metadata={"attempt": "a"})
    by_time = await client.call.list(filter_criteria={"start_timestamp": {"type": "number", "op": "ge", "value": 0}})
    by_metadata = await client.call.list(
        filter_criteria={"metadata": [{"key": "attempt", "type": "string", "op": "eq", "value": "a"}]}
    )
    assert (len(by_time.items), len(by_metadata.items)) == (0, 1)


async def test_a_running_call_can_be_stopped_once(client: retell.AsyncRetell, sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 0.1})
    created = await client.call.create_phone_call(from_number=OURS, to_number=GOOD)

    async def talking() -> bool:
        return (await client.call.retrieve(created.call_id)).call_status == "ongoing"

    await eventually(talking)
    await client.call.stop(created.call_id)
    call = await client.call.retrieve(created.call_id)
    assert (call.call_status, call.disconnection_reason) == ("ended", "manual_stopped")
    assert len(call.transcript_object or []) < 6
    with pytest.raises(retell.BadRequestError):
        await client.call.stop(created.call_id)
