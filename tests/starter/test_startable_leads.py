"""What keeps an analysis of leads from being started, each in one sentence; and what the options change."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from clarion.domain.campaign import CampaignSpec, parse_spec
from clarion.domain.errors import BadInput
from clarion.settings import Account, Provider, Settings
from starter.amending import amended
from starter.checking.startable import account_problems, check_startable
from tests.starter.analysis import LEADS, THEN, accounts, ids, lead_id
from tests.starter.installation import NOW, Place, campaign

TOKEN = SecretStr("t")
CRM = Account(provider=Provider.SALESFORCE, session_id=TOKEN, instance_url="https://example.my.salesforce.com")
AI = Account(provider=Provider.OPENAI, auth_token=TOKEN)
TWILIO = Account(sid="AC1", auth_token=TOKEN, from_number="+15005550006")
SETTINGS = Settings(accounts={"openai": AI, "salesforce": CRM, "main": TWILIO})
CONTENT = f"Lead ID,City,next\n{lead_id(1)},Bonn,soon\n"


def leads(**keys: object) -> CampaignSpec:
    return parse_spec(campaign(**{**LEADS, **keys}))


def stored(folder: Path, spec: CampaignSpec, content: str = CONTENT) -> CampaignSpec:
    file = folder / "leads.csv"
    file.write_text(content)
    return spec.model_copy(update={"audience": spec.audience.model_copy(update={"file": str(file)})})


def test_an_analysis_with_both_accounts_can_be_started(tmp_path: Path) -> None:
    check_startable(stored(tmp_path, leads(then=THEN)), SETTINGS, NOW)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            leads(account="west"),
            'account: account "west" is not set up (known: main, openai, salesforce), and to assess leads it needs one',
        ),
        (
            leads(lead={"account": "crm"}),
            "it needs one with salesforce; set CLARION_ACCOUNTS__CRM__PROVIDER=salesforce and a login: …__USERNAME,",
        ),
        (
            leads(account="main"),
            'account: account "main" is with twilio, and to assess leads it needs one with openai; name openai in',
        ),
        (
            leads(lead={"account": "openai"}),
            "with openai, and to fetch leads it needs one with salesforce; name salesforce in lead.account",
        ),
        (
            leads(then={**THEN, "campaign": {"channel": "sms", "account": "openai", "message": "Hi"}}),
            'then.campaign: account "openai" is with openai, which assesses leads; name an account with twilio for',
        ),
        (
            leads(then={**THEN, "campaign": {"channel": "call", "account": "salesforce", "call": {"prompt": "Hi"}}}),
            'then.campaign: account "salesforce" is with salesforce, which knows leads; name one with twilio, retell',
        ),
        (
            leads(then={**THEN, "campaign": {"channel": "sms", "account": "west", "message": "Hi"}}),
            'then.campaign: account "west" is not set up',
        ),
    ],
)
def test_what_an_account_cannot_do_is_said_in_one_sentence(spec: CampaignSpec, sentence: str) -> None:
    (problem,) = account_problems(spec, SETTINGS)
    assert sentence in problem
    assert "\n" not in problem


def test_texts_are_not_sent_through_an_account_that_assesses_leads() -> None:
    (problem,) = account_problems(parse_spec(campaign(account="openai")), SETTINGS)
    assert 'account "openai" is with openai, which assesses leads; name an account with twilio for texts' in problem


def test_both_accounts_are_told_of_together(tmp_path: Path) -> None:
    spec = stored(tmp_path, leads(account="west", lead={"account": "crm"}))
    with pytest.raises(BadInput) as refused:
        check_startable(spec, SETTINGS, NOW)
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == ["account", "lead.account"]


@pytest.mark.parametrize(
    ("keys", "content", "sentence"),
    [
        ({}, "Id,City\nx,y\n", 'There is no column "Lead ID" for the lead ids'),
        ({}, "Lead ID,City\n", "has column names but no rows"),
        ({"then": {**THEN, "when": "scor >= 70"}}, CONTENT, 'scor (did you mean "score"?)'),
        (
            {"then": {**THEN, "campaign": {"channel": "sms", "message": "Hello {{ Nam }}"}}},
            CONTENT,
            'then.campaign.message needs Nam (did you mean "Name"?)',
        ),
        (
            {"then": {**THEN, "campaign": {"channel": "call", "call": {"prompt": "Call {{ who }}."}}}},
            CONTENT,
            "then.campaign.call.prompt needs who",
        ),
    ],
)
def test_what_stops_an_analysis_as_a_whole_is_said(
    tmp_path: Path, keys: dict[str, object], content: str, sentence: str
) -> None:
    with pytest.raises(BadInput) as refused:
        check_startable(stored(tmp_path, leads(**keys), content), SETTINGS, NOW)
    assert sentence in str(refused.value)


def test_columns_fields_and_answers_can_all_be_used_by_what_follows(tmp_path: Path) -> None:
    said = {
        "channel": "sms",
        "account": "main",
        "message": "{{ city }}, {{ Company }}, {{ tier }}, {{ x | default(1) }}",
    }
    then = {**THEN, "when": 'tier == "A" and City == "Bonn"', "campaign": said}
    check_startable(stored(tmp_path, leads(then=then)), SETTINGS, NOW)


def test_options_change_what_the_file_says() -> None:
    spec = leads(lead={"write_back": {"Rating": "tier"}}, audience={"file": "leads.xlsx", "lead_id": "Lead ID"})
    assert (spec.lead, spec.assess) != (None, None)
    changed = amended(spec, write_back=True, fresh=True, sheet="May")
    assert changed.lead is not None
    assert changed.assess is not None
    assert (changed.lead.writing, changed.assess.fresh, changed.audience.sheet) == (True, True, "May")
    assert amended(spec) == spec


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"write_back": True}, "--write-back has nothing to write: the campaign's file does not say which answer goes"),
        ({"sheet": "May"}, '--sheet "May" names a sheet of a workbook, and leads.csv has none; leave it out'),
    ],
)
def test_an_option_that_means_nothing_to_a_file_is_refused(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        amended(leads(), **options)  # type: ignore[arg-type]  # options by name
    assert sentence in str(refused.value)


@pytest.mark.parametrize("option", ["write_back", "fresh"])
def test_options_for_leads_are_refused_for_texts(option: str) -> None:
    with pytest.raises(BadInput, match="is for campaigns of channel lead_analysis, and this one is of sms"):
        amended(parse_spec(campaign()), write_back=option == "write_back", fresh=option == "fresh")


def test_the_commands_refuse_in_one_sentence(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts(monkeypatch)
    place.audience(ids(1), "leads.csv")
    place.campaign_file("leads.yaml", **LEADS)
    for arguments, word in (
        (("start", "leads.yaml", "--write-back"), "nothing to write"),
        (("start", "leads.yaml", "--sheet", "May"), "leads.csv has none"),
        (("check", "leads.yaml", "--sheet", "May"), "leads.csv has none"),
        (("start", "some-draft", "--fresh"), "--write-back, --fresh and --sheet need one"),
    ):
        done = place.clarion(*arguments)
        assert (done.code, done.out, done.err.count("\n")) == (2, "", 1)
        assert word in done.err
