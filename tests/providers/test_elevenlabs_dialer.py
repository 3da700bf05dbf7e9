"""How the ElevenLabs dialer places, looks up and fails, against a server that answers as each test says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from pydantic import SecretStr

from clarion.domain.call import MachineRule, Script, Stage
from clarion.domain.errors import BadInput, NotFound
from clarion.domain.target import Outcome
from clarion.providers.elevenlabs import ElevenLabsDialer, open_elevenlabs
from clarion.providers.ports import (
    AccountBroken,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Rejected,
    Scope,
    Unavailable,
)
from clarion.settings import Account, Provider
from tests.providers.scripted import Step, cuts_the_body, drops, hangs, says
from tests.providers.scripted_calls import CALL, OURS, PLAIN, ScriptedVendor, scripted_vendor
from tests.providers.scripted_twilio import PERSON

PLACED = {"success": True, "message": "ok", "conversation_id": "conv_1", "callSid": "CA1"}


def account(base_url: str, *, patience: float = 5.0, agent: str | None = "agent_usual") -> Account:
    return Account(
        provider=Provider.ELEVENLABS,
        auth_token=SecretStr("key_1"),
        phone_number_id="phnum_1",
        from_number=OURS,
        agent=agent,
        base_url=base_url,
        timeout=patience,
    )


@asynccontextmanager
async def dialer_to(
    *script: Step, patience: float = 5.0, agent: str | None = "agent_usual"
) -> AsyncIterator[tuple[ElevenLabsDialer, ScriptedVendor]]:
    async with scripted_vendor(*script) as vendor:
        dialer = await open_elevenlabs(account(vendor.url, patience=patience, agent=agent))
        try:
            yield dialer, vendor
        finally:
            await dialer.close()


def errs(status: int, word: str = "odd", words: str = "no", **headers: str) -> Step:
    return says(status, {"detail": {"status": word, "message": words}}, **headers)


async def test_places_a_call_with_everything_it_was_given() -> None:
    async with dialer_to(says(200, PLACED)) as (dialer, vendor):
        word = await dialer.place(CALL)
    assert (word.verdict.outcome, word.verdict.final) == (Outcome.PLACED, False)
    assert (word.verdict.provider_reference, word.facts.stage) == ("conv_1", Stage.PLACED)
    (asked,) = vendor.asked
    assert (asked.method, asked.path) == ("POST", "/v1/convai/twilio/outbound-call")
    assert asked.headers["xi-api-key"] == "key_1"
    assert asked.body == {
        "agent_id": "agent_own",
        "agent_phone_number_id": "phnum_1",
        "to_number": PERSON,
        "conversation_initiation_client_data": {
            "conversation_config_override": {
                "agent": {
                    "prompt": {"prompt": "Remind Ann of her service.\n\nAnn drives a Panda."},
                    "first_message": "Hi Ann!",
                    "language": "en-GB",
                },
                "conversation": {"max_duration_seconds": 300},
            },
            "dynamic_variables": {
                "name": "Ann",
                "prompt": "of the row",
                "context": "Ann drives a Panda.",
                "voicemail_message": "Please call us back.",
            },
            "user_id": "7.12.1",
        },
        "telephony_call_config": {
            "ringing_timeout_secs": 60,
            "twilio_machine_detection": {
                "mode": "enable",
                "actions": [{"action": "hang_up", "answered_by": ["machine_start", "fax"]}],
            },
        },
    }


async def test_what_a_script_leaves_open_stays_as_the_agent_has_it() -> None:
    script = Script(context="Ann drives a Panda.", variables={"system__time": "now", "name": "Ann"})
    async with dialer_to(says(200, PLACED)) as (dialer, vendor):
        await dialer.place(replace(PLAIN, script=script))
    body = vendor.asked[0].body
    assert body["agent_id"] == "agent_usual"
    data = body["conversation_initiation_client_data"]
    assert data["conversation_config_override"] == {"conversation": {"max_duration_seconds": 300}}
    assert data["dynamic_variables"] == {"name": "Ann", "context": "Ann drives a Panda."}


@pytest.mark.parametrize("rule", [MachineRule.LEAVE_MESSAGE, MachineRule.CONTINUE])
async def test_the_carrier_listens_for_machines_only_to_hang_up(rule: MachineRule) -> None:
    async with dialer_to(says(200, PLACED)) as (dialer, vendor):
        await dialer.place(replace(PLAIN, machine=rule))
    assert vendor.asked[0].body["telephony_call_config"] == {"ringing_timeout_secs": 60}


async def test_a_campaign_without_an_agent_calls_nobody() -> None:
    async with dialer_to(says(200, PLACED), agent=None) as (dialer, vendor):
        with pytest.raises(AccountBroken, match="needs an agent"):
            await dialer.place(PLAIN)
    assert vendor.asked == []


async def test_a_sender_that_elevenlabs_cannot_take_calls_nobody() -> None:
    async with dialer_to(says(200, PLACED)) as (dialer, vendor):
        with pytest.raises(AccountBroken, match="take from_number out"):
            await dialer.place(replace(PLAIN, sender="+14155550111"))
        await dialer.place(replace(PLAIN, sender=OURS))
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (says(200, {"success": False, "message": f"cannot call {PERSON}"}), Rejected),
        (errs(400, words=f"{PERSON} is not valid"), Rejected),
        (says(422, {"detail": [{"loc": ["body", "to_number"], "msg": PERSON, "type": "x"}]}), Rejected),
        (errs(409), Rejected),
        (errs(404, "agent_not_found"), AccountBroken),
        (errs(401, "invalid_api_key"), AccountBroken),
        (errs(401, "quota_exceeded"), AccountBroken),
        (errs(400, "missing_permissions"), AccountBroken),
        (says(402, ""), AccountBroken),
        (says(403, "<html>proxy</html>"), AccountBroken),
        (errs(429, "too_many_concurrent_requests"), RateLimited),
        (says(429, "slow down"), RateLimited),
        (errs(408), OutcomeUnknown),
        (errs(500), OutcomeUnknown),
        (says(502, "<html>Bad Gateway</html>"), OutcomeUnknown),
        (says(503, ""), OutcomeUnknown),
        (says(302, "", Location="/login"), OutcomeUnknown),
        (says(200, "<html>hello</html>"), OutcomeUnknown),
        (says(200, ""), OutcomeUnknown),
        (says(200, []), OutcomeUnknown),
        (says(200, [1]), OutcomeUnknown),
        (says(200, '"text"'), OutcomeUnknown),
        (says(200, {}), OutcomeUnknown),
        (says(200, {"success": False, "conversation_id": "conv_1"}), OutcomeUnknown),
        (says(200, {"success": True, "conversation_id": None}), OutcomeUnknown),
        (drops, OutcomeUnknown),
        (cuts_the_body, OutcomeUnknown),
    ],
)
async def test_every_failure_says_whether_the_person_may_have_been_called(
    step: Step, expected: type[ProviderError]
) -> None:
    async with dialer_to(step) as (dialer, vendor):
        with pytest.raises(ProviderError) as caught:
            await dialer.place(PLAIN)
    assert type(caught.value) is expected
    assert PERSON not in str(caught.value)
    assert caught.value.__cause__ is None
    assert len(vendor.asked) == 1, "a create is never sent twice"


async def test_a_call_that_was_not_placed_says_why() -> None:
    async with dialer_to(says(200, {"success": False, "message": "geo permission"})) as (dialer, _):
        with pytest.raises(Rejected) as caught:
            await dialer.place(PLAIN)
    verdict = caught.value.verdict
    assert (verdict.outcome, verdict.retryable, verdict.final) == (Outcome.FAILED, False, True)
    assert "geo permission" in (verdict.detail or "")


async def test_an_unknown_agent_of_one_call_does_not_stop_the_campaign() -> None:
    async with dialer_to(errs(404, "agent_not_found")) as (dialer, _):
        with pytest.raises(Rejected, match="agent or the phone number") as caught:
            await dialer.place(replace(PLAIN, script=Script(agent="agent_of_a_row")))
    assert caught.value.verdict.provider_code == "agent_not_found"


async def test_no_answer_in_time_is_unknown() -> None:
    async with dialer_to(hangs, patience=0.2) as (dialer, vendor):
        with pytest.raises(OutcomeUnknown, match=r"within 0\.2 seconds"):
            await dialer.place(CALL)
    assert len(vendor.asked) == 1


async def test_a_broken_connection_that_was_kept_open_is_unknown_and_not_resent() -> None:
    async with dialer_to(says(200, PLACED), drops) as (dialer, vendor):
        await dialer.place(CALL)
        with pytest.raises(OutcomeUnknown, match="broke"):
            await dialer.place(CALL)
    assert len(vendor.asked) == 2


async def test_nobody_listening_is_provably_not_called() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dialer = await open_elevenlabs(account(f"http://127.0.0.1:{unused.getsockname()[1]}"))
        with pytest.raises(Unavailable, match=r"ElevenLabs cannot be reached at http://127\.0\.0\.1"):
            await dialer.place(CALL)
        await dialer.close()


@pytest.mark.parametrize("address", ["localhost:9000", "ftp://example.com", "http://"])
async def test_a_base_url_that_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(BadInput, match="base_url"):
        await open_elevenlabs(account(address))


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, 5.0), ({"Retry_After": "7"}, 7.0), ({"Retry_After": "soon"}, 5.0)]
)
async def test_patience_is_as_long_as_elevenlabs_asks(headers: dict[str, str], seconds: float) -> None:
    async with dialer_to(errs(429, "system_busy", **headers)) as (dialer, _):
        with pytest.raises(RateLimited) as caught:
            await dialer.place(CALL)
    assert (caught.value.retry_after, caught.value.scope, caught.value.code) == (seconds, Scope.ACCOUNT, "system_busy")


async def test_a_hundred_calls_are_placed_at_once() -> None:
    together = asyncio.Barrier(100)

    async def waits_for_all(request: web.Request) -> web.StreamResponse:
        await together.wait()
        return await says(200, PLACED)(request)

    async with dialer_to(waits_for_all) as (dialer, vendor):
        await asyncio.gather(*(dialer.place(CALL) for _ in range(100)))
    assert len(vendor.asked) == 100


async def test_the_environment_does_not_change_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with dialer_to(says(200, PLACED)) as (dialer, vendor):
        await dialer.place(CALL)
    assert len(vendor.asked) == 1


def conversation(**changes: object) -> dict[str, object]:
    return {"conversation_id": "conv_1", "status": "in-progress", "user_id": "7.12.1", "metadata": {}, **changes}


async def test_looks_at_a_call() -> None:
    async with dialer_to(says(200, conversation())) as (dialer, vendor):
        word = await dialer.look("conv_1")
    assert (word.verdict.outcome, word.facts.stage) == (Outcome.PLACED, Stage.ANSWERED)
    assert (vendor.asked[0].method, vendor.asked[0].path) == ("GET", "/v1/convai/conversations/conv_1")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(404), NotFound),
        (errs(400), OutcomeUnknown),
        (errs(422), OutcomeUnknown),
        (errs(401), AccountBroken),
        (errs(429), RateLimited),
        (errs(500), OutcomeUnknown),
        (says(200, {}), OutcomeUnknown),
        (says(200, [1]), OutcomeUnknown),
        (drops, OutcomeUnknown),
    ],
)
async def test_a_look_that_fails_says_how(step: Step, expected: type[Exception]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected):
            await dialer.look("conv_1")


async def test_an_answer_of_odd_types_is_read_as_far_as_it_goes() -> None:
    odd = conversation(status="done", metadata={"phone_call": {"type": "pigeon", "call_result": "busy"}}, transcript=7)
    async with dialer_to(says(200, odd)) as (dialer, _):
        assert (await dialer.look("conv_1")).verdict.outcome is Outcome.BUSY


def listed(*ids: str) -> Step:
    return says(200, {"conversations": [{"conversation_id": one} for one in ids], "has_more": False})


async def test_finds_the_call_that_carries_the_attempt() -> None:
    of_another = conversation(conversation_id="conv_0", user_id="7.13.1")
    async with dialer_to(listed("conv_0", "conv_1"), says(200, of_another), says(200, conversation())) as (
        dialer,
        vendor,
    ):
        found = await dialer.find(CALL, 1_000_060.5, known=())
    assert found is not None
    assert found.verdict.provider_reference == "conv_1"
    assert vendor.asked[0].path == "/v1/convai/conversations"
    assert {name: vendor.asked[0].query[name] for name in ("user_id", "call_start_after_unix")} == {
        "user_id": "7.12.1",
        "call_start_after_unix": "1000000",
    }


@pytest.mark.parametrize(("step", "known"), [(listed(), ()), (listed("conv_1"), ("conv_1",))])
async def test_finds_nothing_that_is_not_ours(step: Step, known: tuple[str, ...]) -> None:
    async with dialer_to(step) as (dialer, vendor):
        assert await dialer.find(CALL, 0.0, known) is None
    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(400), OutcomeUnknown),
        (errs(404), OutcomeUnknown),
        (errs(503), OutcomeUnknown),
        (says(200, [1]), OutcomeUnknown),
        (says(200, {"has_more": False}), OutcomeUnknown),
        (errs(401), AccountBroken),
        (errs(429), RateLimited),
    ],
)
async def test_a_list_that_cannot_be_read_proves_nothing(step: Step, expected: type[ProviderError]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected):
            await dialer.find(CALL, 100.0, known=())


async def test_there_is_no_way_to_hang_up() -> None:
    async with dialer_to(says(200, {})) as (dialer, vendor):
        assert not await dialer.hang_up("conv_1")
    assert vendor.asked == []


async def test_the_check_calls_nobody() -> None:
    async with dialer_to(listed()) as (dialer, vendor):
        await dialer.check()
    assert [(asked.method, asked.path) for asked in vendor.asked] == [("GET", "/v1/convai/conversations")]


async def test_the_check_shows_refused_credentials() -> None:
    async with dialer_to(errs(401, "invalid_api_key")) as (dialer, _):
        with pytest.raises(AccountBroken, match="check auth_token"):
            await dialer.check()
