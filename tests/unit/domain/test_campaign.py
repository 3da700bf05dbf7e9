"""What a campaign file may say, and the sentences for what it may not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from clarion.domain.answer import USUAL_ANSWER
from clarion.domain.assessment import AssessSpec, Mode
from clarion.domain.audience import Feed
from clarion.domain.call import MachineRule
from clarion.domain.campaign import (
    CampaignSpec,
    CampaignStatus,
    Channel,
    Limits,
    Priority,
    check_start,
    parse_spec,
    spacing_of,
    then_campaign,
)
from clarion.domain.errors import BadInput
from clarion.domain.lead import USUAL_FIELDS, LeadSpec
from clarion.domain.target import Outcome

SMALL: dict[str, object] = {
    "name": "Spring",
    "channel": "sms",
    "audience": {"file": "customers.csv", "address": "phone"},
    "message": "Hi {{ first_name }}",
}

FULL: dict[str, object] = {
    **SMALL,
    "account": "main",
    "audience": {
        "file": "customers.csv",
        "address": "phone",
        "sheet": "May",
        "time_zone": "tz",
        "message": "text",
        "region": "no",
        "delimiter": "tab",
        "encoding": "cp1252",
    },
    "limits": {"concurrency": 9, "per_second": 5, "per_minute": 200, "per_hour": 9000.5},
    "priority": "high",
    "retry": {"attempts": 2, "delay": "30m", "backoff": 1.5, "on": ["failed"]},
    "window": {"from": "09:00", "to": "20:00", "days": ["mon", "fri"], "time_zone": "Europe/Berlin"},
    "start_at": "2026-12-01T09:00:00+01:00",
    "budget": 25.0,
    "validity": "2d",
    "receipts": {"wait": "4h"},
    "chunk": {"size": 100, "seconds": 20},
}

CALLS: dict[str, object] = {
    "name": "Spring",
    "channel": "call",
    "audience": {"file": "contacts.csv", "address": "phone"},
    "call": {"agent": "agent_1"},
}

ALL_CALLS: dict[str, object] = {
    **CALLS,
    "audience": {
        "file": "contacts.csv",
        "address": "phone",
        "prompt": "own prompt",
        "first_message": "opener",
        "context": "notes",
        "agent": "agent",
        "language": "lang",
    },
    "call": {
        "provider": "Retell",
        "agent": "agent_1",
        "from_number": "+14155550100",
        "prompt": "Find a date for {{ first_name }}.",
        "first_message": "Hello {{ first_name }}",
        "context": "{{ plan }}",
        "voicemail_message": "Please call us back.",
        "language": "en-US",
        "variables": ["first_name", "plan", "first_name"],
        "max_minutes": 4.5,
        "machine": "leave_message",
    },
    "fallback": {
        "on": ["busy", "no_answer", "busy"],
        "message": "We called you, {{ first_name }}.",
        "account": "texts",
    },
    "breaker": {"share": 0.3, "of": 50, "at_least": 10},
    "limits": {"concurrency": 30, "per_person_per_day": 2},
    "retry": {"on": ["busy"], "exclude_voicemail": False, "per_outcome": {"voicemail": {"delay": "2h"}}},
}

LEADS: dict[str, object] = {
    "name": "Fair",
    "channel": "lead_analysis",
    "audience": {"file": "leads.xlsx", "lead_id": "Lead ID"},
}

ALL_LEADS: dict[str, object] = {
    **LEADS,
    "account": "ai",
    "audience": {"file": "leads.xlsx", "sheet": "May", "lead_id": "Lead ID", "time_zone": "tz", "region": "US"},
    "lead": {
        "account": "crm",
        "fields": ["Name", "Company", "AI_Tier__c", "OwnerId", "name", "Id", "Phone"],
        "chunk": 150,
        "converted": True,
        "write_back": {"AI_Score__c": "score", "AI_Tier__c": "tier"},
        "writing": True,
    },
    "assess": {
        "model": "gpt-5",
        "instructions": "Score for a maker of heat pumps.",
        "fields": {
            "why": {"type": "text", "description": "In one sentence."},
            "score": {"type": "integer", "from": 0, "to": 10},
            "tier": {"type": "choice", "of": ["hot", "cold"]},
        },
        "mode": "auto",
        "within": "36h",
        "max_output_tokens": 500,
        "fresh": True,
    },
    "then": {
        "when": "score >= 7 and tier == 'hot'",
        "phone": ["Phone"],
        "campaign": {
            "channel": "call",
            "account": "retell",
            "call": {"agent": "agent_1", "context": "{{ why }}"},
            "start_at": datetime(2030, 12, 1, 9, tzinfo=UTC),
            "fallback": {"message": "We called you, {{ Name }}.", "account": "texts"},
        },
    },
    "limits": {"concurrency": 500, "per_minute": 4000},
    "retry": {"on": ["refused"]},
    "window": {"from": "09:00", "to": "20:00", "time_zone": "Europe/Berlin"},
    "budget": 100,
}


def problem(**change: object) -> str:
    """The sentence for a small campaign with a change."""
    return problem_of({**SMALL, **change})


def problem_of(data: dict[str, object]) -> str:
    with pytest.raises(BadInput) as refused:
        parse_spec(data)
    return str(refused.value)


def test_a_small_campaign_gets_careful_rules() -> None:
    spec = parse_spec(SMALL)
    assert (spec.account, spec.priority, spec.limits.concurrency) == ("main", Priority.NORMAL, 5)
    assert (spec.retry.attempts, spec.retry.delay, spec.retry.backoff) == (3, 1800, 2)
    assert (spec.receipts.wait, spec.chunk.size, spec.chunk.seconds) == (3600, 50, 30)
    assert (spec.window, spec.start_at, spec.budget, spec.validity) == (None, None, None, None)


def test_a_full_campaign_is_read_as_written() -> None:
    spec = parse_spec(FULL)
    assert spec.audience.region == "NO"
    assert spec.audience.delimiter == "\t"
    assert spec.retry.on == (Outcome.FAILED,)
    assert spec.retry.delay == 1800
    assert spec.window is not None
    assert spec.window.from_.hour == 9
    assert spec.start_at == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert (spec.validity, spec.receipts.wait) == (172_800, 14_400)


def test_calls_get_rules_that_fit_calls() -> None:
    spec = parse_spec(CALLS)
    assert (spec.limits.concurrency, spec.limits.per_person_per_day, spec.chunk.seconds) == (3, 3, 300)
    assert (spec.retry.attempts, spec.retry.delay, spec.retry.backoff) == (3, 1800, 1)
    assert (spec.breaker.share, spec.breaker.of, spec.breaker.at_least) == (0.5, 20, 5)
    assert spec.call is not None
    assert (spec.call.max_minutes, spec.call.machine, spec.call.variables) == (10, MachineRule.HANG_UP, None)
    assert (spec.fallback, spec.feed) == (None, None)


def test_what_a_campaign_of_calls_says_goes_before_the_rules_that_fit_calls() -> None:
    given = {"limits": {"concurrency": 5, "per_second": 1}, "chunk": {"size": 3}, "retry": {"backoff": 3}}
    spec = parse_spec({**CALLS, **given})
    assert (spec.limits.concurrency, spec.limits.per_second) == (5, 1)
    assert (spec.chunk.size, spec.chunk.seconds, spec.retry.backoff) == (3, 300, 3)


def test_a_full_campaign_of_calls_is_read_as_written() -> None:
    spec = parse_spec(ALL_CALLS)
    assert spec.call is not None
    assert spec.fallback is not None
    assert (spec.call.provider, spec.call.variables) == ("retell", ("first_name", "plan"))
    assert (spec.call.machine, spec.call.longest) == (MachineRule.LEAVE_MESSAGE, 60 + 4.5 * 60)
    assert (spec.fallback.on, spec.fallback.account) == ((Outcome.BUSY, Outcome.NO_ANSWER), "texts")
    assert spec.retry.retried == {Outcome.BUSY, Outcome.VOICEMAIL}
    assert spec.audience.prompt == "own prompt"


def test_leads_get_rules_that_fit_leads() -> None:
    spec = parse_spec(LEADS)
    assert (spec.account, spec.audience.address, spec.limits.concurrency) == ("openai", "Lead ID", 50)
    assert (spec.retry.attempts, spec.retry.delay, spec.retry.backoff) == (3, 5, 4)
    assert spec.retry.on == (Outcome.FAILED, Outcome.TRUNCATED, Outcome.INVALID_ANSWER)
    assert spec.lead == LeadSpec()
    assert spec.assess == AssessSpec()
    assert (spec.lead.account, spec.lead.chunk, spec.lead.writing) == ("salesforce", 2000, False)
    assert (spec.assess.mode, list(spec.assess.fields)) == (Mode.LIVE, list(USUAL_ANSWER))
    assert spec.then is None


def test_a_full_campaign_of_leads_is_read_as_written() -> None:
    spec = parse_spec(ALL_LEADS)
    assert spec.lead is not None
    assert spec.assess is not None
    assert spec.lead.fields == ("Name", "Company", "OwnerId", "Phone")
    assert spec.lead.write_back == {"AI_Score__c": "score", "AI_Tier__c": "tier"}
    assert (spec.assess.within, spec.assess.mode, spec.limits.concurrency) == (129_600, Mode.AUTO, 500)
    assert list(spec.assess.fields) == ["why", "score", "tier"]
    assert spec.retry.on == (Outcome.REFUSED,)


def test_the_column_of_leads_may_be_called_an_address_too() -> None:
    assert parse_spec({**LEADS, "audience": {"file": "a.csv", "address": "Id"}}).audience.address == "Id"


def test_fields_that_are_written_back_are_no_part_of_the_question() -> None:
    lead = parse_spec({**LEADS, "lead": {"write_back": {"rating": "tier"}}}).lead
    assert lead is not None
    assert set(USUAL_FIELDS) - set(lead.fields) == {"Rating"}


def test_a_campaign_that_follows_leads_is_made_of_their_words_and_its_own() -> None:
    leads = parse_spec(ALL_LEADS)
    spec = then_campaign(leads, "fair")
    assert (spec.name, spec.channel, spec.account) == ("Fair (then)", Channel.CALL, "retell")
    assert spec.feed == Feed(
        campaign="fair", outcomes=(Outcome.ASSESSED,), when="score >= 7 and tier == 'hot'", phone=("Phone",)
    )
    assert (spec.audience.address, spec.audience.region, spec.audience.time_zone) == ("phone", "US", "tz")
    assert (spec.limits.concurrency, spec.chunk.seconds) == (3, 300)
    assert spec.start_at == datetime(2030, 12, 1, 9, tzinfo=UTC)
    assert CampaignSpec.model_validate_json(spec.model_dump_json()) == spec
    assert then_campaign(CampaignSpec.model_validate_json(leads.model_dump_json()), "fair") == spec


def test_a_campaign_that_follows_leads_may_have_a_name_of_its_own() -> None:
    campaign = {"channel": "sms", "message": "Hi", "name": "Best of the fair"}
    spec = parse_spec({**LEADS, "then": {"when": "score > 50", "campaign": campaign}})
    assert then_campaign(spec, "fair").name == "Best of the fair"
    long = parse_spec(
        {**LEADS, "name": "x" * 200, "then": {"when": "score > 50", "campaign": {**campaign, "name": "y"}}}
    )
    assert then_campaign(long, "fair").name == "y"
    nameless = {"channel": "sms", "message": "Hi"}
    long = parse_spec({**LEADS, "name": "x" * 200, "then": {"when": "score > 50", "campaign": nameless}})
    assert len(then_campaign(long, "fair").name) <= 200


def test_nothing_follows_a_campaign_that_does_not_say_so() -> None:
    with pytest.raises(BadInput, match='nothing follows campaign "fair": it has no group then'):
        then_campaign(parse_spec(LEADS), "fair")


def test_texts_follow_those_who_were_not_reached_unless_the_file_names_others() -> None:
    fallback = parse_spec({**CALLS, "fallback": {"message": "We called you."}}).fallback
    assert fallback is not None
    assert (fallback.on, fallback.account) == ((Outcome.NO_ANSWER, Outcome.VOICEMAIL), None)


def test_a_campaign_that_follows_calls_reads_their_rows_as_they_are() -> None:
    calls = parse_spec(ALL_CALLS)
    feed = Feed(campaign="spring", outcomes=(Outcome.BUSY,))
    spec = CampaignSpec(name="Texts", channel=Channel.SMS, audience=calls.audience, message="Hi", feed=feed)
    assert CampaignSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("data", [SMALL, FULL, CALLS, ALL_CALLS, LEADS, ALL_LEADS])
def test_a_campaign_survives_being_written_and_read(data: dict[str, object]) -> None:
    spec = parse_spec(data)
    assert CampaignSpec.model_validate_json(spec.model_dump_json()) == spec
    assert parse_spec(spec.model_dump(mode="json")) == spec


def test_a_campaign_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        parse_spec(SMALL).name = "other"  # type: ignore[misc]


def test_a_number_as_a_name_needs_no_quotes() -> None:
    assert parse_spec({**SMALL, "name": 2026}).name == "2026"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"prioritty": "high"},
            'unknown key "prioritty" (did you mean "priority"?); known are name, channel',
        ),
        ({"limits": {"concurency": 3}}, 'limits: unknown key "concurency" (did you mean "concurrency"?)'),
        ({"channel": "smss"}, 'channel is "smss"; give sms, call or lead_analysis (did you mean "sms"?)'),
        ({"priority": "urgent"}, 'priority is "urgent"; give high, normal or low'),
        ({"name": "  "}, 'name is "  "; give a name of 1 to 200 characters'),
        ({"name": None}, "name is empty; give a name"),
        ({"account": "a b"}, 'account is "a b"; give the name of an account'),
        ({"limits": {"concurrency": 0}}, "limits.concurrency is 0; give a whole number from 1 to 50"),
        ({"limits": {"concurrency": 51}}, "limits.concurrency is 51; give a whole number from 1 to 50"),
        ({"limits": {"concurrency": "many"}}, 'limits.concurrency is "many"; give a whole number'),
        ({"limits": {"concurrency": True}}, "limits.concurrency: true is not a number"),
        ({"limits": {"per_second": -1}}, "limits.per_second is -1; give a number greater than 0"),
        ({"limits": {"per_hour": 0}}, "limits.per_hour is 0; give a number greater than 0"),
        ({"limits": {"per_minute": float("inf")}}, "limits.per_minute is inf; give a number greater than 0"),
        ({"limits": [1, 2]}, "limits is a list; give a group of keys"),
        ({"window": {"from": "09:00", "to": "09:00"}}, "window: from and to are both 09:00"),
        ({"window": {"from": "09:00"}}, 'window.to is missing; give a time of day such as "20:00"'),
        ({"window": {"from": 1200, "to": "23:00"}}, "window.from: 1200 is not a time of day; write it in quotes"),
        ({"window": {"from": "9:00", "to": "10:00", "days": ["mo"]}}, 'window.days.1 is "mo"; give a list of days'),
        ({"window": {"from": "9:00", "to": "10:00", "time_zone": "Berlin"}}, '"Berlin" is not a time zone'),
        ({"start_at": "2026-12-01T09:00:00"}, "2026-12-01T09:00:00 does not say in which time zone; add its offset"),
        ({"start_at": datetime(2026, 12, 1, 9)}, "does not say in which time zone"),  # noqa: DTZ001 - as given
        ({"start_at": "tomorrow"}, 'start_at: "tomorrow" is not a date and time; write it as ISO 8601'),
        ({"start_at": 1_800_000_000}, "start_at: 1800000000 is not a date and time"),
        ({"budget": 0}, "budget is 0; give an amount greater than 0"),
        ({"budget": "a lot"}, 'budget is "a lot"; give an amount'),
        ({"validity": "2 days"}, 'validity: "2 days" is not a length of time'),
        ({"validity": 0}, "validity is 0; give a length of time"),
        ({"receipts": {"wait": "x"}}, 'receipts.wait: "x" is not a length of time'),
        ({"retry": {"attempts": 0}}, "retry.attempts is 0; give a whole number from 1"),
        ({"retry": {"on": ["delivered"]}}, "retry.on: a target that ended as delivered is never tried again"),
        ({"retry": {"on": ["faild"]}}, 'retry.on.1 is "faild"; give a list of outcomes'),
        ({"retry": {True: ["failed"]}}, 'retry: true is not a key; keys are texts (put one such as "on" in quotes)'),
        ({"chunk": {"size": 1001}}, "chunk.size is 1001; give a whole number from 1 to 1000"),
        ({"chunk": {"seconds": 0}}, "chunk.seconds is 0; give"),
        ({"audience": None}, "audience is empty; give a group with the keys file and address"),
        (
            {"audience": {"file": "a.csv"}},
            "audience.address is missing; give the name of the column with the phone numbers",
        ),
        ({"audience": {"file": "a", "address": "p", "region": "UK"}}, '"UK" is not a region (did you mean "GB"?)'),
        ({"audience": {"file": "a", "address": "p", "delimiter": ";;"}}, '";;" cannot separate cells'),
        ({"audience": {"file": "a", "address": "p", "encoding": "klingon"}}, '"klingon" is not an encoding'),
        ({"message": "Hi\n{{ name|uper }}"}, 'message: line 2: unknown filter "uper" (did you mean "upper"?)'),
        ({"message": " \n"}, "message: the text is empty"),
        ({"message": None}, "message is missing; give the text to send, or the column with each row's own text"),
        ({"message": ["Hi"]}, "message is a list; give the text to send"),
    ],
)
def test_each_problem_is_one_sentence_with_the_value_and_the_way_out(change: dict[str, object], sentence: str) -> None:
    said = problem(**change)
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"call": None}, "call is missing; give a group of keys such as agent, prompt, first_message and max_minutes"),
        ({"call": "agent_1"}, 'call is "agent_1"; give a group of keys such as agent'),
        ({"call": {"promt": "x"}}, 'call: unknown key "promt" (did you mean "prompt"?); known are provider, agent,'),
        ({"call": {"agent": " "}}, 'call.agent is " "; give the id of an agent at the provider'),
        ({"call": {"prompt": ""}}, "call.prompt: the text is empty; write the text, or leave the key out"),
        ({"call": {"first_message": "{{ name|uper }}"}}, 'call.first_message: line 1: unknown filter "uper"'),
        ({"call": {"provider": "retel"}}, 'call.provider: "retel" is not a provider of calls (did you mean "retell"?)'),
        ({"call": {"max_minutes": 0}}, "call.max_minutes is 0; give a number of minutes, 60 at most"),
        ({"call": {"max_minutes": 61}}, "call.max_minutes is 61; give a number of minutes, 60 at most"),
        ({"call": {"machine": "hangup"}}, 'call.machine is "hangup"; give hang_up, leave_message or continue'),
        ({"call": {"variables": "plan"}}, 'call.variables is "plan"; give a list of columns, 100 at most'),
        (
            {"call": {"variables": [str(n) for n in range(101)]}},
            "call.variables is a list; give a list of columns, 100",
        ),
        (
            {"call": {"voicemail_message": "Call us back."}},
            "call: voicemail_message is given, and machine is hang_up, so nobody would ever hear it; set machine:",
        ),
        ({"message": "Hi"}, "message belongs to campaigns of channel sms; what a call says stands in call"),
        (
            {"audience": {"file": "a", "address": "p", "message": "text"}},
            "audience.message belongs to campaigns of channel sms",
        ),
        ({"fallback": {}}, "fallback.message is missing; give the text to send"),
        ({"fallback": {"message": "{{"}}, "fallback.message: line 1:"),
        (
            {"fallback": {"message": "Hi", "on": []}},
            "fallback.on: no outcome is given, so no text would follow; give some",
        ),
        (
            {"fallback": {"message": "Hi", "on": ["answered"]}},
            "fallback.on: no text follows a call that ended as answered; give only no_answer, voicemail, busy, failed",
        ),
        ({"fallback": {"message": "Hi", "on": ["bussy"]}}, 'fallback.on.1 is "bussy"; give a list of outcomes out of'),
        ({"fallback": {"mesage": "Hi", "message": "Hi"}}, 'fallback: unknown key "mesage" (did you mean "message"?)'),
        ({"breaker": {"share": 0}}, "breaker.share is 0; give a share from 0 to 1"),
        ({"breaker": {"share": 50}}, "breaker.share is 50; give a share from 0 to 1"),
        ({"breaker": {"of": 101}}, "breaker.of is 101; give a whole number from 1 to 100"),
        ({"breaker": {"at_leest": 3}}, 'breaker: unknown key "at_leest" (did you mean "at_least"?)'),
        ({"limits": {"per_person_per_day": 21}}, "limits.per_person_per_day is 21; give a whole number from 1 to 20"),
        ({"feed": {"campaign": "x", "outcomes": ["busy"]}}, "feed cannot be given: it is for the texts that follow"),
        ({"retry": {"per_outcome": {"bussy": {}}}}, 'retry.per_outcome.bussy is "bussy"; give a group of outcomes'),
        (
            {"retry": {"per_outcome": {"busy": {"dely": "5m"}}}},
            'retry.per_outcome.busy: unknown key "dely" (did you mean "delay"?); known are attempts, delay, backoff',
        ),
        (
            {"retry": {"per_outcome": {"busy": {"attempts": 0}}}},
            "retry.per_outcome.busy.attempts is 0; give a whole number from 1 (no retry) to 20",
        ),
        ({"retry": {"per_outcome": {"answered": {}}}}, "a target that ended as answered is never tried again; give"),
        (
            {"retry": {"on": ["voicemail"], "exclude_voicemail": True}},
            "retry: voicemail stands in on, and exclude_voicemail is true; leave one of them out",
        ),
        (
            {"retry": {"per_outcome": {"voicemail": {"delay": "2h"}}}},
            "retry: per_outcome has rules for voicemail, which is not tried again; set exclude_voicemail: false, or",
        ),
        (
            {"retry": {"on": ["busy"], "per_outcome": {"no_answer": {}}}},
            "retry: per_outcome has rules for no_answer, which is not tried again; add it to on, or leave it out",
        ),
        ({"retry": {"exclude_voicemail": "maybe"}}, 'retry.exclude_voicemail is "maybe"; give true or false'),
    ],
)
def test_each_problem_of_calls_is_one_sentence_too(change: dict[str, object], sentence: str) -> None:
    said = problem_of({**CALLS, **change})
    assert sentence in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"call": {}}, "call"),
        ({"fallback": {"message": "Hi"}}, "fallback"),
        ({"breaker": {"share": 0.9}}, "breaker"),
        ({"audience": {"file": "a", "address": "p", "prompt": "words"}}, "audience.prompt"),
    ],
)
def test_what_only_calls_have_is_refused_elsewhere(change: dict[str, object], word: str) -> None:
    assert problem(**change) == f"{word} belongs to campaigns of channel call; this one has channel sms"


def then(when: str = "score >= 70", **campaign: object) -> dict[str, object]:
    return {"then": {"when": when, "campaign": {"channel": "sms", "message": "Hi {{ Name }}", **campaign}}}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"audience": {"file": "a.xlsx"}},
            "audience.address is missing; give the name of the column with the phone numbers, or of lead ids",
        ),
        ({"audience": {"file": "a", "lead_id": " "}}, 'audience.address is " "; give the name of the column with'),
        (
            {"audience": {"file": "a", "lead_id": "a", "address": "b"}},
            "audience: lead_id and address mean the same column; leave one of them out",
        ),
        ({"message": "Hi"}, "message belongs to campaigns of channel sms; leads are told nothing"),
        (
            {"audience": {"file": "a", "lead_id": "a", "message": "t"}},
            "audience.message belongs to campaigns of channel",
        ),
        ({"audience": {"file": "a", "lead_id": "a", "prompt": "t"}}, "audience.prompt belongs to campaigns of channel"),
        ({"audience": {"file": "a", "lead_id": "a", "region": "US"}}, "audience.region is for those who are contacted"),
        ({"audience": {"file": "a", "lead_id": "a", "time_zone": "z"}}, "audience.time_zone is for those who are"),
        ({"call": {}}, "call belongs to campaigns of channel call; this one has channel lead_analysis"),
        ({"fallback": {"message": "Hi"}}, "fallback belongs to campaigns of channel call"),
        ({"breaker": {"share": 0.9}}, "breaker belongs to campaigns of channel call"),
        ({"feed": {"campaign": "x", "outcomes": ["assessed"]}}, "feed cannot be given"),
        ({"limits": {"concurrency": 501}}, "limits.concurrency is 501; give a whole number from 1 to 500"),
        (
            {"window": {"from": "09:00", "to": "10:00"}},
            "window: time_zone is target, and a lead is in none that is known; give a name such as Europe/Berlin",
        ),
        ({"lead": "crm"}, 'lead is "crm"; give a group of keys such as fields and write_back'),
        ({"lead": {"feilds": ["Name"]}}, 'lead: unknown key "feilds" (did you mean "fields"?)'),
        ({"lead": {"fields": []}}, "lead.fields is a list; give a list of 1 to 200 fields of a Lead"),
        ({"lead": {"fields": ["First Name"]}}, 'lead.fields: "First Name" cannot be a field of a lead; give its API'),
        ({"lead": {"fields": ["Name", "Id;"]}}, 'lead.fields: "Id;" cannot be a field of a lead'),
        (
            {"lead": {"fields": ["Name", "Owner.Name"]}},
            'lead.fields: "Owner.Name" is a field of another object; give fields of the lead itself, such as OwnerId,',
        ),
        ({"lead": {"fields": ["Name."]}}, 'lead.fields: "Name." cannot be a field of a lead; give its API name'),
        ({"lead": {"fields": ["Id", "IsConverted"]}}, "lead.fields: Id, IsConverted say nothing about a lead"),
        ({"lead": {"chunk": 2001}}, "lead.chunk is 2001; give a whole number from 1 to 2000"),
        ({"lead": {"writing": True}}, "lead: write_back is missing, so nothing could be written; give a group of"),
        (
            {"lead": {"write_back": {"AI__c": "scor"}}},
            'lead.write_back.AI__c: "scor" is no answer (did you mean "score"?); assess.fields has score, tier,',
        ),
        (
            {"lead": {"write_back": {"Owner.Name": "tier"}}},
            'lead.write_back: "Owner.Name" is a field of another object',
        ),
        ({"lead": {"write_back": {"Id": "tier"}}}, 'lead.write_back: "Id" cannot be written, as Salesforce sets it'),
        ({"lead": {"write_back": {"A b": "tier"}}}, 'lead.write_back: "A b" cannot be a field of a lead'),
        ({"lead": {"write_back": {"A": "tier", "a": "score"}}}, 'lead.write_back: "a" is given twice, in capitals and'),
        ({"assess": {"mode": "fast"}}, 'assess.mode is "fast"; give live, batch or auto'),
        ({"assess": {"within": 0}}, 'assess.within is 0; give a length of time such as "36h"'),
        ({"assess": {"max_output_tokens": 8}}, "assess.max_output_tokens is 8; give a whole number from 16 to 32000"),
        ({"assess": {"fields": {"a b": {"type": "text"}}}}, 'assess.fields: "a b" cannot name an answer; give letters'),
        (
            {"assess": {"fields": {"a": {"type": "texxt"}}}},
            'assess.fields.a.type is "texxt"; give one of text, integer',
        ),
        ({"assess": {"fields": {"a": {"type": "choice"}}}}, "assess.fields.a: of is missing; give the list of choices"),
        ({"then": {"when": "score >= 70"}}, "then.campaign is missing; give a group of keys such as channel, account"),
        (then("score >="), "then.when: this is no condition: unexpected"),
        (then("score = 70"), "then.when: this is no condition: = does not compare; write =="),
        (then(channel="fax"), 'then.campaign.channel is "fax"; give sms, call or lead_analysis'),
        (then(channel="lead_analysis"), "then.campaign: no analysis of leads can follow another one; give sms or call"),
        (then(channel=None), "then.campaign: channel is missing; give sms or call"),
        (then(audience={"file": "a"}), "then.campaign: audience cannot be given: its rows are the leads for which"),
        (then(feed={}), "then.campaign: feed cannot be given"),
        (then(mesage="Hi"), 'then.campaign: unknown key "mesage" (did you mean "message"?)'),
        (then(message=None), "then.campaign: message is missing; give the text to send"),
        (then(channel="call", message=None), "then.campaign: call is missing; give a group of keys such as agent"),
        (then(message="{{"), "then.campaign.message: line 1:"),
        (then(limits={"concurrency": 51}), "then.campaign: limits.concurrency is 51; give a whole number from 1 to 50"),
        (then(limits={"per_second": 0}), "then.campaign.limits.per_second is 0; give a number greater than 0"),
        (
            then(limits={"concurency": 5}),
            'then.campaign.limits: unknown key "concurency" (did you mean "concurrency"?)',
        ),
        (
            {"then": {"when": "score > 1", "phone": ["Fon"], "campaign": {"channel": "sms", "message": "Hi"}}},
            'then.phone: "Fon" is not fetched (did you mean "Phone"?); add it to lead.fields, or leave it out',
        ),
        (
            {**then(), "lead": {"fields": ["Name"]}},
            'then.phone: "MobilePhone" is not fetched; add it to lead.fields, or leave it out',
        ),
    ],
)
def test_each_problem_of_leads_is_one_sentence_too(change: dict[str, object], sentence: str) -> None:
    said = problem_of({**LEADS, **change})
    assert sentence in said
    assert len(said.splitlines()) == 1


def test_one_of_the_usual_fields_with_phone_numbers_is_enough() -> None:
    assert parse_spec({**LEADS, **then(), "lead": {"fields": ["Name", "Phone"]}}).then is not None


def test_problems_of_the_campaign_that_follows_are_said_together() -> None:
    assert problem_of({**LEADS, **then(priority="x", budget=0)}).splitlines() == [
        'then.campaign.priority is "x"; give high, normal or low',
        "then.campaign.budget is 0; give an amount greater than 0",
    ]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"lead": {}}, "lead"),
        ({"assess": {}}, "assess"),
        ({"then": {"when": "x > 1", "campaign": {"channel": "sms", "message": "Hi"}}}, "then"),
    ],
)
def test_what_only_leads_have_is_refused_elsewhere(change: dict[str, object], word: str) -> None:
    assert problem(**change) == f"{word} belongs to campaigns of channel lead_analysis; this one has channel sms"
    assert problem_of({**CALLS, **change}).startswith(f"{word} belongs to campaigns of channel lead_analysis")


def test_ids_of_leads_are_no_addresses_of_people() -> None:
    said = problem(audience={"file": "a.csv", "lead_id": "Id"})
    assert said.startswith('audience: unknown key "lead_id"')


def test_a_mistyped_key_is_said_before_what_is_missing_because_of_it() -> None:
    assert problem(window={"form": "09:00", "to": "10:00"}).splitlines() == [
        'window: unknown key "form" (did you mean "from"?); known are from, to, days, time_zone',
        'window.from is missing; give a time of day such as "09:00"',
    ]


def test_several_problems_are_said_together() -> None:
    said = problem(priority="x", limits={"concurrency": 0, "per_second": 0}, audience={}).splitlines()
    assert [line.split(" ")[0] for line in said] == [
        "audience.file",
        "audience.address",
        "limits.concurrency",
        "limits.per_second",
        "priority",
    ]


def test_a_long_value_is_shown_shortened() -> None:
    assert len(problem(channel="x" * 5000)) < 200


@pytest.mark.parametrize(("data", "word"), [([], "a list"), ("sms", '"sms"'), (None, "empty"), (3, "3")])
def test_what_is_no_campaign_at_all_is_refused(data: object, word: str) -> None:
    with pytest.raises(BadInput, match=f"a group of keys such as name, channel and audience, and this is {word}"):
        parse_spec(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(st.sampled_from([*FULL, *ALL_CALLS, *ALL_LEADS, "feed", "other"]), JSON),
    st.sampled_from([{}, SMALL, FULL, CALLS, ALL_CALLS, LEADS, ALL_LEADS]),
)
def test_any_data_is_a_campaign_or_refused(change: dict[str, object], base: dict[str, object]) -> None:
    try:
        spec = parse_spec({**base, **change})
    except BadInput:
        return
    assert CampaignSpec.model_validate_json(spec.model_dump_json()) == spec


def test_each_row_may_bring_its_own_text() -> None:
    audience = {"file": "a.csv", "address": "phone", "message": "text"}
    assert parse_spec({**SMALL, "message": None, "audience": audience}).audience.message == "text"


def test_only_text_messages_need_a_text() -> None:
    assert parse_spec(LEADS).message is None
    assert parse_spec({**CALLS, "call": {}}).message is None


@pytest.mark.parametrize(("priority", "per_second"), [("high", 8), ("normal", 5), ("low", 2)])
def test_the_priority_sets_the_pace_of_texts(priority: str, per_second: float) -> None:
    apart = spacing_of(parse_spec({**SMALL, "priority": priority}))
    assert 0.98 * per_second <= 1 / apart < per_second


def test_any_limit_replaces_the_pace_of_the_priority() -> None:
    assert spacing_of(parse_spec({**SMALL, "priority": "low", "limits": {"per_minute": 600}})) < 0.11


def test_other_channels_have_no_pace_of_their_own() -> None:
    assert spacing_of(parse_spec(CALLS)) == 0
    assert spacing_of(parse_spec(LEADS)) == 0
    assert spacing_of(parse_spec({**LEADS, "limits": {"per_second": 4}})) == pytest.approx(0.25, rel=0.03)
    assert spacing_of(parse_spec({**CALLS, "limits": {"per_minute": 6}})) == pytest.approx(10, rel=0.01)


NOW = 1_800_000_000.0


@pytest.mark.parametrize(("seconds", "in_time"), [(None, True), (3600, True), (0, True), (-59, True), (-61, False)])
def test_a_start_in_the_past_is_refused(seconds: int | None, in_time: bool) -> None:
    start = None if seconds is None else datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=seconds)
    spec = parse_spec({**SMALL, "start_at": start})
    if in_time:
        check_start(spec, NOW)
    else:
        with pytest.raises(BadInput, match="has passed"):
            check_start(spec, NOW)


@pytest.mark.parametrize("word", ["processing", "active", "in_progress", "Running", " RUNNING "])
def test_other_systems_words_for_running_are_understood(word: str) -> None:
    assert CampaignStatus(word) is CampaignStatus.RUNNING


def test_a_word_nobody_uses_is_no_status() -> None:
    with pytest.raises(ValueError, match="sleeping"):
        CampaignStatus("sleeping")


def test_three_states_are_final() -> None:
    final = {status for status in CampaignStatus if status.is_final}
    assert final == {CampaignStatus.COMPLETED, CampaignStatus.CANCELLED, CampaignStatus.FAILED}


def test_limits_can_be_given_alone() -> None:
    assert Limits.model_validate({"per_second": 3}).concurrency == 5
    assert Channel("sms") is Channel.SMS
