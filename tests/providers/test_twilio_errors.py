"""What follows from each of Twilio's errors, refused at once or reported later."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from clarion.domain.target import Outcome
from clarion.providers.exchange import read_retry_after
from clarion.providers.ports import (
    AccountBroken,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Rejected,
    Scope,
)
from clarion.providers.twilio_errors import HTTP_RULES, RULES, refusal
from clarion.providers.twilio_statuses import RANKS, verdict_on
from clarion.providers.twilio_transport import read_error

ACCOUNT_CODES = (10001, 10002, 10005, 20003, 20005, 20006, 21219, 21608, 30002)
SAME_FOR_EVERYBODY = (13214, 20404, 21205, 21210, 21212, 21213, 21218, 21601, 21603, 21606, 21609, 21659, 21660, 21661)
SENDER_POOL = (21701, 21703, 21704, 21705, 21711, 21712)
UNREGISTERED = (30018, 30024, 30032, 30033, 30034, 30035)


@pytest.mark.parametrize("code", [*ACCOUNT_CODES, *SAME_FOR_EVERYBODY, *SENDER_POOL])
def test_what_is_wrong_for_everybody_stops_the_campaign(code: int) -> None:
    error = refusal(code, 400)
    assert isinstance(error, AccountBroken)
    assert error.code == str(code)
    assert f"(Twilio error {code})" in str(error)


@pytest.mark.parametrize(
    ("codes", "outcome"),
    [
        ((21211, 21612, 21614, 21635, 21214, 21217, 13223, 13224, 13225, 21202, 21216), Outcome.INVALID_NUMBER),
        ((21610,), Outcome.OPTED_OUT),
        ((21602, 21605, 21617, 21619), Outcome.REJECTED_CONTENT),
        ((21408, 21215, 13227, 21201, 21203, 21266, 21604), Outcome.FAILED),
    ],
)
def test_what_is_wrong_with_one_target_ends_that_target(codes: tuple[int, ...], outcome: Outcome) -> None:
    for code in codes:
        error = refusal(code, 400)
        assert isinstance(error, Rejected)
        verdict = error.verdict
        assert (verdict.outcome, verdict.final, verdict.retryable) == (outcome, True, False)
        assert verdict.suppress is (outcome is Outcome.OPTED_OUT)
        assert (verdict.provider_code, verdict.detail) == (str(code), RULES[code].meaning)


@pytest.mark.parametrize(
    ("code", "wait", "scope"),
    [
        (20429, 1.0, Scope.ACCOUNT),
        (10004, 5.0, Scope.ACCOUNT),
        (14107, 60.0, Scope.TARGET),
        (21611, 60.0, Scope.SENDER),
        (63038, 3600.0, Scope.ACCOUNT),
    ],
)
def test_what_passes_is_waited_for(code: int, wait: float, scope: Scope) -> None:
    error = refusal(code, 429)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, error.scope, error.code) == (wait, scope, str(code))


@pytest.mark.parametrize(("asked", "wait"), [(5.0, 60.0), (90.0, 90.0), (None, 60.0)])
def test_twilio_can_only_lengthen_a_wait(asked: float | None, wait: float) -> None:
    error = refusal(21611, 429, retry_after=asked)
    assert isinstance(error, RateLimited)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    ("http_status", "expected"),
    [
        (301, OutcomeUnknown),
        (400, Rejected),
        (401, AccountBroken),
        (403, AccountBroken),
        (404, AccountBroken),
        (408, OutcomeUnknown),
        (409, Rejected),
        (422, Rejected),
        (429, RateLimited),
        (500, OutcomeUnknown),
        (503, OutcomeUnknown),
        (599, OutcomeUnknown),
    ],
)
@pytest.mark.parametrize("code", [None, 99999])
def test_an_unlisted_code_falls_back_on_the_http_status(
    code: int | None, http_status: int, expected: type[ProviderError]
) -> None:
    assert type(refusal(code, http_status)) is expected


@pytest.mark.parametrize("code", RULES)
def test_after_a_server_error_no_code_proves_that_nothing_happened(code: int) -> None:
    assert isinstance(refusal(code, 500), OutcomeUnknown)


def test_the_vendors_words_stay_out_of_messages() -> None:
    error = refusal(99999, 400, vendor_text="+14155552671 is odd")
    assert isinstance(error, Rejected)
    assert str(error) == "Twilio refused the request (Twilio error 99999, see twilio.com/docs/api/errors/99999)."
    assert error.verdict.detail == "Twilio refused the request: +14155552671 is odd"
    listed = refusal(21211, 400, vendor_text="+14155552671 is odd")
    assert isinstance(listed, Rejected)
    assert listed.verdict.detail == "this is not a valid phone number"


def test_every_rule_waits_a_time_that_can_be_waited() -> None:
    for rule in (*RULES.values(), *HTTP_RULES.values()):
        assert 0 <= rule.wait <= 86_400


@pytest.mark.parametrize("status", ["accepted", "scheduled", "queued", "sending", "sent"])
def test_what_twilio_has_taken_counts_as_sent(status: str) -> None:
    verdict = verdict_on(status, None, "SM1")
    assert verdict is not None
    assert (verdict.outcome, verdict.final) == (Outcome.SENT, False)
    last = verdict_on(status, None, "SM1", receipts=False)
    assert last is not None
    assert last.final


@pytest.mark.parametrize("status", ["delivered", "read"])
def test_what_arrived_is_delivered(status: str) -> None:
    verdict = verdict_on(status, None, "SM1")
    assert verdict is not None
    assert (verdict.outcome, verdict.final, verdict.provider_status) == (Outcome.DELIVERED, True, status)


@pytest.mark.parametrize("status", ["", "sleeping", "received", "Delivered"])
def test_a_status_we_do_not_know_decides_nothing(status: str) -> None:
    assert verdict_on(status, None, "SM1") is None


@pytest.mark.parametrize(
    ("code", "outcome", "retryable", "at_least"),
    [
        (None, Outcome.UNDELIVERED, True, 0.0),
        (30003, Outcome.UNDELIVERED, True, 0.0),
        (30008, Outcome.UNDELIVERED, True, 0.0),
        (30017, Outcome.UNDELIVERED, True, 0.0),
        (30410, Outcome.UNDELIVERED, True, 0.0),
        (99999, Outcome.UNDELIVERED, True, 0.0),
        (30001, Outcome.UNDELIVERED, True, 0.0),
        (30027, Outcome.UNDELIVERED, True, 86_400.0),
        (63038, Outcome.UNDELIVERED, True, 3_600.0),
        (30004, Outcome.UNDELIVERED, False, 0.0),
        (30005, Outcome.UNDELIVERED, False, 0.0),
        (30006, Outcome.UNDELIVERED, False, 0.0),
        (30007, Outcome.REJECTED_CONTENT, False, 0.0),
        (21610, Outcome.OPTED_OUT, False, 0.0),
        *((code, Outcome.UNDELIVERED, True, 0.0) for code in UNREGISTERED),
    ],
)
def test_a_bad_end_says_whether_another_try_can_help(
    code: int | None, outcome: Outcome, retryable: bool, at_least: float
) -> None:
    verdict = verdict_on("undelivered", code, "SM1")
    assert verdict is not None
    assert (verdict.outcome, verdict.retryable, verdict.at_least) == (outcome, retryable, at_least)
    assert verdict.final
    assert verdict.detail
    assert verdict.account_fault is (code in UNREGISTERED)
    assert verdict.suppress is (outcome is Outcome.OPTED_OUT)
    assert (verdict.provider_reference, verdict.provider_status) == ("SM1", "undelivered")
    assert verdict.provider_code == (None if code is None else str(code))


def test_failed_and_undelivered_stay_apart() -> None:
    verdict = verdict_on("failed", 30008, "SM1")
    assert verdict is not None
    assert (verdict.outcome, verdict.retryable) == (Outcome.FAILED, True)


def test_a_cancelled_message_is_not_sent_again() -> None:
    verdict = verdict_on("canceled", None, "SM1")
    assert verdict is not None
    assert (verdict.outcome, verdict.final, verdict.retryable) == (Outcome.FAILED, True, False)


def test_the_ranks_follow_a_messages_life() -> None:
    life = [RANKS[status] for status in ("accepted", "queued", "sending", "sent", "delivered")]
    assert life == sorted(set(life))
    assert {RANKS[status] for status in ("undelivered", "failed", "canceled", "read")} == {RANKS["delivered"]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"code": 21211, "message": "no"}', (21211, "no")),
        ('{"code": "21211"}', (21211, None)),
        ('{"code": 404, "message": "no"}', (None, "no")),
        ('{"code": true}', (None, None)),
        ('{"code": -21211}', (None, None)),
        ('{"code": 99999999999999999999}', (None, None)),
        ('{"title": "t", "detail": "d", "status": 400, "code": 21610, "type": "x"}', (21610, "d")),
        ("[]", (None, None)),
        ("null", (None, None)),
        ("", (None, None)),
        ("<html>", (None, None)),
    ],
)
def test_reads_the_code_of_any_answer(text: str, expected: tuple[int | None, str | None]) -> None:
    assert read_error(text) == expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("2", 2.0),
        ("0.5", 0.5),
        ("0", None),
        ("-3", None),
        ("inf", None),
        ("nan", None),
        ("", None),
        ("soon", None),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
    ],
)
def test_reads_how_long_to_wait(value: str | None, seconds: float | None) -> None:
    assert read_retry_after(value, now=1000.0) == seconds


def test_reads_a_date_as_servers_write_it() -> None:
    now = float(int(time.time()))
    assert read_retry_after(formatdate(now + 30, usegmt=True), now) == 30.0
