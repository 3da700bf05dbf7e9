"""How the Retell dialer places, looks up, ends and fails, against a server that answers as each test says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from pydantic import SecretStr

from clarion.domain.call import MachineRule, Script, Stage
from clarion.domain.errors import BadInput, NotFound
from clarion.domain.target import Outcome
from clarion.providers.ports import (
    AccountBroken,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Rejected,
    Scope,
    Unavailable,
)
from clarion.providers.retell import RetellDialer, open_retell
from clarion.settings import Account, Provider
from tests.providers.scripted import Step, cuts_the_body, drops, hangs, says
from tests.providers.scripted_calls import CALL, OURS, PLAIN, ScriptedVendor, scripted_vendor
from tests.providers.scripted_twilio import PERSON

REGISTERED = {"call_id": "call_1", "call_status": "registered", "call_type": "phone_call"}


def account(base_url: str, *, patience: float = 5.0, agent: str | None = "agent_usual") -> Account:
    return Account(
        provider=Provider.RETELL,
        auth_token=SecretStr("key_1"),
        from_number=OURS,
        agent=agent,
        base_url=base_url,
        timeout=patience,
    )


@asynccontextmanager
async def dialer_to(
    *script: Step, patience: float = 5.0, agent: str | None = "agent_usual"
) -> AsyncIterator[tuple[RetellDialer, ScriptedVendor]]:
    async with scripted_vendor(*script) as vendor:
        dialer = await open_retell(account(vendor.url, patience=patience, agent=agent))
        try:
            yield dialer, vendor
        finally:
            await dialer.close()


def errs(status: int, words: str = "no", **headers: str) -> Step:
    return says(status, {"status": "error", "message": words}, **headers)


async def test_places_a_call_with_everything_it_was_given() -> None:
    async with dialer_to(says(201, REGISTERED)) as (dialer, vendor):
        word = await dialer.place(CALL)
    assert (word.verdict.outcome, word.verdict.final) == (Outcome.PLACED, False)
    assert (word.verdict.provider_reference, word.verdict.provider_status) == ("call_1", "registered")
    assert word.facts.stage is Stage.PLACED
    (asked,) = vendor.asked
    assert (asked.method, asked.path) == ("POST", "/v2/create-phone-call")
    assert asked.headers["Authorization"] == "Bearer key_1"
    assert asked.body == {
        "from_number": OURS,
        "to_number": PERSON,
        "override_agent_id": "agent_own",
        "agent_override": {
            "agent": {
                "language": "en-GB",
                "max_call_duration_ms": 300_000,
                "ring_duration_ms": 60_000,
                "voicemail_option": {"action": {"type": "hangup"}},
            },
            "retell_llm": {"begin_message": "Hi Ann!"},
        },
        "retell_llm_dynamic_variables": {
            "name": "Ann",
            "prompt": "Remind Ann of her service.",
            "context": "Ann drives a Panda.",
            "first_message": "Hi Ann!",
            "language": "en-GB",
        },
        "metadata": {"attempt": "7.12.1"},
        "idempotency_key": "7.12.1",
    }


async def test_what_a_script_leaves_open_stays_as_the_agent_has_it() -> None:
    async with dialer_to(says(201, REGISTERED), agent=None) as (dialer, vendor):
        await dialer.place(replace(PLAIN, sender="+14155550111"))
    body = vendor.asked[0].body
    assert body["from_number"] == "+14155550111"
    assert "override_agent_id" not in body
    assert "retell_llm" not in body["agent_override"]
    assert "language" not in body["agent_override"]["agent"]
    assert body["retell_llm_dynamic_variables"] == {}


@pytest.mark.parametrize(
    ("rule", "message", "expected"),
    [
        (MachineRule.HANG_UP, "Bye", {"voicemail_option": {"action": {"type": "hangup"}}}),
        (MachineRule.CONTINUE, None, {"voicemail_option": None}),
        (MachineRule.LEAVE_MESSAGE, "Bye", {"voicemail_option": {"action": {"type": "static_text", "text": "Bye"}}}),
        (MachineRule.LEAVE_MESSAGE, None, {}),
    ],
)
async def test_says_what_happens_with_a_machine(
    rule: MachineRule, message: str | None, expected: dict[str, object]
) -> None:
    async with dialer_to(says(201, REGISTERED)) as (dialer, vendor):
        await dialer.place(replace(PLAIN, machine=rule, script=Script(voicemail_message=message)))
    agent = vendor.asked[0].body["agent_override"]["agent"]
    assert {name: value for name, value in agent.items() if name == "voicemail_option"} == expected


@pytest.mark.parametrize(("longest", "sent"), [(6.0, 60_000), (90.5, 90_500), (9000.0, 7_200_000)])
async def test_the_longest_time_is_kept_within_what_retell_takes(longest: float, sent: int) -> None:
    async with dialer_to(says(201, REGISTERED)) as (dialer, vendor):
        await dialer.place(replace(PLAIN, longest=longest))
    assert vendor.asked[0].body["agent_override"]["agent"]["max_call_duration_ms"] == sent


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(400, f"{PERSON} is not valid"), Rejected),
        (errs(422, "Cannot find requested asset under given api key."), AccountBroken),
        (errs(409), Rejected),
        (errs(401), AccountBroken),
        (errs(402), AccountBroken),
        (errs(403), AccountBroken),
        (errs(404), AccountBroken),
        (says(403, "<html>proxy</html>"), AccountBroken),
        (errs(429), RateLimited),
        (errs(408), OutcomeUnknown),
        (errs(500), OutcomeUnknown),
        (says(502, "<html>Bad Gateway</html>"), OutcomeUnknown),
        (says(503, ""), OutcomeUnknown),
        (says(302, "", Location="/login"), OutcomeUnknown),
        (says(201, "<html>hello</html>"), OutcomeUnknown),
        (says(201, "nonsense", Content_Encoding="gzip"), OutcomeUnknown),
        (says(201, ""), OutcomeUnknown),
        (says(201, []), OutcomeUnknown),
        (says(201, {}), OutcomeUnknown),
        (says(201, {"call_id": ""}), OutcomeUnknown),
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


@pytest.mark.parametrize("own", [{"script": Script(agent="agent_of_a_row")}, {"sender": "+14155550111"}])
async def test_an_unknown_agent_of_one_call_does_not_stop_the_campaign(own: dict[str, object]) -> None:
    async with dialer_to(errs(422)) as (dialer, _):
        with pytest.raises(Rejected, match="agent or the sender") as caught:
            await dialer.place(replace(PLAIN, **own))  # type: ignore[arg-type]
    verdict = caught.value.verdict
    assert (verdict.outcome, verdict.retryable, verdict.provider_code) == (Outcome.FAILED, False, "422")


async def test_no_answer_in_time_is_unknown() -> None:
    async with dialer_to(hangs, patience=0.2) as (dialer, vendor):
        with pytest.raises(OutcomeUnknown, match=r"within 0\.2 seconds"):
            await dialer.place(CALL)
    assert len(vendor.asked) == 1


async def test_a_broken_connection_that_was_kept_open_is_unknown_and_not_resent() -> None:
    async with dialer_to(says(201, REGISTERED), drops) as (dialer, vendor):
        await dialer.place(CALL)
        with pytest.raises(OutcomeUnknown, match="broke"):
            await dialer.place(CALL)
    assert len(vendor.asked) == 2


async def test_nobody_listening_is_provably_not_called() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dialer = await open_retell(account(f"http://127.0.0.1:{unused.getsockname()[1]}"))
        with pytest.raises(Unavailable, match=r"Retell cannot be reached at http://127\.0\.0\.1"):
            await dialer.place(CALL)
        await dialer.close()


async def test_a_connection_that_is_never_made_is_provably_not_called() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        dialer = await open_retell(account(f"http://127.0.0.1:{address[1]}", patience=0.4))
        with pytest.raises(Unavailable, match="no connection in time"):
            await dialer.place(CALL)
        await dialer.close()
        for filler in fillers:
            filler.close()


async def test_a_closed_dialer_calls_nobody() -> None:
    async with dialer_to(says(201, REGISTERED)) as (dialer, vendor):
        await dialer.close()
        with pytest.raises((Unavailable, OutcomeUnknown)):
            await dialer.place(CALL)
    assert vendor.asked == []


@pytest.mark.parametrize("address", ["localhost:9000", "ftp://example.com", "http://"])
async def test_a_base_url_that_is_no_address_is_refused_at_once(address: str) -> None:
    with pytest.raises(BadInput, match="base_url"):
        await open_retell(account(address))


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, 5.0), ({"Retry_After": "7"}, 7.0), ({"Retry_After": "soon"}, 5.0)]
)
async def test_patience_is_as_long_as_retell_asks(headers: dict[str, str], seconds: float) -> None:
    async with dialer_to(errs(429, **headers)) as (dialer, _):
        with pytest.raises(RateLimited) as caught:
            await dialer.place(CALL)
    assert (caught.value.retry_after, caught.value.scope, caught.value.code) == (seconds, Scope.ACCOUNT, "429")


async def test_a_hundred_calls_are_placed_at_once() -> None:
    together = asyncio.Barrier(100)

    async def waits_for_all(request: web.Request) -> web.StreamResponse:
        await together.wait()
        return await says(201, REGISTERED)(request)

    async with dialer_to(waits_for_all) as (dialer, vendor):
        await asyncio.gather(*(dialer.place(CALL) for _ in range(100)))
    assert len(vendor.asked) == 100


async def test_the_environment_does_not_change_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RETELL_BASE_URL", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with dialer_to(says(201, REGISTERED)) as (dialer, vendor):
        await dialer.place(CALL)
    assert len(vendor.asked) == 1


async def test_looks_at_a_call() -> None:
    async with dialer_to(says(200, {**REGISTERED, "call_status": "ongoing"})) as (dialer, vendor):
        word = await dialer.look("call_1")
    assert (word.verdict.outcome, word.facts.stage) == (Outcome.PLACED, Stage.ANSWERED)
    assert (vendor.asked[0].method, vendor.asked[0].path) == ("GET", "/v2/get-call/call_1")


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(422), NotFound),
        (errs(404), NotFound),
        (errs(400), OutcomeUnknown),
        (errs(401), AccountBroken),
        (errs(429), RateLimited),
        (errs(500), OutcomeUnknown),
        (says(200, {}), OutcomeUnknown),
        (drops, OutcomeUnknown),
    ],
)
async def test_a_look_that_fails_says_how(step: Step, expected: type[Exception]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected):
            await dialer.look("call_1")


def listed(*calls: Mapping[str, object]) -> Step:
    return says(200, {"items": [{**REGISTERED, **call} for call in calls], "has_more": False})


async def test_finds_the_call_that_carries_the_attempt() -> None:
    ours = {"call_id": "call_2", "metadata": {"attempt": "7.12.1"}}
    others = ({"call_id": "call_0", "metadata": {"attempt": "7.13.1"}}, {"call_id": "call_1"})
    async with dialer_to(listed(*others, ours), says(200, {**REGISTERED, **ours})) as (dialer, vendor):
        found = await dialer.find(CALL, 0.0, known=())
    assert found is not None
    assert found.verdict.provider_reference == "call_2"
    assert vendor.asked[0].path == "/v3/list-calls"
    assert vendor.asked[0].body["filter_criteria"] == {
        "metadata": [{"key": "attempt", "type": "string", "op": "eq", "value": "7.12.1"}]
    }
    assert vendor.asked[1].path == "/v2/get-call/call_2"


@pytest.mark.parametrize(
    ("step", "known"),
    [
        (listed(), ()),
        (listed({"metadata": {"attempt": "7.12.1"}}), ("call_1",)),
        (listed({"metadata": {"attempt": "17.12.1"}}), ()),
    ],
)
async def test_finds_nothing_that_is_not_ours(step: Step, known: tuple[str, ...]) -> None:
    async with dialer_to(step) as (dialer, _):
        assert await dialer.find(CALL, 0.0, known) is None


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (errs(400), OutcomeUnknown),
        (errs(503), OutcomeUnknown),
        (says(200, []), OutcomeUnknown),
        (says(200, {"has_more": False}), OutcomeUnknown),
        (errs(401), AccountBroken),
        (errs(429), RateLimited),
    ],
)
async def test_a_list_that_cannot_be_read_proves_nothing(step: Step, expected: type[ProviderError]) -> None:
    async with dialer_to(step) as (dialer, _):
        with pytest.raises(expected):
            await dialer.find(CALL, 0.0, known=())


@pytest.mark.parametrize("step", [says(204, ""), errs(400), errs(404), errs(409), errs(422)])
async def test_hangs_up_and_a_call_that_is_over_counts_as_ended(step: Step) -> None:
    async with dialer_to(step) as (dialer, vendor):
        assert await dialer.hang_up("call_1")
    assert (vendor.asked[0].method, vendor.asked[0].path) == ("POST", "/v2/stop-call/call_1")


@pytest.mark.parametrize(("status", "expected"), [(401, AccountBroken), (429, RateLimited), (500, OutcomeUnknown)])
async def test_a_hang_up_that_fails_says_how(status: int, expected: type[ProviderError]) -> None:
    async with dialer_to(errs(status)) as (dialer, _):
        with pytest.raises(expected):
            await dialer.hang_up("call_1")


async def test_the_check_calls_nobody() -> None:
    async with dialer_to(says(200, {"current_concurrency": 0, "concurrency_limit": 20})) as (dialer, vendor):
        await dialer.check()
    assert [(asked.method, asked.path) for asked in vendor.asked] == [("GET", "/get-concurrency")]


async def test_the_check_shows_refused_credentials() -> None:
    async with dialer_to(errs(401)) as (dialer, _):
        with pytest.raises(AccountBroken, match="check auth_token"):
            await dialer.check()
