"""How the Retell dialer places calls and fails, against a server that answers as each test says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clarion.domain.call import MachineRule, Script, Stage
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, ProviderError, RateLimited, Rejected, Unavailable
from tests.providers.scripted import Step, cuts_the_body, drops, says
from tests.providers.scripted_calls import CALL, OURS, PLAIN
from tests.providers.scripted_retell import REGISTERED, dialer_to, errs
from tests.providers.scripted_twilio import PERSON


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


async def test_a_closed_dialer_calls_nobody() -> None:
    async with dialer_to(says(201, REGISTERED)) as (dialer, vendor):
        await dialer.close()
        with pytest.raises((Unavailable, OutcomeUnknown)):
            await dialer.place(CALL)
    assert vendor.asked == []


async def test_the_check_calls_nobody() -> None:
    async with dialer_to(says(200, {"current_concurrency": 0, "concurrency_limit": 20})) as (dialer, vendor):
        await dialer.check()
    assert [(asked.method, asked.path) for asked in vendor.asked] == [("GET", "/get-concurrency")]


async def test_the_check_shows_refused_credentials() -> None:
    async with dialer_to(errs(401)) as (dialer, _):
        with pytest.raises(AccountBroken, match="check auth_token"):
            await dialer.check()
