"""``clarion check`` for analyses of leads: ids, requests to Salesforce, tokens, money and time."""

from __future__ import annotations

import pytest

from clarion.settings import load_settings
from starter.campaign_file import read_campaign_file
from starter.checking.forecast import SECONDS_PER_ANSWER
from starter.checking.preflight import Preflight, preflight
from starter.checking.preflight_leads import BATCH_PRICE, LeadPlan
from tests.starter.analysis import LEADS, THEN, accounts, ids, lead_id
from tests.starter.installation import NOW, Place


@pytest.fixture
def place(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An installation with the two accounts."""
    accounts(monkeypatch)
    return place


def checked(place: Place, rows: list[list[str]], **keys: object) -> Preflight:
    place.audience(rows, "leads.csv")
    file = place.campaign_file("leads.yaml", **{**LEADS, **keys})
    return preflight(read_campaign_file(file), load_settings(), now=NOW)


def plan(found: Preflight) -> LeadPlan:
    assert found.leads is not None
    return found.leads


def seconds(found: Preflight) -> float:
    assert found.expected_end is not None
    return found.expected_end - NOW


def test_ids_are_accepted_put_right_or_left_out_with_their_rows(place: Place) -> None:
    lost = lead_id(3).lower()
    rows = ids(2, lost, lead_id(4)[:15], "", "0035e00000A1bCdEAJ", lead_id(1), "=A1", "1.2E+15")
    found = checked(place, rows)
    assert (found.total, found.accepted, found.rejected) == (9, 4, 5)
    assert {reason.reason: reason.rows for reason in found.reasons} == {
        "missing_lead_id": (6,),
        "wrong_object": (7,),
        "duplicate": (8,),
        "invalid_lead_id": (9, 10),
    }
    assert (plan(found).repaired, plan(found).repaired_rows, plan(found).completed) == (1, (4,), 1)


def test_the_requests_to_salesforce_are_counted(place: Place) -> None:
    rows = ids(301)
    assert plan(checked(place, rows)).fetch_calls == 1
    lead = {"chunk": 150, "write_back": {"Rating": "tier"}}
    assert (plan(checked(place, rows, lead=lead)).fetch_calls, plan(checked(place, rows, lead=lead)).write_calls) == (
        3,
        0,
    )
    assert plan(checked(place, rows, lead={**lead, "writing": True})).write_calls == 2


def test_cost_follows_tokens_and_prices_and_is_half_in_batches(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARION_ACCOUNTS__OPENAI__PRICE_PER_MILLION_INPUT", "1")
    monkeypatch.setenv("CLARION_ACCOUNTS__OPENAI__PRICE_PER_MILLION_OUTPUT", "10")
    live = checked(place, ids(10), budget=0.001)
    told = plan(live)
    assert told.cost_live == pytest.approx((told.input_tokens + 10 * told.output_tokens) / 1e6, abs=1e-4)
    assert told.cost_batch == pytest.approx(told.cost_live * BATCH_PRICE, abs=1e-4)
    assert live.expected_cost == told.cost_live < live.most_cost
    assert live.covered < 10
    batch = checked(place, ids(10), assess={"mode": "batch"})
    assert (plan(batch).in_batches, batch.expected_cost) == (True, plan(batch).cost_batch)
    assert seconds(batch) == 86_400


def test_more_to_ask_takes_more_tokens(place: Place) -> None:
    short = plan(checked(place, ids(1)))
    long = plan(checked(place, ids(1), assess={"instructions": "Look at this. " * 500}))
    assert long.input_tokens > short.input_tokens + 1_000
    many = plan(checked(place, ids(1), lead={"fields": ["Name", "Description", "Company"]}))
    assert many.input_tokens > short.input_tokens


@pytest.mark.parametrize(
    ("keys", "rate", "decided_by"),
    [
        ({"limits": {"concurrency": 30}}, 30 / SECONDS_PER_ANSWER, "concurrency"),
        ({"limits": {"concurrency": 30, "per_second": 2}}, 2.0, "rate"),
    ],
)
def test_lanes_or_rates_say_how_long_it_takes(
    place: Place, keys: dict[str, object], rate: float, decided_by: str
) -> None:
    found = checked(place, ids(300), **keys)
    assert plan(found).decided_by == decided_by
    assert found.per_second == pytest.approx(rate, rel=0.02)
    assert seconds(found) == pytest.approx(300 / rate + SECONDS_PER_ANSWER, rel=0.05)


def test_auto_takes_batches_for_many_leads_with_time(place: Place) -> None:
    auto = {"mode": "auto", "within": "36h"}
    assert plan(checked(place, ids(1_000), assess=auto)).in_batches
    assert not plan(checked(place, ids(999), assess=auto)).in_batches
    assert not plan(checked(place, ids(1_000), assess={"mode": "auto"})).in_batches


def test_what_is_asked_and_what_follows_is_shown(place: Place) -> None:
    checked(place, ids(20, lead_id(21).lower(), "nonsense"), then=THEN)
    done = place.clarion("check", "leads.yaml")
    assert done.code == 0
    for words in (
        "21 of 22 rows would be assessed",
        "1 id repaired: letter case had been lost (row 22)",
        "invalid lead id",
        "each lead would be asked",
        "score: integer from 0 to 100",
        "tier: one of A, B, C",
        "reasons: up to 3 texts",
        "1 request to fetch",
        "gpt-5-mini, mode live",
        "in batches, within a day (assess.mode: batch)",
        "with leads for which score >= 70",
        "costs nothing",
    ):
        assert words in " ".join(done.out.split()), words


def test_a_file_without_one_usable_id_asks_nothing(place: Place) -> None:
    found = checked(place, ids(0, "x"))
    assert (found.accepted, found.expected_cost, plan(found).fetch_calls) == (0, 0, 0)
    done = place.clarion("check", "leads.yaml")
    assert (done.code, "nothing would be asked: no row can be used" in done.out) == (2, True)
    assert place.clarion("check", "leads.yaml", "--json").json["leads"]["model"] == "gpt-5-mini"


def test_missing_accounts_are_told_and_stop_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PROVIDER", "AUTH_TOKEN"):
        monkeypatch.delenv(f"CLARION_ACCOUNTS__OPENAI__{name}")
    found = checked(place, ids(10))
    assert (found.accepted, len(found.problems)) == (10, 1)
    assert 'account "openai" is not set up' in found.problems[0]
    assert found.expected_cost > 0
