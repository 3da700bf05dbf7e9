"""Ids of leads as cells hold them: read, put right where their last characters say how, or refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from clarion.domain.lead_id import BadLeadId, LeadId, checksum, repaired
from clarion.domain.target import SkipReason

ID15 = "00Q5e00000A1bCd"
ID18 = "00Q5e00000A1bCdEAJ"

letters_and_digits = st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
ids = st.text(letters_and_digits, min_size=12, max_size=12).map(lambda rest: f"00Q{rest}")


def refused(raw: str) -> BadLeadId:
    with pytest.raises(BadLeadId) as bad:
        repaired(raw)
    return bad.value


@pytest.mark.parametrize(
    ("id15", "suffix"),
    [("001xx000003DGb1", "AAG"), ("0019000000oC4Hk", "AAK"), (ID15, "EAJ"), ("00Q000000000001", "EAA")],
)
def test_the_last_three_characters_say_which_letters_are_capitals(id15: str, suffix: str) -> None:
    assert checksum(id15) == suffix


@given(ids)
def test_an_id_of_15_characters_gets_its_last_three(id15: str) -> None:
    assert repaired(id15) == LeadId(id15 + checksum(id15), repaired=False)


@given(ids, st.data())
@example("00QaBcDeFgHiJkL", None)
def test_case_that_was_lost_comes_back(id15: str, data: st.DataObject | None) -> None:
    id18 = id15 + checksum(id15)
    damages = [id18.lower(), id18.upper(), id18.swapcase()]
    if data is not None:
        change = data.draw(st.lists(st.booleans(), min_size=18, max_size=18))
        damages.append("".join(c.swapcase() if lost else c for c, lost in zip(id18, change, strict=True)))
    for damaged in damages:
        assert repaired(damaged) == LeadId(id18, repaired=damaged != id18)


@pytest.mark.parametrize(
    "raw",
    [
        f"  {ID18}\n",
        f'"{ID18}"',
        f"'{ID15}",
        f"“{ID15}”",
        f"„{ID15}“",
        f"\ufeff{ID18}\u200b",
        f"{ID15[:6]}\u200b{ID15[6:]}",
        f"\u00a0{ID15}\u00a0",
        f"{ID15},",
        f'="{ID18}"',
        f"https://acme.lightning.force.com/lightning/r/Lead/{ID18}/view",
        f"https://acme.my.salesforce.com/{ID15}",
        f"https://acme.my.salesforce.com/{ID15}?srPos=0&srKp=00Q",
        f"acme.lightning.force.com/lightning/r/{ID18}/view",
        f"https://acme.lightning.force.com/one/one.app#/sObject/{ID18}/view?t=1700000000000",
    ],
)
def test_what_surrounds_an_id_does_no_harm(raw: str) -> None:
    assert repaired(raw) == LeadId(ID18, repaired=False)


def test_capitals_alone_are_taken_as_they_stand_where_nothing_tells_otherwise() -> None:
    assert repaired("00QHS00001ABCDE") == LeadId("00QHS00001ABCDE2A5", repaired=False)


def test_small_letters_alone_are_not_guessed_at() -> None:
    bad = refused(ID15.lower())
    assert bad.reason is SkipReason.INVALID_LEAD_ID
    assert str(bad) == (
        f'"{ID15.lower()}" is not the id of a lead that can be used: capitals have become small letters, and 15 '
        "characters do not say which; give ids of 18"
    )


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("001xx000003DGb1", "it is the id of an account (001), not of a lead (00Q); give the ids of leads"),
        ("001xx000003DGb1AAG", "it is the id of an account (001)"),
        ("0035e00000A1bCd", "it is the id of a contact (003)"),
        ("0055e00000A1bCd", "it is the id of a user (005)"),
        ("0065e00000A1bCd", "it is the id of an opportunity (006)"),
        ("7015e00000A1bCd", "it is the id of a campaign (701)"),
        ("001000000000001", "it is the id of an account (001)"),
        ("a0B5e00000A1bCd" + checksum("a0B5e00000A1bCd"), "it is the id of something else (a0B), not of a lead (00Q)"),
        ("https://acme.my.salesforce.com/001xx000003DGb1", "it is the id of an account (001)"),
    ],
)
def test_ids_of_other_things_are_named(raw: str, why: str) -> None:
    bad = refused(raw)
    assert bad.reason is SkipReason.WRONG_OBJECT
    assert why in bad.why


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("1.23457E+15", "it is a number, maybe made by a spreadsheet; format the column as text"),
        ("1,23457E+15", "it is a number"),
        ("123456789012345", "it is a number"),
        ("42", "it is a number"),
        ("=VLOOKUP(A2,B:C,2)", "it is a formula; save the file with its values"),
        ("#N/A", "it is an error of a spreadsheet"),
        ("#REF!", "it is an error of a spreadsheet"),
        (f"{ID15}, {ID18}", "it holds 2 ids; give each a row of its own"),
        ("00Q-5e00000A1bC", 'it has "-" (U+002D) in it; an id has 15 or 18 letters and digits'),
        ("00Q5\u043500000A1bCd", "(U+0435) in it"),
        ("00Q5e 00000A1bC", "it has a space in it"),
        ("Ann", "it has 3 characters; give an id of 15 or 18, such as 00Q5e00000A1bCdEAJ"),
        ("x", "it has 1 character;"),
        (f"{ID15}E", "it has 16 characters"),
        (f"{ID15}999", 'its last three characters, "999", cannot be right'),
        (f"{ID15}555", 'its last three characters, "555", do not fit the others'),
        (f"{ID15}AAA", 'its last three characters, "AAA", do not fit the others'),
        ("OOQ5e00000A1bCd", "it begins with OOQ, with the letter O; ids of leads begin with 00Q, with two zeros"),
        ("xyz5e00000A1bCd", "it begins with xyz, and ids of leads begin with 00Q"),
        ("https://acme.lightning.force.com/lightning/page/home", "no id that begins with 00Q stands in this address"),
        ("x" * 10_000, "it has 10,000 characters"),
    ],
)
def test_what_is_no_id_is_refused_with_what_it_is(raw: str, why: str) -> None:
    bad = refused(raw)
    assert bad.reason is SkipReason.INVALID_LEAD_ID
    assert why in bad.why
    assert f'"{raw[:50]}' in str(bad)
    assert len(str(bad)) < 300


@pytest.mark.parametrize("raw", ["", "  ", '""', "'", "\u200b", '=""', "\ufeff \u00a0"])
def test_an_empty_cell_is_missing_and_not_wrong(raw: str) -> None:
    assert refused(raw).reason is SkipReason.MISSING_LEAD_ID


@given(st.text(max_size=40) | st.text("00Qq0OaZ15 \"'=,\u200b", max_size=24))
def test_any_cell_is_a_true_id_or_refused(raw: str) -> None:
    try:
        found = repaired(raw)
    except BadLeadId:
        return
    assert re.fullmatch("00Q[0-9A-Za-z]{12}[A-Z0-5]{3}", found.id18)
    assert checksum(found.id18[:15]) == found.id18[15:]
    assert repaired(found.id18) == LeadId(found.id18)


@given(ids, ids)
def test_two_ids_never_become_one(one: str, other: str) -> None:
    assume(one != other)
    assert repaired(one).id18.lower() != repaired(other).id18.lower()
