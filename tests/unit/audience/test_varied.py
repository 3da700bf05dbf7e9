"""Rows of a campaign with variants: each is checked against the words it would get, and only these."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from clarion.audience.checks import CheckedRow, RowChecker
from clarion.audience.row import Row
from clarion.domain.campaign import CampaignSpec, parse_spec
from clarion.domain.errors import BadInput
from clarion.domain.target import SkipReason

NOW = 1_780_000_000.0
COLUMNS = ("phone", "name", "plan", "own")
SHORT = {"name": "short", "message": "Hi {{ name }}"}
LONG = {"name": "long", "message": "Hello {{ name }}, your plan is {{ plan }}. " + "x" * 160}


def spec_of(*variants: object, audience: dict[str, str] | None = None, **keys: object) -> CampaignSpec:
    columns = {"file": "a.csv", "address": "phone", **(audience or {})}
    return parse_spec({"name": "Test", "channel": "sms", "audience": columns, "variants": list(variants), **keys})


def cells(n: int, **given: str) -> dict[str, str]:
    return {"phone": f"+1415555{n:04}", "name": "Ann", "plan": "Basic", "own": "", **given}


def check(spec: CampaignSpec, many: int = 40, *, seed: int = 1, **given: str) -> list[CheckedRow]:
    checker = RowChecker(spec, COLUMNS, NOW, seed=seed)
    return [checker.check(Row(n + 2, cells(n, **given))) for n in range(many)]


def test_each_row_is_billed_and_keeps_variables_for_its_own_variant() -> None:
    rows = check(spec_of(SHORT, LONG))
    assert {(row.variant, row.segments, tuple(row.variables)) for row in rows} == {
        ("short", 1, ("name",)),
        ("long", 2, ("name", "plan")),
    }
    assert min(Counter(row.variant for row in rows).values()) > 8


def test_a_row_gets_the_same_variant_each_time_it_is_read() -> None:
    spec = spec_of(SHORT, LONG)
    assert check(spec, seed=5) == check(spec, seed=5)
    assert check(spec, seed=5) != check(spec, seed=6)


def test_a_row_is_left_out_only_for_what_its_own_variant_needs() -> None:
    rows = check(spec_of(SHORT, LONG), plan="")
    assert {(row.variant, row.skip) for row in rows} == {("short", None), ("long", SkipReason.MISSING_VARIABLE)}
    faulty = {"plan": "the cell holds #REF!"}
    checker = RowChecker(spec_of(SHORT, LONG), COLUMNS, NOW)
    found = [checker.check(Row(n, cells(n), faults=faulty)) for n in range(40)]
    assert {(row.variant, row.skip) for row in found} == {("short", None), ("long", SkipReason.UNREADABLE_ROW)}


def test_a_row_without_a_number_gets_none() -> None:
    (row,) = check(spec_of(SHORT, LONG), 1, phone="nonsense")
    assert (row.skip, row.variant) == (SkipReason.INVALID_PHONE, None)


def test_a_rows_own_text_goes_before_all_variants() -> None:
    spec = spec_of(SHORT, LONG, audience={"message": "own"})
    assert {(row.variant, row.text) for row in check(spec, own="For you")} == {(None, "For you")}
    assert {row.variant for row in check(spec)} == {"short", "long"}


def test_own_words_of_a_call_go_before_variants_where_they_replace_all_that_these_vary() -> None:
    variants = [{"name": "a", "prompt": "A {{ plan }}"}, {"name": "b", "prompt": "B"}]
    call = {"first_message": "Hi {{ name }}"}
    spec = spec_of(*variants, channel="call", call=call, audience={"prompt": "own"})
    rows = check(spec, own="Mine")
    assert {(row.variant, json.loads(row.text or "")["prompt"]) for row in rows} == {(None, "Mine")}
    assert {row.variant for row in check(spec)} == {"a", "b"}
    wider = [{**variants[0], "first_message": "Yo"}, variants[1]]
    spec = spec_of(*wider, channel="call", call=call, audience={"prompt": "own"})
    assert {row.variant for row in check(spec, own="Mine")} == {"a", "b"}


def test_unknown_variables_are_told_of_each_variant() -> None:
    with pytest.raises(BadInput) as refused:
        RowChecker(
            spec_of({"name": "a", "message": "{{ nmae }}"}, SHORT, {"name": "b", "message": "{{ x }}"}), COLUMNS, NOW
        )
    first, second = str(refused.value).splitlines()
    assert first.startswith('variant "a": The text uses {{ nmae }} (did you mean "name"?)')
    assert second.startswith('variant "b": The text uses {{ x }}')


def test_what_is_wrong_with_all_is_told_once() -> None:
    with pytest.raises(BadInput) as refused:
        RowChecker(spec_of(SHORT, LONG, audience={"message": "onw"}), COLUMNS, NOW)
    assert "variant" not in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_the_campaign_that_follows_leads_is_checked_in_all_its_variants() -> None:
    campaign = {"channel": "sms", "variants": [SHORT, {"name": "long", "message": "Hi {{ nmae }}"}]}
    spec = parse_spec(
        {
            "name": "Test",
            "channel": "lead_analysis",
            "audience": {"file": "a.csv", "lead_id": "Id"},
            "then": {"when": "score > 1", "campaign": campaign},
        }
    )
    with pytest.raises(BadInput, match=r'then.campaign.message \(variant "long"\) needs nmae'):
        RowChecker(spec, ("Id", "name"), NOW)
