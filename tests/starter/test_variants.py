"""Variants at the front doors: checked before the start, compared while they run, reported at the end."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from openpyxl import load_workbook

from clarion.domain.campaign import CampaignStatus
from clarion.domain.comparison import Judgement
from clarion.domain.target import TargetState
from clarion.settings import load_settings
from starter.campaign_file import read_campaign_file
from starter.checking.preflight import Preflight, preflight
from starter.reports.report import COLUMNS
from starter.variants import NO_VARIANTS, variant_results
from tests.starter.installation import DELIVERED, LANDLINE, NOW, PRICE, OneCampaign, Place, people

SHORT = {"name": "short", "message": "Hi {{ first_name }}"}
LONG = {"name": "long", "message": "Hello {{ first_name }}, your {{ plan }} is due. " + "x" * 160, "weight": 3}
PEOPLE = 200
FAST = {"per_second": 10**6}


def rows(count: int = 40, plan: str = "Basic") -> list[list[str]]:
    head, *some = people(count)
    return [[*head, "plan"], *([*row, plan] for row in some)]


def checked(place: Place, **keys: object) -> Preflight:
    return preflight(read_campaign_file(place.campaign_file(**keys)), load_settings(), now=NOW)


def played(place: Place, *, every: int = 2) -> OneCampaign:
    """A campaign in which each short text reaches its person, and of the long ones each of so many."""
    one = place.imported(rows(PEOPLE), message=None, limits=FAST, variants=[SHORT, LONG])
    one.run()
    variants = [target.variant for target in place.store.targets.all(one.ref.key)]
    reached = [variant == "short" or n % every == 0 for n, variant in enumerate(variants)]
    one.contact(*(DELIVERED if reaches else LANDLINE for reaches in reached))
    return one


def test_a_check_shows_what_each_variant_says_and_costs(place: Place) -> None:
    place.audience(rows())
    found = checked(place, message=None, variants=[SHORT, LONG])
    short, long = found.variants
    assert (short.name, short.share, long.share) == ("short", 0.25, 0.75)
    assert short.accepted + long.accepted == found.accepted == 40
    assert (short.segments, long.segments) == (short.accepted, 2 * long.accepted)
    assert found.segments == short.segments + long.segments
    assert short.sample_text.startswith("Hi Ann")
    assert long.sample_text.startswith("Hello Ann")
    assert found.sample_text in {short.sample_text, long.sample_text}


def test_a_check_shows_rows_that_one_variant_alone_leaves_out(place: Place) -> None:
    place.audience(rows(plan=""))
    short, long = checked(place, message=None, variants=[SHORT, LONG]).variants
    assert (short.rejected, long.accepted) == (0, 0)
    assert (long.rejected, long.sample_row, long.sample_text) == (40 - short.accepted, None, "")


def test_a_check_is_told_variant_by_variant(place: Place) -> None:
    place.audience(rows())
    place.campaign_file(message=None, variants=[SHORT, LONG])
    told = place.clarion("check", "campaign.yaml").out
    assert re.search(r"short\s+25 %\s+\d+\s+Hi Ann", told)
    assert "Hello Ann" in told


def test_an_unknown_variable_of_a_variant_is_told_before_the_start(place: Place) -> None:
    place.audience(rows())
    place.campaign_file(message=None, variants=[SHORT, {"name": "other", "message": "{{ nmae }}"}])
    done = place.clarion("check", "campaign.yaml")
    assert (done.code, done.err.startswith('variant "other": The text uses {{ nmae }}')) == (2, True)


def test_a_variant_in_which_nobody_would_speak_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARION_ACCOUNTS__VOICE__PROVIDER", "retell")
    monkeypatch.setenv("CLARION_ACCOUNTS__VOICE__AUTH_TOKEN", "secret-token")
    monkeypatch.setenv("CLARION_ACCOUNTS__VOICE__FROM_NUMBER", "+15005550007")
    place.audience(rows())
    variants = [{"name": "a", "first_message": "Hi"}, {"name": "b", "prompt": "Be kind"}]
    keys: dict[str, object] = {"channel": "call", "account": "voice", "call": {}, "message": None}
    found = checked(place, **keys, variants=variants)
    assert len(found.problems) == 1
    assert found.problems[0].startswith('variant "b": nobody would speak')
    assert [plan.sample_text for plan in found.variants] == ["Hi", ""]
    variants = [{"name": "a", "prompt": "Be brisk"}, {"name": "b", "prompt": "Be kind"}]
    (problem,) = checked(place, **keys, variants=variants).problems
    assert problem.startswith("nobody would speak")


def test_variants_are_compared_as_the_results_come_in(place: Place) -> None:
    played(place)
    found = variant_results(place.looking, "spring")
    short, long = found.variants
    assert short.books.total + long.books.total == PEOPLE
    assert (short.success_rate, found.best, found.judgement) == (1.0, "short", Judgement.DIFFERENT)
    assert long.low is not None
    assert long.low < (long.success_rate or 0) < (long.high or 0)
    assert found.verdict.startswith('so far, "short" with 100.0 % does better than "long" with ')
    assert short.cost == pytest.approx(short.books.succeeded * PRICE / 1e6)
    assert short.cost_per_success == pytest.approx(PRICE / 1e6)
    assert (short.replies, short.stops, found.without) == (0, 0, 0)


def test_nothing_is_claimed_while_few_are_done(place: Place) -> None:
    one = place.imported(rows(), message=None, limits=FAST, variants=[SHORT, LONG])
    one.run()
    one.contact(*[DELIVERED] * 10)
    found = variant_results(place.looking, "spring")
    assert (found.judgement, found.best) == (Judgement.TOO_FEW, None)
    assert sum(line.books.pending for line in found.variants) == 30
    assert "each needs at least 30" in found.verdict


def test_a_campaign_that_says_the_same_to_all_is_told_to_have_none(place: Place) -> None:
    place.imported(people(2))
    found = variant_results(place.looking, "spring")
    assert (found.variants, found.judgement, found.verdict, found.without) == ((), None, NO_VARIANTS, 2)
    assert NO_VARIANTS in place.clarion("variants", "spring").out


def test_the_command_compares(place: Place) -> None:
    played(place).status(CampaignStatus.COMPLETED)
    told = place.clarion("variants", "spring").out
    assert '"short" with 100.0 % does better than "long"' in told
    assert "so far" not in told
    assert place.clarion("variants", "spring", "--json").json["best"] == "short"
    assert place.clarion("variants", "sprung").err.startswith('there is no campaign "sprung"')


def test_a_report_tells_the_variant_of_each_row_and_compares_them(place: Place) -> None:
    one = played(place)
    assert place.clarion("report", "spring", "--out", "r.csv").code == 0
    told = list(csv.DictReader(Path("r.csv").read_text(encoding="utf-8-sig").splitlines()))
    assert list(told[0]) == [*COLUMNS, "variant", "first_name", "plan"]
    assert [row["variant"] for row in told] == [target.variant for target in place.store.targets.all(one.ref.key)]
    place.clarion("report", "spring", "--out", "r.json")
    assert json.loads(Path("r.json").read_text())["variants"]["best"] == "short"
    place.clarion("report", "spring", "--out", "r.xlsx")
    book = load_workbook("r.xlsx")
    head, first, second = book["Variants"].iter_rows(values_only=True)
    assert (head[0], first[0], second[0]) == ("variant", "short", "long")
    summary = {row[0]: row[1] for row in book["Summary"].iter_rows(values_only=True)}
    assert "does better than" in str(summary["variants"])


def test_another_try_keeps_the_variant(place: Place) -> None:
    one = played(place)
    before = [target.variant for target in place.store.targets.all(one.ref.key)]
    failed = sum(target.state == TargetState.FAILED for target in place.store.targets.all(one.ref.key))
    assert failed > 30
    place.store.claims.release_stranded(one.ref.key, NOW)
    assert place.store.sweeps.requeue_some(one.ref.key, ("invalid_number",), NOW, NOW + 1) == failed
    assert [target.variant for target in place.store.targets.all(one.ref.key)] == before
    one.contact(*[DELIVERED] * failed, at=NOW + 1)
    found = variant_results(place.looking, "spring")
    assert [line.success_rate for line in found.variants] == [1.0, 1.0]
