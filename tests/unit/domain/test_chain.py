"""What is known of a lead in the campaign that follows its assessment."""

from __future__ import annotations

from datetime import UTC, datetime

from clarion.domain.assessment import AnswerValue
from clarion.domain.chain import ThenSpec, handed_on, known_names, values_of

COLUMNS = {"First Name": " Ann ", "Company": "Acme (fair)", "Notes": " ", "score": "7", "###": "x"}
FIELDS = {"Company": "Acme Ltd", "OwnerId": "005x", "Fax": None, "AnnualRevenue": 5e6, "HasOptedOut": False}
ANSWER: dict[str, AnswerValue] = {
    "score": 82,
    "reasons": ["budget", "timing"],
    "chance": 0.5,
    "fits": True,
    "risks": [],
}


def test_answers_go_before_fields_and_fields_before_columns() -> None:
    assert values_of(COLUMNS, FIELDS, ANSWER) == {
        "First Name": "Ann",
        "first_name": "Ann",
        "company": "Acme (fair)",
        "Company": "Acme Ltd",
        "###": "x",
        "OwnerId": "005x",
        "AnnualRevenue": 5e6,
        "HasOptedOut": False,
        **ANSWER,
    }


def test_texts_of_the_campaign_that_follows_read_all_of_it_as_text() -> None:
    found = handed_on(COLUMNS, FIELDS, ANSWER)
    assert found["reasons"] == "budget; timing"
    assert (found["score"], found["chance"], found["AnnualRevenue"]) == ("82", "0.5", "5000000")
    assert (found["fits"], found["HasOptedOut"], found["first_name"]) == ("true", "false", "Ann")
    assert "risks" not in found
    assert "Fax" not in found
    assert "Notes" not in found


def test_a_column_of_that_very_name_goes_before_one_spelled_alike() -> None:
    assert values_of({"first_name": "Bo", "First Name": "Ann"}, {}, {})["first_name"] == "Bo"
    assert values_of({"First Name": "Ann", "first_name": "Bo"}, {}, {})["first_name"] == "Bo"


def test_every_value_has_a_name_that_is_known_before() -> None:
    known = known_names(COLUMNS, FIELDS, ANSWER)
    assert values_of(COLUMNS, FIELDS, ANSWER).keys() <= set(known)
    assert known[: len(ANSWER)] == list(ANSWER)
    assert "" not in known


def test_a_moment_in_the_campaign_that_follows_stays_what_its_file_says() -> None:
    start = datetime(2030, 12, 1, 9, tzinfo=UTC)
    then = ThenSpec.model_validate({"when": "score > 1", "campaign": {"channel": "sms", "list": [{"start_at": start}]}})
    assert then.campaign["list"] == [{"start_at": "2030-12-01T09:00:00+00:00"}]
