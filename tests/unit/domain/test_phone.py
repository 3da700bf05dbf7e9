"""Phone numbers as people and spreadsheets write them."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.phone import InvalidPhone, candidate_zones, known_region, normalize_phone


@pytest.mark.parametrize(
    ("raw", "region", "e164"),
    [
        ("(415) 555-2671", "US", "+14155552671"),
        ("415.555.2671", "US", "+14155552671"),
        ("1-415-555-2671", "CA", "+14155552671"),
        ("+14155550123", None, "+14155550123"),
        ("+15005550006", None, "+15005550006"),
        ("tel:+1-415-555-2671", None, "+14155552671"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("+44 (0)20 7946 0958", "US", "+442079460958"),
        ("0151 12345678", "DE", "+4915112345678"),
        ("02 3661 8300", "IT", "+390236618300"),
        ("011 15 2345-6789", "AR", "+5491123456789"),
        ("0 15 11 96123-4567", "BR", "+5511961234567"),
        ("464-1142", "AG", "+12684641142"),
        ("0049 151 12345678", "US", "+4915112345678"),
        ("0049 151 12345678", None, "+4915112345678"),
        ("011 49 151 12345678", "US", "+4915112345678"),
        ("٤١٥٥٥٥٢٦٧١", "US", "+14155552671"),
        ("\N{NO-BREAK SPACE}415\N{NO-BREAK SPACE}555 2671 ", "US", "+14155552671"),
    ],
)
def test_however_it_is_written_a_number_has_one_form(raw: str, region: str | None, e164: str) -> None:
    assert normalize_phone(raw, region) == e164


@pytest.mark.parametrize("raw", ["4155552671.0", "'4155552671", "'+14155552671", "14155552671.00"])
def test_harmless_damage_by_a_spreadsheet_is_repaired(raw: str) -> None:
    assert normalize_phone(raw, "US") == "+14155552671"


@pytest.mark.parametrize(
    ("raw", "region", "why"),
    [
        ("4.15555E+11", "US", "a spreadsheet rounded it"),
        ("4,15555e11", "DE", "a spreadsheet rounded it"),
        ("", "US", "it is empty"),
        ("   ", "US", "it is empty"),
        ("n/a", "US", "it has no digits that make a phone number"),
        ("12345", "US", "it is too short for US"),
        ("+1 415 555 26711", None, "it is too long for US"),
        ("415-555-2671", None, "it has no country code, and the campaign gives no default region"),
        ("555-1234", "US", "it has no area code"),
        ("+999 123456789", None, "its country code does not exist"),
        ("+1 111 111 1111", None, "no such number is given out"),
        ("+0 415 555 2671", None, "its country code does not exist"),
        ("015 112340000", "IL", "it is too short"),  # 015 dials abroad from there; 0 alone dials inside
        ("4155552671 ext. 12", "US", "it has an extension"),
        ("4155552671 / 4155552672", "US", "more than one number"),
        ("4155552671; 4155552672", "US", "more than one number"),
        ("4" * 5000, "US", "it is too long"),
    ],
)
def test_what_is_no_usable_number_is_refused_in_plain_words(raw: str, region: str | None, why: str) -> None:
    with pytest.raises(InvalidPhone) as refused:
        normalize_phone(raw, region)
    assert why in refused.value.why
    assert refused.value.value == raw


def by_the_library(text: str, region: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


REGIONS = ["US", "AG", "GB", "DE", "IT", "IN", "FR", "IL", "BR", "AR", "MX", "AU", "RU", "KZ", "HU", "LT", "SM", "JP"]


@st.composite
def numbers(draw: st.DrawFn) -> tuple[str, str]:
    """A real number of a region with some digits changed, in one of the ways people write it."""
    region = draw(st.sampled_from(REGIONS))
    example = phonenumbers.example_number_for_type(region, draw(st.sampled_from([0, 1, 3])))
    if example is None:
        example = phonenumbers.example_number(region)
    assert example is not None
    style = draw(st.sampled_from([0, 1, 2]))
    digits = list(phonenumbers.format_number(example, style))
    for place in draw(st.lists(st.integers(1, len(digits) - 1), max_size=4)):
        if digits[place].isdigit():
            digits[place] = draw(st.sampled_from("0123456789"))
    prefix = draw(st.sampled_from(["", "", "", "0", "+", str(example.country_code)]))
    return prefix + "".join(digits), draw(st.sampled_from([region, "US"]))


@given(numbers())
def test_the_short_cut_finds_what_the_library_finds(given_number: tuple[str, str]) -> None:
    text, region = given_number
    expected = by_the_library(text, region)
    if expected is None and text.startswith("00"):
        expected = by_the_library("+" + text[2:], None)
    try:
        found = normalize_phone(text, region)
    except InvalidPhone:
        found = None
    assert found == expected


@given(st.text(max_size=80), st.sampled_from([None, "US", "DE"]))
def test_any_text_is_a_number_or_refused(text: str, region: str | None) -> None:
    try:
        number = normalize_phone(text, region)
    except InvalidPhone:
        return
    assert number[0] == "+"
    assert number[1:].isascii()
    assert number[1:].isdigit()
    assert normalize_phone(number, None) == number


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+14155550123", ("America/Los_Angeles",)),
        ("+12684641142", ("America/Antigua",)),
        ("+442079460958", ("Europe/London",)),
        ("+4915112345678", ("Europe/Berlin",)),
        ("+77012345678", ("Asia/Almaty", "Asia/Aqtobe")),
    ],
)
def test_a_number_tells_its_zones(number: str, zones: tuple[str, ...]) -> None:
    assert candidate_zones(number) == zones


@pytest.mark.parametrize(
    ("number", "among"),
    [
        ("+61412345678", {"Australia/Sydney", "Australia/Perth"}),
        ("+18005551212", {"America/New_York", "Pacific/Honolulu"}),
        ("+79161234567", {"Europe/Moscow", "Asia/Vladivostok"}),
    ],
)
def test_a_number_that_may_be_anywhere_in_its_country_has_all_its_zones(number: str, among: set[str]) -> None:
    assert among <= set(candidate_zones(number))


def test_a_number_of_no_place_has_no_zones() -> None:
    assert candidate_zones("+80012345678") == ()


@pytest.mark.parametrize(("code", "known"), [("US", True), ("GB", True), ("UK", False), ("us", False), ("", False)])
def test_a_region_is_known_by_its_two_letters(code: str, known: bool) -> None:
    assert known_region(code) is known
