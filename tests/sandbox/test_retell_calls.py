"""Calls at Retell through its own SDK: placed once, ending as their number says, listed, stopped, limited."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator
from typing import Any

import pytest
import retell
from retell.types import PhoneCallResponse
from retell.types.call_list_params import FilterCriteria
from retell.types.call_list_response import ItemV3PhoneCallResponse
from typing_extensions import Unpack

from clarion.sandbox.retell.desk import KEY_LASTS, Keys
from clarion.sandbox.server import Sandbox
from tests.sandbox.parties import OURS, Sender, eventually

KEY = "key_of_ours"
GOOD = "+14155559108"
"""Any number that a person is sure to answer."""


@pytest.fixture
async def client(sandbox: Sandbox, sender: Sender) -> AsyncIterator[retell.AsyncRetell]:
    await sender.control("POST", "settings", {"time_scale": 0.002})
    async with retell.AsyncRetell(api_key=KEY, base_url=sandbox.url, max_retries=0) as client:
        yield client


async def analysed(client: retell.AsyncRetell, call_id: str) -> PhoneCallResponse:
    """Fetch the call again and again until it is over and assessed."""
    found: list[PhoneCallResponse] = []

    async def there() -> bool:
        call = await client.call.retrieve(call_id)
        assert isinstance(call, PhoneCallResponse)
        found.append(call)
        return call.call_analysis is not None

    await eventually(there)
    return found[-1]


async def effects(sender: Sender) -> dict[str, Any]:
    return dict((await sender.control("GET", "effects"))["retell"]["calls"])


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


async def test_the_same_key_never_calls_twice(client: retell.AsyncRetell, sender: Sender) -> None:
    first = await client.call.create_phone_call(from_number=OURS, to_number=GOOD, idempotency_key="attempt-1")
    again = await client.call.create_phone_call(from_number=OURS, to_number=GOOD, idempotency_key="attempt-1")
    assert again.call_id == first.call_id
    other = retell.AsyncRetell(api_key="key_of_others", base_url=client.base_url, max_retries=0)
    async with other:
        theirs = await other.call.create_phone_call(from_number=OURS, to_number=GOOD, idempotency_key="attempt-1")
    assert theirs.call_id != first.call_id
    assert (await effects(sender))["accepted"] == 2


async def test_a_key_stands_for_its_call_for_an_hour(sandbox: Sandbox, client: retell.AsyncRetell) -> None:
    created = await client.call.create_phone_call(from_number=OURS, to_number=GOOD)
    (call,) = sandbox.vendors["retell"]._desk.of(KEY)  # type: ignore[attr-defined]
    keys = Keys()
    keys.keep(KEY, "attempt-1", call, 1000.0)
    known = keys.call(KEY, "attempt-1", 1000.0 + KEY_LASTS - 1)
    assert known is not None
    assert known.phone.id == created.call_id
    assert keys.call(KEY, "attempt-1", 1000.0 + KEY_LASTS) is None


async def test_an_answer_lost_is_found_again_by_key_and_by_metadata(client: retell.AsyncRetell, sender: Sender) -> None:
    lost = "+14155559111"

    async def place() -> PhoneCallResponse:
        return await client.call.create_phone_call(
            from_number=OURS, to_number=lost, metadata={"attempt": "a-9"}, idempotency_key="a-9"
        )

    with pytest.raises(retell.APIConnectionError):
        await place()
    page = await client.call.list(
        filter_criteria={"metadata": [{"key": "attempt", "op": "eq", "type": "string", "value": "a-9"}]}
    )
    (found,) = page.items
    assert (await place()).call_id == found.call_id
    assert (await effects(sender))["accepted"] == 1


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


async def test_calls_at_once_are_limited_and_counted(client: retell.AsyncRetell, sender: Sender) -> None:
    await sender.control("POST", "settings", {"max_calls": 2, "time_scale": 0.1})
    for number in range(2):
        await client.call.create_phone_call(from_number=OURS, to_number=f"+1415550{number}9108")
    told = await client.concurrency.retrieve()
    assert (told.current_concurrency, told.concurrency_limit) == (2, 2)
    with pytest.raises(retell.RateLimitError):
        await client.call.create_phone_call(from_number=OURS, to_number="+14155509108")
    counted = await effects(sender)
    assert (counted["accepted"], counted["going"], counted["peak"]) == (2, 2, 2)
    await sender.control("POST", "settings", {"max_calls": None})
    await client.call.create_phone_call(from_number=OURS, to_number="+14155509108")
    assert (await effects(sender))["peak"] == 3


async def test_a_second_call_to_somebody_who_answered_is_a_duplicate(
    client: retell.AsyncRetell, sender: Sender
) -> None:
    for _ in range(2):
        created = await client.call.create_phone_call(from_number=OURS, to_number=GOOD)
        await analysed(client, created.call_id)
    assert (await effects(sender))["duplicates"] == [{"target": GOOD, "count": 2}]


async def test_whoever_asked_not_to_be_called_is_protected_on_demand(
    client: retell.AsyncRetell, sender: Sender
) -> None:
    leaver = "+14155559112"
    created = await client.call.create_phone_call(from_number=OURS, to_number=leaver)
    await analysed(client, created.call_id)
    with pytest.raises(retell.BadRequestError):
        await client.call.create_phone_call(from_number=OURS, to_number=leaver, honor_internal_dnc=True)
    await client.call.create_phone_call(from_number=OURS, to_number=leaver)
    counted = await effects(sender)
    assert (counted["opted_out_refusals"], counted["opted_out_contacts"]) == (1, 1)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"to_number": GOOD}, "from_number"),
        ({"from_number": OURS, "to_number": "4155550123"}, "E.164"),
        ({"from_number": "100", "to_number": GOOD}, "from_number"),
        ({"from_number": OURS, "to_number": "+14155559107"}, "cannot be called"),
        ({"from_number": OURS, "to_number": GOOD, "retell_llm_dynamic_variables": {"age": 7}}, "age"),
        ({"from_number": OURS, "to_number": GOOD, "metadata": "a-1"}, "metadata"),
        (
            {"from_number": OURS, "to_number": GOOD, "agent_override": {"retell_llm": {"general_prompt": "Be kind"}}},
            "general_prompt",
        ),
    ],
)
async def test_what_cannot_be_called_is_refused(
    client: retell.AsyncRetell, sender: Sender, body: dict[str, object], says: str
) -> None:
    with pytest.raises(retell.BadRequestError) as raised:
        await client.post("/v2/create-phone-call", body=body, cast_to=object)
    assert isinstance(raised.value.body, dict)
    assert raised.value.body["status"] == "error"
    assert says in raised.value.body["message"]
    assert (await effects(sender))["accepted"] == 0


async def test_a_pseudo_number_may_call_when_asked_for(client: retell.AsyncRetell) -> None:
    created = await client.call.create_phone_call(from_number="100", to_number=GOOD, ignore_e164_validation=True)
    assert created.from_number == "100"


async def test_bad_keys_and_unknown_calls(sandbox: Sandbox, client: retell.AsyncRetell) -> None:
    created = await client.call.create_phone_call(from_number=OURS, to_number=GOOD)
    async with retell.AsyncRetell(api_key="wrong", base_url=sandbox.url, max_retries=0) as stranger:
        with pytest.raises(retell.AuthenticationError):
            await stranger.concurrency.retrieve()
    async with retell.AsyncRetell(api_key="key_of_others", base_url=sandbox.url, max_retries=0) as other:
        with pytest.raises(retell.UnprocessableEntityError):
            await other.call.retrieve(created.call_id)
    with pytest.raises(retell.UnprocessableEntityError):
        await client.call.stop("call_unknown")


@pytest.mark.parametrize(
    ("faults", "status"),
    [({"rate_limited": 1.0}, 429), ({"server_error": 1.0}, 500), ({"account_suspended": True}, 402)],
)
async def test_a_fault_before_the_effect_has_none(
    client: retell.AsyncRetell, sender: Sender, faults: dict[str, object], status: int
) -> None:
    await sender.control("POST", "faults", {"retell": faults})
    with pytest.raises(retell.APIStatusError) as raised:
        await client.call.create_phone_call(from_number=OURS, to_number=GOOD)
    assert raised.value.status_code == status
    assert (await effects(sender))["accepted"] == 0


async def test_a_fault_after_the_effect_leaves_the_call(client: retell.AsyncRetell, sender: Sender) -> None:
    await sender.control("POST", "faults", {"retell": {"dropped": 1.0}})
    with pytest.raises(retell.APIConnectionError):
        await client.call.create_phone_call(from_number=OURS, to_number=GOOD, idempotency_key="a")
    await sender.control("POST", "faults", {"retell": {"server_error_after": 1.0}})
    again = await client.call.create_phone_call(from_number=OURS, to_number=GOOD, idempotency_key="a")
    page = await client.call.list()
    assert [item.call_id for item in page.items] == [again.call_id]
