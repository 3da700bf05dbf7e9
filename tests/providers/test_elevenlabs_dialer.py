"""How the ElevenLabs dialer places calls and fails, against a server that answers as each test says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from clarion.domain.call import MachineRule, Script, Stage
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, OutcomeUnknown, ProviderError, RateLimited, Rejected
from tests.providers.scripted import Step, cuts_the_body, drops, says
from tests.providers.scripted_calls import CALL, OURS, PLAIN
from tests.providers.scripted_elevenlabs import PLACED, dialer_to, errs, listed
from tests.providers.scripted_twilio import PERSON


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


async def test_the_check_calls_nobody() -> None:
    async with dialer_to(listed()) as (dialer, vendor):
        await dialer.check()
    assert [(asked.method, asked.path) for asked in vendor.asked] == [("GET", "/v1/convai/conversations")]


async def test_the_check_shows_refused_credentials() -> None:
    async with dialer_to(errs(401, "invalid_api_key")) as (dialer, _):
        with pytest.raises(AccountBroken, match="check auth_token"):
            await dialer.check()
