"""Which leads a condition holds for, and which texts are no condition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.condition import Condition
from clarion.domain.errors import BadInput

LEAD = {
    "score": 82,
    "tier": "A",
    "reasons": ["budget", "timing"],
    "fits": True,
    "Company": "Acme",
    "Employees": "250",
    "Rating": None,
}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("score >= 70", True),
        ("score > 82", False),
        ('score >= 70 and tier in ["A", "B"]', True),
        ("score >= 70 and tier in ['C']", False),
        ("score < 10 or fits", True),
        ("not fits", False),
        ("50 < score < 90", True),
        ('"budget" in reasons', True),
        ("reasons|length > 2", False),
        ('Company|lower == "acme"', True),
        ("Employees|int > 100", True),
        ("\n score >= 70 \n", True),
        ('tier == "}}" or score == 82', True),
        ("(score if fits else 0) > 80", True),
    ],
)
def test_a_condition_holds_or_not(text: str, holds: bool) -> None:
    assert Condition.parse(text).holds(LEAD) is holds


@pytest.mark.parametrize(
    "text",
    [
        "missing > 1",
        "missing",
        "not missing",
        "Rating > 3",
        "Employees > 100",
        "score / 0 > 1",
        "tier * 1000000000 == 1",
        "score in 5",
        'Company|replace("", Company)|length > missing',
    ],
)
def test_a_condition_that_cannot_be_answered_does_not_hold(text: str) -> None:
    assert Condition.parse(text).holds(LEAD) is False


def test_a_value_that_may_be_missing_can_be_given_another() -> None:
    condition = Condition.parse("missing|default(90) > 80")
    assert condition.holds({}) is True
    assert condition.holds({"missing": 10}) is False


def test_a_condition_knows_the_names_it_mentions() -> None:
    assert Condition.parse('score > 1 and tier in ["A"] and Company|lower != low').names == {
        "score",
        "tier",
        "Company",
        "low",
    }


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "this is no condition: "),
        ("score >=", "this is no condition: "),
        ("score = 70", "= does not compare; write =="),
        ("score >= 70 tier", "tier cannot stand there"),
        ("score >= 70; True", "; cannot stand there"),
        ("score >= 70 }} {{ x", "end of print statement cannot stand there"),
        ("{{ score >= 70 }}", "a condition stands without braces"),
        ("{% if score %}", "a condition stands without braces"),
        ("score.real > 1", "variables have no fields, so no dot may follow a name"),
        ("Owner.Name == 'Ann'", "variables have no fields"),
        ('reasons[0] == "a"', "only a slice of a text can be taken"),
        ("range(9)", "functions cannot be called"),
        ("score ** 99 > 1", "** is not available"),
        ("score|sum > 1", 'unknown filter "sum"'),
        ("self > 1", '"self" is a reserved word'),
        ("score ≥ 70", "unexpected char"),
        ("1 < 2", "mentions no answer and no field, so it says the same of every lead"),
        ("(" * 400 + "score" + ")" * 400, "nested too deeply"),
        ("score > " + "1" * 3000, "it may have up to 2,000"),
    ],
)
def test_what_is_no_condition_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(BadInput) as refused:
        Condition.parse(text)
    assert sentence in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


words = st.sampled_from(
    ["score", "tier", ">", "==", "and", "not", "in", '"A"', "[", "]", "(", ")", "1", "|", "}}", "."]
)


@given(st.text(max_size=20) | st.lists(words, max_size=8).map(" ".join))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        condition = Condition.parse(text)
    except BadInput:
        return
    assert condition.holds(LEAD) in {True, False}
    assert condition.holds({}) in {True, False}
