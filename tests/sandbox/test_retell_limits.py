"""What Retell refuses, counts and does once only, seen through its own SDK; and its faults."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import retell
from retell.types import PhoneCallResponse

from clarion.sandbox.retell.desk import KEY_LASTS, Keys
from clarion.sandbox.server import Sandbox
from tests.sandbox.parties import OURS, Sender
from tests.sandbox.retell_parties import GOOD, KEY, analysed, effects, sdk


@pytest.fixture
async def client(sandbox: Sandbox, sender: Sender) -> AsyncIterator[retell.AsyncRetell]:
    await sender.control("POST", "settings", {"time_scale": 0.002})
    async with sdk(sandbox) as client:
        yield client


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
    async with sdk(sandbox, "wrong") as stranger:
        with pytest.raises(retell.AuthenticationError):
            await stranger.concurrency.retrieve()
    async with sdk(sandbox, "key_of_others") as other:
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
