"""What keeps a campaign from being started on an installation, each in one sentence with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from clarion.domain.campaign import CampaignSpec, parse_spec
from clarion.domain.errors import BadInput
from clarion.settings import Account, Provider, Settings
from starter.checking.startable import account_problems, check_startable
from tests.starter.installation import NOW

TOKEN = SecretStr("t")
TWILIO = Account(sid="AC1", auth_token=TOKEN, from_number="+15005550006")
RETELL = Account(provider=Provider.RETELL, auth_token=TOKEN, from_number="+15005550006")
ACCOUNTS = {
    "main": TWILIO,
    "service": Account(sid="AC1", auth_token=TOKEN, messaging_service="MG1"),
    "spoken": TWILIO.model_copy(update={"agent": "https://example.com/twiml"}),
    "retell": RETELL,
    "known": RETELL.model_copy(update={"agent": "agent_1"}),
    "eleven": Account(provider=Provider.ELEVENLABS, auth_token=TOKEN, phone_number_id="phnum_1"),
    "exotel": Account(
        provider=Provider.EXOTEL,
        auth_token=TOKEN,
        sid="x",
        api_key="x",
        webhook_secret=TOKEN,
        from_number="08047000000",
    ),
}
SETTINGS = Settings(_env_file=None, accounts=ACCOUNTS)


def calls(account: str = "main", *, audience: dict[str, object] | None = None, **keys: object) -> CampaignSpec:
    return parse_spec(
        {
            "name": "Calls",
            "channel": "call",
            "account": account,
            "audience": {"file": "people.csv", "address": "phone", "region": "US", **(audience or {})},
            "call": {"first_message": "Hello"},
            **keys,
        }
    )


@pytest.mark.parametrize(
    "spec",
    [
        calls("main"),
        calls("main", call={"agent": "https://example.com/twiml"}),
        calls("main", call={"agent": "agent_1", "first_message": "Hello"}),
        calls("main", call={}, audience={"first_message": "say"}),
        calls("main", call={}, audience={"agent": "address"}),
        calls("main", call={"voicemail_message": "Call us.", "machine": "leave_message"}),
        calls("main", fallback={"message": "Hi"}),
        calls("spoken", call={}),
        calls("service", call={"first_message": "Hello", "from_number": "+14155550100"}),
        calls("retell"),
        calls("retell", call={"agent": "agent_1"}),
        calls("retell", call={"agent": "agent_1", "provider": "retell", "from_number": "+14155550100"}),
        calls("retell", fallback={"message": "Hi", "account": "service"}),
        calls("known", call={}),
        calls("eleven", call={"agent": "agent_1", "from_number": "phnum_1"}),
        calls("exotel", call={"agent": "1000", "from_number": "08047000001"}),
    ],
)
def test_campaigns_that_their_accounts_can_serve(spec: CampaignSpec) -> None:
    assert account_problems(spec, SETTINGS) == ()


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (calls("west"), 'account "west" is not set up (known: eleven, exotel, known, main, retell, service, spoken)'),
        (
            calls("main", call={"provider": "retell", "first_message": "Hello"}),
            'call.provider is retell, and account "main" is with twilio; name an account with retell, or correct',
        ),
        (
            calls("service"),
            'account "service" has a messaging service, from which nobody can call; give a number of the account in',
        ),
        (
            calls("main", call={"first_message": "Hello", "from_number": "415-555-0100"}),
            'call.from_number is "415-555-0100"; write it with + and country code, such as +14155550100',
        ),
        (
            calls("eleven", call={"agent": "agent_1", "from_number": "+14155550100"}),
            "with elevenlabs calls come from the account's phone_number_id; leave call.from_number out",
        ),
        (calls("main", call={"agent": "agent_1"}), "nothing would be said: with twilio, give call.first_message, or"),
        (calls("retell", call={"prompt": "Be kind."}), "nobody would speak: the campaign has neither an agent nor a"),
        (calls("eleven"), "elevenlabs calls only with an agent, and none is named; give call.agent, a column"),
        (calls("exotel"), "exotel calls only with a flow (its app id) as agent, and none is named; give call.agent"),
        (
            calls("retell", fallback={"message": "Hi"}),
            'the texts of fallback cannot be sent: account "retell" is with retell, which only calls; name an account',
        ),
        (
            calls("main", fallback={"message": "Hi", "account": "eleven"}),
            'the texts of fallback cannot be sent: account "eleven" is with elevenlabs, which only calls; name',
        ),
        (
            calls("main", fallback={"message": "Hi", "account": "west"}),
            'fallback.account: account "west" is not set up',
        ),
        (
            parse_spec(
                {
                    "name": "Texts",
                    "channel": "sms",
                    "account": "retell",
                    "audience": {"file": "people.csv", "address": "phone"},
                    "message": "Hi",
                }
            ),
            'account "retell" is with retell, which only calls; name an account with twilio for texts',
        ),
    ],
)
def test_what_an_account_cannot_do_is_said_in_one_sentence(spec: CampaignSpec, sentence: str) -> None:
    (problem,) = account_problems(spec, SETTINGS)
    assert sentence in problem
    assert "\n" not in problem


def test_an_account_that_is_missing_twice_is_said_once() -> None:
    assert len(account_problems(calls("west", fallback={"message": "Hi"}), SETTINGS)) == 1


def stored(folder: Path, spec: CampaignSpec, content: str = "phone\n+14155552671\n") -> CampaignSpec:
    file = folder / "people.csv"
    file.write_text(content)
    return spec.model_copy(update={"audience": spec.audience.model_copy(update={"file": str(file)})})


def test_a_campaign_that_can_be_started_is_let_through(tmp_path: Path) -> None:
    check_startable(stored(tmp_path, calls()), SETTINGS, NOW)


def test_all_that_is_wrong_with_accounts_is_said_together(tmp_path: Path) -> None:
    spec = calls("service", call={"prompt": "Be kind."}, fallback={"message": "Hi", "account": "eleven"})
    with pytest.raises(BadInput) as refused:
        check_startable(stored(tmp_path, spec), SETTINGS, NOW)
    assert [line.split(" ")[0] for line in str(refused.value).splitlines()] == ["account", "nothing", "the"]


@pytest.mark.parametrize(
    ("keys", "content", "sentence"),
    [
        ({"start_at": "2020-01-01T09:00:00+01:00"}, "phone\n+14155552671\n", "has passed"),
        ({"call": {"first_message": "{{ name }}"}}, "phone\n+14155552671\n", "call.first_message uses {{ name }}"),
        ({}, "fone\n+14155552671\n", 'There is no column "phone"'),
        ({}, "phone\n", "has column names but no rows"),
    ],
)
def test_what_stops_the_campaign_as_a_whole_comes_first(
    tmp_path: Path, keys: dict[str, object], content: str, sentence: str
) -> None:
    with pytest.raises(BadInput, match=sentence.replace("{", r"\{")):
        check_startable(stored(tmp_path, calls("west", **keys), content), SETTINGS, NOW)  # type: ignore[arg-type]
