"""What is wrong with a campaign file is said in one sentence each, with the value and the way out."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.campaign import (
    CampaignSpec,
    parse_spec,
)
from clarion.domain.errors import BadInput
from tests.unit.domain.campaign_words import ALL_CALLS, ALL_LEADS, CALLS, FULL, LEADS, SMALL, problem, problem_of


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
