"""The checks of a row: what is sent to whom, or why this row is never contacted, in one sentence with the value."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clarion.audience.checks import CheckedRow, RowChecker
from clarion.audience.row import Row
from clarion.domain.campaign import CampaignSpec, parse_spec
from clarion.domain.errors import BadInput
from clarion.domain.segments import LONGEST_TEXT
from clarion.domain.target import SkipReason

NOW = 1_780_000_000.0
COLUMNS = ("name", "phone", "plan", "tz", "text")
GOOD = {"name": "Ann", "phone": "(415) 555-0123", "plan": "Basic", "tz": "", "text": ""}
DAYTIME = {"from": "09:00", "to": "20:00", "time_zone": "target"}


def spec_of(*, audience: dict[str, object] | None = None, **keys: object) -> CampaignSpec:
    content: dict[str, object] = {
        "name": "Test",
        "channel": "sms",
        "message": "Hi {{ name }}, your {{ plan }} service is due.",
        "audience": {"file": "a.csv", "address": "phone", "region": "US", **(audience or {})},
    }
    return parse_spec({**content, **keys})


def check(cells: dict[str, str], spec: CampaignSpec | None = None, columns: Sequence[str] = COLUMNS) -> CheckedRow:
    return RowChecker(spec or spec_of(), columns, NOW).check(Row(7, {**GOOD, **cells}))


def test_a_good_row_is_ready_to_be_sent() -> None:
    assert check({"name": "  Ann Lee ", "tz": "Europe/Berlin"}) == CheckedRow(
        row=7,
        address="+14155550123",
        variables={"name": "Ann Lee", "plan": "Basic"},
        text=None,
        time_zone=None,
        segments=1,
    )


def test_only_the_used_variables_are_kept_and_blank_ones_are_absent() -> None:
    spec = spec_of(message="Hi {{ name|default('there') }}")
    assert check({"name": " "}, spec).variables == {}
    assert check({"name": " "}, spec).skip is None
    assert check({}, spec).variables == {"name": "Ann"}


@pytest.mark.parametrize(
    ("cells", "reason", "detail"),
    [
        ({"phone": " "}, SkipReason.MISSING_PHONE, 'the cell "phone" is empty'),
        (
            {"phone": "12"},
            SkipReason.INVALID_PHONE,
            'phone "12" is not a phone number that can be used: it is too short for US (+1)',
        ),
        ({"phone": "1" * 300}, SkipReason.INVALID_PHONE, "it has 300 characters"),
        ({"name": "\t"}, SkipReason.MISSING_VARIABLE, 'the text needs name, and the cell "name" is empty'),
        ({"name": "x" * 1600}, SkipReason.TEXT_TOO_LONG, "characters; a message may have up to 1,600"),
    ],
)
def test_a_bad_cell_is_a_reason_to_skip(cells: dict[str, str], reason: SkipReason, detail: str) -> None:
    found = check(cells)
    assert found.skip is reason
    assert detail in (found.detail or "")
    assert "\n" not in (found.detail or "")
    assert len(found.detail or "") < 200
    assert (found.text, found.variables, found.segments) == (None, {}, 0)


def test_a_row_that_could_not_be_read_is_skipped_with_the_reader_s_sentence() -> None:
    checker = RowChecker(spec_of(), COLUMNS, NOW)
    row = Row(9, {"phone": "+14155550123"}, "the row has 2 cells for 3 columns", SkipReason.WRONG_CELL_COUNT)
    found = checker.check(row)
    assert (found.row, found.skip, found.detail) == (9, SkipReason.WRONG_CELL_COUNT, row.problem)


def test_an_unreadable_cell_matters_only_when_it_is_used() -> None:
    checker = RowChecker(spec_of(message="Hi {{ name }}"), COLUMNS, NOW)
    assert checker.check(Row(2, GOOD, faults={"plan": "broken"})).skip is None
    for column in ("name", "phone"):
        found = checker.check(Row(2, GOOD, faults={column: "broken"}))
        assert (found.skip, found.detail) == (SkipReason.UNREADABLE_ROW, "broken")


def test_the_time_zone_of_the_row_is_checked_and_kept() -> None:
    spec = spec_of(audience={"time_zone": "tz"})
    assert check({"tz": " Europe/Berlin "}, spec).time_zone == "Europe/Berlin"
    assert check({"tz": ""}, spec).time_zone is None
    found = check({"tz": "America/Los_Angles"}, spec)
    assert found.skip is SkipReason.INVALID_TIME_ZONE
    assert found.detail == 'tz "America/Los_Angles" is not a time zone (did you mean "America/Los_Angeles"?)'


def test_hints_for_wrong_zones_end_before_they_cost_minutes() -> None:
    checker = RowChecker(spec_of(audience={"time_zone": "tz"}), COLUMNS, NOW)
    details = [checker.check(Row(2, {**GOOD, "tz": f"Europe/Berlin{i}"})).detail or "" for i in range(150)]
    assert "did you mean" in details[0]
    assert "did you mean" not in details[-1]
    assert details[-1] == 'tz "Europe/Berlin149" is not a time zone'


def test_a_number_that_may_be_anywhere_is_skipped_when_the_window_is_in_the_target_s_time() -> None:
    toll_free = {"phone": "+1 800 555 0199"}
    short = {**DAYTIME, "from": "09:00", "to": "10:00"}
    assert check(toll_free, spec_of()).skip is None
    found = check(toll_free, spec_of(window=short))
    assert found.skip is SkipReason.UNKNOWN_TIME_ZONE
    assert "never open in all of them at once" in (found.detail or "")
    assert (
        check({**toll_free, "tz": "America/Denver"}, spec_of(window=short, audience={"time_zone": "tz"})).skip is None
    )
    assert check(toll_free, spec_of(window={**short, "time_zone": "America/Denver"})).skip is None
    assert check({}, spec_of(window=short)).skip is None


def test_a_number_of_no_country_is_skipped_when_the_window_is_in_the_target_s_time() -> None:
    satellite = {"phone": "+870 773 111 632"}
    assert check(satellite, spec_of()).skip is None
    found = check(satellite, spec_of(window=DAYTIME))
    assert found.skip is SkipReason.UNKNOWN_TIME_ZONE
    assert "nothing is known about the time zone of +870773111632" in (found.detail or "")


def test_a_row_may_bring_its_own_text_which_is_sent_as_it_stands() -> None:
    spec = spec_of(audience={"message": "text"})
    own = check({"text": " {{ not a variable }} 🙂 ", "name": ""}, spec)
    assert (own.text, own.variables, own.segments, own.skip) == (" {{ not a variable }} 🙂 ", {}, 1, None)
    assert check({"text": " \n"}, spec).variables == {"name": "Ann", "plan": "Basic"}


def test_a_row_without_any_text_is_skipped() -> None:
    found = check({"text": " "}, spec_of(message=None, audience={"message": "text"}))
    assert found.skip is SkipReason.EMPTY_TEXT
    assert check({}, spec_of(message="{{ name|default('')|replace('Ann', '') }}")).skip is SkipReason.EMPTY_TEXT


def test_the_longest_text_is_still_sent() -> None:
    spec = spec_of(audience={"message": "text"})
    assert check({"text": "x" * LONGEST_TEXT}, spec).segments == 11
    assert check({"text": "x" * (LONGEST_TEXT + 1)}, spec).skip is SkipReason.TEXT_TOO_LONG


def test_a_text_that_fails_on_the_values_of_a_row_skips_that_row() -> None:
    spec = spec_of(message="{{ 10 // name|int }}")
    assert check({"name": "5"}, spec).skip is None
    assert check({"name": "0"}, spec).skip is SkipReason.MISSING_VARIABLE


@pytest.mark.parametrize(
    ("audience", "sentence"),
    [
        (
            {"address": "fone"},
            'There is no column "fone" for the phone number (did you mean "phone"?); the columns are',
        ),
        ({"time_zone": "zone"}, 'There is no column "zone" for the time zone'),
        ({"message": "body"}, 'There is no column "body" for each row\'s text'),
    ],
)
def test_a_column_that_is_not_there_is_said_before_the_first_row(audience: dict[str, object], sentence: str) -> None:
    with pytest.raises(BadInput) as refusal:
        RowChecker(spec_of(audience=audience), COLUMNS, NOW)
    assert sentence in str(refusal.value)
    assert '"name", "phone", "plan", "tz", "text"' in str(refusal.value)


def test_variables_that_no_column_gives_are_said_before_the_first_row() -> None:
    with pytest.raises(BadInput) as refusal:
        RowChecker(spec_of(message="{{ nmae }} {{ plan }} {{ zip|upper }}"), COLUMNS, NOW)
    assert str(refusal.value) == (
        'The text uses {{ nmae }} (did you mean "name"?) and {{ zip }}, which no column of the audience gives; '
        'the columns are "name", "phone", "plan", "tz", "text".'
    )


@pytest.mark.parametrize(
    "message",
    [
        "Hi {{ nick|default('you') }}",
        "{% if nick is defined %}{{ nick }}{% else %}Hi{% endif %}",
        "{{ name if name else nick }}",
        "{{ 100 // plan|int(1) }} {{ name }}",
    ],
)
def test_a_variable_that_the_text_can_do_without_needs_no_column(message: str) -> None:
    assert RowChecker(spec_of(message=message), COLUMNS, NOW).check(Row(2, GOOD)).skip is None


def test_a_variable_finds_its_column_by_how_it_would_be_spelled() -> None:
    columns = ("First Name", "Mobile-No.", "name", "Name ")
    spec = spec_of(message="{{ first_name }} {{ name }}", audience={"address": "Mobile-No."})
    row = Row(2, {"First Name": "Ann", "Mobile-No.": "+14155550123", "name": "x", "Name ": "y"})
    assert RowChecker(spec, columns, NOW).check(row).variables == {"first_name": "Ann", "name": "x"}
    with pytest.raises(BadInput, match="first_name"):
        RowChecker(spec_of(message="{{ first_name }}"), ("phone", "First Name", "first-name"), NOW)


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["=1+1", "{{ 7*7 }}", "{% for x in y %}", "'; DROP TABLE targets; --", "\u202e+1415", "%s", "+", "-1", "1e309"]
    ),
    st.integers(1, 9).map(lambda digit: str(digit) * 4000),
    st.text("0123456789/;,", max_size=300),
)


@settings(deadline=None, max_examples=300)
@given(st.fixed_dictionaries(dict.fromkeys(COLUMNS, HOSTILE)))
def test_no_row_raises_and_every_skip_says_why(cells: dict[str, str]) -> None:
    spec = spec_of(audience={"time_zone": "tz", "message": "text"}, window=DAYTIME)
    found = RowChecker(spec, COLUMNS, NOW).check(Row(2, cells))
    assert (found.skip is None) == (found.detail is None)
    if found.skip is None:
        assert found.address is not None
        assert found.address.startswith("+")
        assert found.segments >= 1
        assert found.text is None or found.text == cells["text"]
    else:
        assert 0 < len(found.detail or "") < 400


@settings(deadline=None)
@given(HOSTILE.filter(lambda text: "{" in text or "%" in text))
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    found = check({"name": value})
    assert found.skip in (None, SkipReason.TEXT_TOO_LONG)
    assert found.skip is not None or found.variables["name"] == value.strip()
