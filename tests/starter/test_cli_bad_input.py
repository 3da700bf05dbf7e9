"""Bad input at the command line: one clear sentence with the value and the way out, exit code 2, nothing on stdout."""

from __future__ import annotations

import io

import pytest
from openpyxl import Workbook

from clarion.domain.campaign import CampaignStatus
from tests.starter.installation import Place, Result, people

AUDIENCE = {"file": "people.csv", "address": "phone", "region": "US"}


def workbook() -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Customers"
    for row in people(2):
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def assert_told(result: Result, *words: str, code: int = 2) -> None:
    assert result.code == code, result.err
    assert result.out == ""
    assert "Traceback" not in result.err
    told = " ".join(result.err.split())
    assert [word for word in words if word not in told] == []
    assert told.count("unexpected") == 0


@pytest.mark.parametrize("command", ["check", "start"])
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"audience": {**AUDIENCE, "file": "poeple.csv"}}, ["poeple.csv", 'did you mean "people.csv"']),
        ({"audience": {**AUDIENCE, "file": "empty.csv"}}, ["empty.csv", "empty"]),
        ({"audience": {**AUDIENCE, "file": "header.csv"}}, ["header.csv", "no rows"]),
        ({"audience": {**AUDIENCE, "file": "binary.csv"}}, ["binary.csv"]),
        ({"audience": {**AUDIENCE, "encoding": "utf-9"}}, ["utf-9", "encoding"]),
        ({"audience": {**AUDIENCE, "file": "book.xlsx", "sheet": "Custumers"}}, ["Custumers", '"Customers"']),
        ({"audience": {**AUDIENCE, "address": "phon"}}, ['"phon"', 'did you mean "phone"', '"first_name", "phone"']),
        ({"mesage": "Hi"}, ["mesage", 'did you mean "message"']),
        ({"message": "Hi {{ frist_name }}"}, ["frist_name", 'did you mean "first_name"']),
        ({"message": "Hi {{ first_name|uper }}"}, ["uper", 'did you mean "upper"']),
        ({"message": "{{ first_name.__class__ }}"}, ["no dot"]),
        ({"limits": {"concurrency": 0}}, ["limits.concurrency", "0", "1 to 50"]),
        ({"limits": {"per_second": -1}}, ["limits.per_second", "-1", "greater than 0"]),
        ({"window": {"from": "25:00", "to": "26:00"}}, ["25:00", "time of day"]),
        ({"window": {"from": "09:00", "to": "09:00"}}, ["09:00"]),
        ({"window": {"from": "09:00", "to": "20:00", "time_zone": "Europe/Berln"}}, ["Berln", "Europe/Berlin"]),
        ({"start_at": "2020-01-01T00:00:00+00:00"}, ["start_at", "2020-01-01", "has passed"]),
        ({"channel": "fax"}, ["fax", "sms"]),
    ],
)
def test_a_campaign_that_cannot_work_is_refused(
    place: Place, command: str, keys: dict[str, object], words: list[str]
) -> None:
    place.audience(people(2))
    place.write("empty.csv", "")
    place.write("header.csv", "first_name,phone\n")
    place.write("binary.csv", bytes(range(256)) * 20)
    place.write("book.xlsx", workbook())
    place.campaign_file(**keys)
    assert_told(place.clarion(command, "campaign.yaml"), *words)
    assert place.looking.campaigns() == []


@pytest.mark.parametrize("command", ["check", "start"])
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("campain.yaml", None, ["campain.yaml", 'did you mean "campaign.yaml"']),
        ("nothing.yaml", "", ["nothing.yaml", "empty"]),
        ("broken.yaml", "name: [", ["broken.yaml", "line"]),
        ("latin.yaml", "name: Grüße".encode("latin-1"), ["latin.yaml", "UTF-8"]),
        ("list.yaml", "- a\n- b", ["list.yaml", "group of keys"]),
    ],
)
def test_a_campaign_file_that_cannot_be_read_is_refused(
    place: Place, command: str, name: str, content: str | bytes | None, words: list[str]
) -> None:
    place.campaign_file()
    if content is not None:
        place.write(name, content)
    assert_told(place.clarion(command, name), *words)


def test_bytes_that_are_not_in_the_encoding_given_are_named_with_their_line(place: Place) -> None:
    place.write("people.csv", b"first_name,phone\nAnn,+14155552001\nB\xff\xfen,+14155552002\n")
    place.campaign_file(audience={**AUDIENCE, "encoding": "utf-8"})
    assert_told(place.clarion("check", "campaign.yaml"), "people.csv is not in utf-8", "line 3", "ff")


def test_a_row_with_too_many_or_too_few_cells_is_left_out_by_its_number(place: Place) -> None:
    place.write("people.csv", "first_name,phone\nAnn,+14155552001\nBob,+14155552002,x,y\nCid\n")
    place.campaign_file()
    result = place.clarion("check", "campaign.yaml", "--rows")
    assert result.code == 0
    assert "row 3: wrong cell count" in result.out
    assert "row 4: wrong cell count" in result.out


def test_nobody_to_contact_is_wrong_input(place: Place) -> None:
    place.audience([["first_name", "phone"], ["Ann", "12"]])
    place.campaign_file()
    result = place.clarion("check", "campaign.yaml")
    assert result.code == 2
    assert "nobody would be contacted" in result.out


def test_an_id_that_exists_is_refused(place: Place) -> None:
    place.audience(people(2))
    place.campaign_file()
    assert place.clarion("start", "campaign.yaml", "--draft", "--id", "spring").code == 0
    assert_told(place.clarion("start", "campaign.yaml", "--draft", "--id", "spring"), '"spring" exists', "--id")


def test_an_id_that_cannot_be_one_is_refused(place: Place) -> None:
    place.audience(people(2))
    place.campaign_file()
    assert_told(place.clarion("start", "campaign.yaml", "--draft", "--id", "a/b"), '"a/b"', "letters, digits")


def test_missing_credentials_are_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.audience(people(2))
    place.campaign_file(account="west")
    assert_told(
        place.clarion("start", "campaign.yaml"), '"west" is not set up', "known: main", "CLARION_ACCOUNTS__WEST__SID"
    )
    monkeypatch.delenv("CLARION_ACCOUNTS__MAIN__AUTH_TOKEN")
    assert_told(place.clarion("list"), "CLARION_ACCOUNTS__MAIN__AUTH_TOKEN")


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ({"provider": "openai"}, "openai needs CLARION_ACCOUNTS__EXTRA__AUTH_TOKEN\n"),
        ({"provider": "retell", "auth_token": "t"}, "retell needs CLARION_ACCOUNTS__EXTRA__FROM_NUMBER\n"),
        (
            {"provider": "exotel", "sid": "s"},
            "exotel needs CLARION_ACCOUNTS__EXTRA__AUTH_TOKEN, …__API_KEY and …__FROM_NUMBER\n",
        ),
        (
            {"provider": "salesforce", "username": "u", "password": "hush"},
            (
                "salesforce needs CLARION_ACCOUNTS__EXTRA__SECURITY_TOKEN, or …__SESSION_ID and …__INSTANCE_URL, or "
                "…__CLIENT_ID and …__PRIVATE_KEY, or …__CLIENT_ID and …__CLIENT_SECRET\n"
            ),
        ),
    ],
)
def test_what_an_account_lacks_is_named_as_the_variables_to_set(
    place: Place, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], needed: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"CLARION_ACCOUNTS__EXTRA__{name.upper()}", value)
    result = place.clarion("list")
    assert_told(result)
    assert result.err == f"an account with {needed}"


def test_no_secret_is_told(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARION_ACCOUNTS__MAIN__MESSAGING_SERVICE", "MG1")
    result = place.clarion("list")
    assert_told(result, "either from_number or messaging_service")
    assert "secret-token" not in result.err


def test_temporal_that_does_not_answer_is_named_with_a_way_to_start_one(place: Place, free_port: int) -> None:
    place.audience(people(2))
    place.campaign_file()
    address = f"127.0.0.1:{free_port}"
    assert_told(place.clarion("start", "campaign.yaml"), address, "`clarion up`", "TEMPORAL_ADDRESS", code=1)
    assert place.looking.campaigns() == []


def test_an_address_of_temporal_that_is_none_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.audience(people(2))
    place.campaign_file()
    monkeypatch.setenv("TEMPORAL_ADDRESS", "there:port")
    assert_told(place.clarion("start", "campaign.yaml"), "TEMPORAL_ADDRESS")


def test_a_database_that_does_not_answer_is_named(
    place: Place, monkeypatch: pytest.MonkeyPatch, free_port: int
) -> None:
    url = f"postgresql+psycopg://me:hidden-word@127.0.0.1:{free_port}/clarion"
    monkeypatch.setenv("CLARION_DATABASE_URL", url)
    for command in (["list"], ["pause", "spring"]):
        result = place.clarion(*command)
        assert_told(result, f"127.0.0.1:{free_port}", "start it", code=1)
        assert "hidden-word" not in result.err


def test_a_database_that_is_none_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARION_DATABASE_URL", "mongodb://somewhere")
    assert_told(place.clarion("list"), "sqlite:///", "postgresql+psycopg://")


def test_a_database_without_tables_asks_for_the_set_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARION_DATABASE_URL", f"sqlite:///{place.folder / 'new.db'}")
    for command in (["list"], ["progress", "spring"], ["pause", "spring"]):
        assert_told(place.clarion(*command), "new.db", "`clarion setup`")
        assert not (place.folder / "new.db").exists()
    (place.folder / "new.db").touch()
    assert_told(place.clarion("list"), "new.db", "`clarion setup`")


@pytest.mark.parametrize(
    "command",
    [
        ["progress"], ["show"], ["watch"], ["targets"], ["errors"], ["report"], ["conversations"], ["transcripts"],
        ["pause"], ["resume"], ["cancel"], ["retry"], ["limits", "--per-second", "2"],
    ],
)  # fmt: skip
def test_a_campaign_that_does_not_exist_is_told_with_the_nearest(place: Place, command: list[str]) -> None:
    place.imported(people(1), "spring")
    name, *options = command
    assert_told(place.clarion(name, "sprnig", *options), '"sprnig"', 'did you mean "spring"', "`clarion list`")


@pytest.mark.parametrize("command", [["pause"], ["resume"], ["cancel"], ["limits", "--concurrency", "2"]])
def test_a_campaign_that_has_ended_cannot_be_steered(place: Place, command: list[str]) -> None:
    place.imported(people(1), "spring").status(CampaignStatus.COMPLETED)
    name, *options = command
    assert_told(place.clarion(name, "spring", *options), "is completed", "`clarion retry spring`")


def test_a_draft_cannot_be_steered_and_says_how_it_starts(place: Place) -> None:
    place.imported(people(1), "spring")
    assert_told(place.clarion("pause", "spring"), "is a draft", "`clarion start spring`")


def test_only_a_draft_can_be_started_by_its_id(place: Place) -> None:
    place.imported(people(1), "spring").run()
    assert_told(place.clarion("start", "spring"), "is running already")


def test_neither_file_nor_draft_is_told_as_such(place: Place) -> None:
    place.campaign_file("reminder.yaml")
    assert_told(place.clarion("start", "remindr"), '"remindr"', 'did you mean "reminder.yaml"', "no campaign")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], ["say which limit"]),
        (["--concurrency", "0"], ["--concurrency 0", "1 to 50"]),
        (["--concurrency", "51"], ["--concurrency 51", "1 to 50"]),
        (["--per-second", "0"], ["--per-second 0", "greater than 0"]),
        (["--per-minute", "-3"], ["--per-minute -3", "greater than 0"]),
        (["--per-hour", "nan"], ["--per-hour nan", "greater than 0"]),
        (["--budget", "inf"], ["--budget inf", "greater than 0"]),
    ],
)
def test_a_limit_that_is_none_is_refused(place: Place, options: list[str], words: list[str]) -> None:
    place.imported(people(1), "spring").run()
    assert_told(place.clarion("limits", "spring", *options), *words)


@pytest.mark.parametrize("target", ["nobody", "99", "row:99", "+14155559999", "row:0"])
def test_a_target_that_is_not_there_is_told(place: Place, target: str) -> None:
    place.imported(people(3), "spring")
    assert_told(place.clarion("why", "spring", target), target)


@pytest.mark.parametrize(
    ("file", "words"),
    [("report.pdf", [".xlsx, .csv or .json"]), ("report", [".xlsx"]), ("no/such/r.csv", ["there is no folder"])],
)
def test_a_report_that_cannot_be_written_is_refused(place: Place, file: str, words: list[str]) -> None:
    place.imported(people(1), "spring")
    assert_told(place.clarion("report", "spring", "--out", file), file, *words)


def test_a_file_to_add_that_is_missing_is_told(place: Place) -> None:
    place.imported(people(1), "spring").run()
    assert_told(place.clarion("add", "spring", "more.csv"), "more.csv", code=2)


@pytest.mark.parametrize("number", ["12", "hello", "4155552671"])
def test_a_number_to_suppress_that_is_none_is_refused(place: Place, number: str) -> None:
    assert_told(place.clarion("optout", "add", number), f'"{number}"')


def test_a_command_that_is_mistyped_says_the_nearest(place: Place) -> None:
    result = place.clarion("progess", "spring")
    assert result.code == 2
    assert "progress" in result.err


def test_an_unexpected_error_is_one_sentence_and_its_traceback_is_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.imported(people(1), "spring")
    with place.store.database.write() as connection:
        connection.exec_driver_sql("UPDATE campaigns SET spec = '{'")
    result = place.clarion("progress", "spring")
    assert result.code == 1
    assert result.out == ""
    assert "Traceback" not in result.err
    assert "--debug" in result.err
    assert "Traceback" in (place.folder / "logs" / "clarion-error.log").read_text()
    monkeypatch.setattr("sys.argv", ["clarion", "why", "spring", "+14155552671", "--json"])
    place.clarion("why", "spring", "+14155552671", "--json")
    kept = (place.folder / "logs" / "clarion-error.log").read_text()
    assert " why --json\n" in kept
    assert "+14155552671" not in kept  # whom we contact stands in no log
    assert "Traceback" in place.clarion("--debug", "progress", "spring").err
