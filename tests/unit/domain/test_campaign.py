"""What a campaign file may say, and the rules that hold where it says nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
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
from tests.unit.domain.campaign_words import ALL_CALLS, ALL_LEADS, CALLS, FULL, LEADS, SMALL


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
