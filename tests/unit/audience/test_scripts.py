"""The checks of a row that is to be called: what goes along, what it says in its own words, and what is too much."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clarion.audience.checks import CheckedRow, RowChecker
from clarion.audience.row import Row
from clarion.domain.call import ScriptWriter
from clarion.domain.campaign import CampaignSpec, parse_spec
from clarion.domain.errors import BadInput
from clarion.domain.target import SkipReason

NOW = 1_780_000_000.0
COLUMNS = ("First Name", "phone", "plan", "tz", "notes", "own_prompt", "agent")
GOOD = {
    "First Name": "Ann",
    "phone": "(415) 555-0123",
    "plan": "Basic",
    "tz": "",
    "notes": "",
    "own_prompt": "",
    "agent": "",
}


def spec_of(
    *, call: dict[str, object] | None = None, audience: dict[str, object] | None = None, **keys: object
) -> CampaignSpec:
    content: dict[str, object] = {
        "name": "Test",
        "channel": "call",
        "call": {"first_message": "Hello {{ first_name }}", "prompt": "They have {{ plan }}.", **(call or {})},
        "audience": {"file": "a.csv", "address": "phone", "time_zone": "tz", "region": "US", **(audience or {})},
    }
    return parse_spec({**content, **keys})


def check(cells: dict[str, str], spec: CampaignSpec | None = None, columns: Sequence[str] = COLUMNS) -> CheckedRow:
    return RowChecker(spec or spec_of(), columns, NOW).check(Row(7, {**GOOD, **cells}))


def refusal(spec: CampaignSpec, columns: Sequence[str] = COLUMNS) -> str:
    with pytest.raises(BadInput) as refused:
        RowChecker(spec, columns, NOW)
    return str(refused.value)


def test_all_columns_go_along_but_for_those_that_mean_something_else() -> None:
    spec = spec_of(audience={"prompt": "own_prompt"})
    assert check({"notes": " likes mornings ", "agent": "x", "tz": "America/Denver"}, spec) == CheckedRow(
        row=7,
        address="+14155550123",
        variables={"first_name": "Ann", "plan": "Basic", "notes": "likes mornings", "agent": "x"},
        text=None,
        time_zone="America/Denver",
        segments=0,
    )


def test_a_column_that_a_text_needs_goes_along_whatever_else_it_means() -> None:
    spec = spec_of(call={"prompt": "Their number is {{ phone }}."})
    assert check({}, spec).variables == {"first_name": "Ann", "plan": "Basic", "phone": "(415) 555-0123"}


def test_only_the_columns_asked_for_go_along_and_those_that_the_texts_need() -> None:
    assert check({"notes": "n"}, spec_of(call={"variables": ["notes"]})).variables == {
        "first_name": "Ann",
        "plan": "Basic",
        "notes": "n",
    }
    assert check({"notes": "n"}, spec_of(call={"variables": []})).variables == {"first_name": "Ann", "plan": "Basic"}


@pytest.mark.parametrize("word", ["First Name", "first_name"])
def test_a_column_can_be_asked_for_as_it_is_written_or_as_texts_spell_it(word: str) -> None:
    spec = spec_of(call={"variables": [word], "first_message": None, "prompt": None, "agent": "a"})
    assert check({}, spec).variables == {"first_name": "Ann"}


def test_columns_of_the_same_spelling_keep_their_names_apart() -> None:
    columns = ("phone", "Last Name", "last-name", "2nd", "größe", "Plan")
    spec = spec_of(call={"first_message": "{{ plan }}", "prompt": None}, audience={"time_zone": None})
    cells = {"phone": "+14155550123", **dict.fromkeys(columns[1:], "x")}
    assert set(RowChecker(spec, columns, NOW).check(Row(2, cells)).variables) == {
        "Last Name",
        "last-name",
        "2nd",
        "größe",
        "Plan",
        "plan",
    }


def test_a_row_s_own_words_are_kept_as_they_stand() -> None:
    spec = spec_of(audience={"prompt": "own_prompt", "agent": "agent"})
    found = check({"own_prompt": " Say {{ nothing }} – Grüß Gott ", "agent": " agent_7 "}, spec)
    assert json.loads(found.text or "") == {"prompt": " Say {{ nothing }} – Grüß Gott ", "agent": "agent_7"}
    assert "own_prompt" not in found.variables
    assert check({"own_prompt": " \n"}, spec).text is None


def test_what_is_kept_of_a_row_is_enough_to_write_its_script() -> None:
    spec = spec_of(audience={"prompt": "own_prompt"})
    found = check({"own_prompt": "Be brief."}, spec)
    assert spec.call is not None
    script = ScriptWriter(spec.call).write(found.variables, json.loads(found.text or "{}"))
    assert (script.prompt, script.first_message) == ("Be brief.", "Hello Ann")


@pytest.mark.parametrize(
    ("cells", "reason", "detail"),
    [
        ({"phone": ""}, SkipReason.MISSING_PHONE, 'the cell "phone" is empty'),
        ({"phone": "12"}, SkipReason.INVALID_PHONE, "it is too short"),
        ({"tz": "Mars"}, SkipReason.INVALID_TIME_ZONE, 'tz "Mars" is not a time zone'),
        (
            {"First Name": " "},
            SkipReason.MISSING_VARIABLE,
            'the first message needs first_name, and the cell "First Name" is empty',
        ),
        ({"plan": ""}, SkipReason.MISSING_VARIABLE, 'the prompt needs plan, and the cell "plan" is empty'),
        (
            {"notes": "x" * 2_001},
            SkipReason.TEXT_TOO_LONG,
            'the cell "notes" has 2,001 characters; for a call it may have up to 2,000',
        ),
        (
            {"First Name": "x" * 1_995},
            SkipReason.TEXT_TOO_LONG,
            "the first message has 2,001 characters; for a call it may have up to 2,000",
        ),
        (
            {"own_prompt": "x" * 32_001},
            SkipReason.TEXT_TOO_LONG,
            'the cell "own_prompt" has 32,001 characters; for a call it may have up to 32,000',
        ),
        ({"agent": "x" * 501}, SkipReason.TEXT_TOO_LONG, 'the cell "agent" has 501 characters'),
    ],
)
def test_a_bad_cell_is_a_reason_to_skip(cells: dict[str, str], reason: SkipReason, detail: str) -> None:
    found = check(cells, spec_of(audience={"prompt": "own_prompt", "agent": "agent"}))
    assert found.skip is reason
    assert detail in (found.detail or "")
    assert len(found.detail or "") < 200
    assert (found.text, found.variables, found.segments) == (None, {}, 0)


def test_the_longest_texts_are_still_said() -> None:
    spec = spec_of(audience={"prompt": "own_prompt", "agent": "agent"})
    cells = {"own_prompt": "x" * 32_000, "agent": "y" * 500, "notes": "n" * 2_000, "First Name": "F" * 1_994}
    assert check(cells, spec).skip is None


def test_a_missing_value_is_not_missed_where_the_row_has_its_own_words() -> None:
    spec = spec_of(audience={"prompt": "own_prompt"})
    assert check({"plan": "", "own_prompt": "Be brief."}, spec).skip is None
    assert check({"plan": ""}, spec).skip is SkipReason.MISSING_VARIABLE


def test_a_value_that_only_the_text_afterwards_needs_may_be_missing() -> None:
    spec = spec_of(call={"variables": []}, fallback={"message": "Hi {{ first_name }}, {{ notes }}"})
    assert check({"notes": "n"}, spec).variables == {"first_name": "Ann", "plan": "Basic", "notes": "n"}
    assert check({"notes": ""}, spec).skip is None


def test_an_unreadable_cell_matters_where_it_is_needed_and_is_kept_quiet_elsewhere() -> None:
    spec = spec_of(audience={"prompt": "own_prompt"}, fallback={"message": "{{ agent }}"})
    checker = RowChecker(spec, COLUMNS, NOW)
    found = checker.check(Row(2, {**GOOD, "notes": "#REF!"}, faults={"notes": "broken"}))
    assert (found.skip, found.variables) == (None, {"first_name": "Ann", "plan": "Basic"})
    assert checker.check(Row(2, {**GOOD, "agent": "#N/A"}, faults={"agent": "broken"})).skip is None
    for column in ("First Name", "phone", "own_prompt"):
        assert checker.check(Row(2, GOOD, faults={column: "broken"})).skip is SkipReason.UNREADABLE_ROW
    asked = RowChecker(spec_of(call={"variables": ["notes"]}), COLUMNS, NOW)
    assert asked.check(Row(2, GOOD, faults={"notes": "broken"})).skip is SkipReason.UNREADABLE_ROW


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        (
            {"audience": {"prompt": "propmt"}},
            'There is no column "propmt" for each row\'s own prompt (did you mean "own_prompt"?)',
        ),
        ({"audience": {"first_message": "x"}}, 'There is no column "x" for each row\'s own first message'),
        ({"audience": {"language": "x"}}, 'There is no column "x" for each row\'s own language'),
        ({"audience": {"time_zone": "zone"}}, 'There is no column "zone" for the time zone'),
        ({"call": {"context": "{{ paln }}"}}, 'call.context uses {{ paln }} (did you mean "plan"?), which no column'),
        ({"call": {"variables": ["paln"]}}, 'call.variables names "paln" (did you mean "plan"?), which is no column'),
        ({"fallback": {"message": "{{ zip }}"}}, "fallback.message uses {{ zip }}, which no column of the audience"),
    ],
)
def test_a_column_that_is_not_there_is_said_before_the_first_row(keys: dict[str, object], sentence: str) -> None:
    said = refusal(spec_of(**keys))  # type: ignore[arg-type]
    assert sentence in said
    assert '"First Name", "phone", "plan", "tz", "notes", "own_prompt", "agent"' in said


def test_more_columns_than_a_call_takes_are_refused_with_the_way_out() -> None:
    columns = (*COLUMNS, *(f"c{n}" for n in range(96)))
    assert refusal(spec_of(), columns) == (
        "101 columns of the audience would go along with every call, which takes up to 100; "
        "name those that its agent needs in call.variables."
    )
    assert RowChecker(spec_of(), columns[:-1], NOW).check(Row(2, GOOD)).skip is None
    assert RowChecker(spec_of(call={"variables": ["c95"]}), columns, NOW).check(Row(2, GOOD)).skip is None


HOSTILE = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["=1+1", "{{ 7*7 }}", "'; DROP TABLE targets; --", "\u202e+1415", "%s", "+", '{"prompt": 1}']),
    st.integers(1, 9).map(lambda digit: str(digit) * 4000),
)


@settings(deadline=None, max_examples=200)
@given(st.fixed_dictionaries(dict.fromkeys(COLUMNS, HOSTILE)))
def test_no_row_raises_and_what_is_accepted_can_be_said(cells: dict[str, str]) -> None:
    spec = spec_of(audience={"prompt": "own_prompt", "agent": "agent"})
    assert spec.call is not None
    found = RowChecker(spec, COLUMNS, NOW).check(Row(2, {**cells, "phone": "+14155550123", "tz": ""}))
    assert (found.skip is None) == (found.detail is None)
    if found.skip is None:
        script = ScriptWriter(spec.call).write(found.variables, json.loads(found.text or "{}"))
        assert script.first_message == f"Hello {cells['First Name'].strip()}"
    else:
        assert 0 < len(found.detail or "") < 400
