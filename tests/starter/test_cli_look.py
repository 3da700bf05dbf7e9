"""Commands that look: what they print, what they print as JSON, and that they print nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clarion.domain.campaign import CampaignStatus
from clarion.store.events import Event
from starter.chronicle import latest_lines
from tests.starter.installation import DELIVERED, LANDLINE, LOST, NOW, SENT, UNDELIVERED, OneCampaign, Place, people


@pytest.fixture
def mixed(place: Place) -> OneCampaign:
    """Eight rows, in as many states as there are."""
    rows = [*people(6), ["Bob", "12"], ["Ann0", "+14155552000"]]
    campaign = place.imported(rows, retry={"attempts": 3, "delay": "30m"}, limits={"per_second": 10})
    campaign.run()
    campaign.contact(DELIVERED, SENT, UNDELIVERED, LANDLINE, LOST)
    return campaign


def test_a_new_installation_says_how_to_begin(place: Place) -> None:
    result = place.clarion("list")
    assert (result.code, "`clarion demo`" in result.out) == (0, True)
    assert place.clarion("list", "--json").json == []


def test_campaigns_are_listed_the_newest_first(place: Place, mixed: OneCampaign) -> None:
    place.imported(people(1), "autumn")
    assert [line["campaign_id"] for line in place.clarion("list", "--json").json] == ["autumn", "spring"]
    shown = place.clarion("list").out
    assert shown.index("autumn") < shown.index("spring")
    assert "running" in shown


def test_progress_as_json_has_the_agreed_names_and_books_that_balance(place: Place, mixed: OneCampaign) -> None:
    told = place.clarion("progress", "spring", "--json").json
    agreed = (
        "campaign_id name channel status books outcomes percent success_rate per_minute eta started_at updated_at "
        "lanes limits reason"
    )
    assert set(agreed.split()) <= set(told)
    books = told["books"]
    assert books == {
        "total": 8, "pending": 1, "waiting": 1, "active": 1, "succeeded": 1, "failed": 1, "skipped": 2, "unknown": 1,
        "cancelled": 0,
    }  # fmt: skip
    assert told["success_rate"] == 0.5


def test_progress_is_shown_to_people(place: Place, mixed: OneCampaign) -> None:
    shown = place.clarion("progress", "spring").out
    assert "Spring reminder" in shown
    assert "running" in shown
    assert "4 of 8" in shown


def test_targets_are_listed_in_order_and_by_state(place: Place, mixed: OneCampaign) -> None:
    told = place.clarion("targets", "spring", "--json").json
    assert [target["position"] for target in told] == list(range(1, 9))
    assert [target["state"] for target in told] == [
        "succeeded", "active", "waiting", "failed", "unknown", "pending", "skipped", "skipped",
    ]  # fmt: skip
    assert told[3]["provider_code"] == "21614"
    failed = place.clarion("targets", "spring", "--state", "failed", "--json").json
    assert [target["position"] for target in failed] == [4]


def test_a_long_list_of_targets_is_cut_and_says_so(place: Place) -> None:
    place.imported(people(30))
    result = place.clarion("targets", "spring", "--limit", "10")
    assert "the first 10" in result.err
    assert len(place.clarion("targets", "spring", "--limit", "0", "--json").json) == 30


def test_errors_are_grouped_by_what_they_mean(place: Place, mixed: OneCampaign) -> None:
    told = place.clarion("errors", "spring", "--json").json
    groups = {(group["state"], group["outcome"], group["provider_code"]): group for group in told}
    assert {key: group["count"] for key, group in groups.items()} == {
        ("failed", "invalid_number", "21614"): 1,
        ("unknown", "unknown", None): 1,
        ("waiting", "undelivered", "30003"): 1,
        ("skipped", "invalid_phone", None): 1,
        ("skipped", "duplicate", None): 1,
    }
    assert groups["failed", "invalid_number", "21614"]["meaning"] == "this is not a mobile number"
    assert groups["skipped", "invalid_phone", None]["rows"] == [8]
    assert not any(group["retry_helps"] for group in told)


def test_errors_say_which_can_be_tried_again(place: Place) -> None:
    campaign = place.imported(people(2), retry={"attempts": 1})
    campaign.run()
    campaign.contact(UNDELIVERED, DELIVERED)
    result = place.clarion("errors", "spring")
    assert "the phone is switched off" in result.out
    assert "clarion retry spring --outcome undelivered" in result.err


def test_nobody_failed_is_said(place: Place) -> None:
    place.imported(people(1))
    assert "no errors" in place.clarion("errors", "spring").out


def test_show_has_rules_log_and_the_page_in_temporal(
    place: Place, mixed: OneCampaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLARION_TEMPORAL_UI_URL", "http://127.0.0.1:8233/")
    page = place.clarion("show", "spring", "--json").json
    assert page["workflow_id"] == "campaign/default/spring"
    assert page["web_ui"] == "http://127.0.0.1:8233/namespaces/default/workflows/campaign%2Fdefault%2Fspring"
    assert page["spec"]["limits"]["per_second"] == 10
    assert "does not answer" in page["temporal"]
    assert [event["kind"] for event in page["events"]] == ["created", "imported", "status"]
    shown = place.clarion("show", "spring")
    assert shown.code == 0
    assert "per_second: 10" in shown.out


def test_conversations_show_what_people_answered(place: Place) -> None:
    place.imported(people(1))
    assert "nobody has answered yet" in place.clarion("conversations", "spring").out
    assert place.clarion("conversations", "spring", "--json").json == []


def test_texts_have_no_transcripts_and_say_where_answers_are(place: Place) -> None:
    place.imported(people(1))
    result = place.clarion("transcripts", "spring")
    assert (result.code, "clarion conversations spring" in result.out) == (0, True)
    assert place.clarion("transcripts", "spring", "--json").json == []


def test_the_do_not_contact_list_is_kept(place: Place) -> None:
    added = place.clarion("optout", "add", "(415) 555-2671", "+44 20 7946 0958", "--region", "us", "--reason", "asked")
    assert added.code == 0
    assert "+14155552671 is on the list" in added.out
    assert "already" in place.clarion("optout", "add", "+14155552671").out
    listed = place.clarion("optout", "list", "--json").json
    assert [line["address"] for line in listed] == ["+14155552671", "+442079460958"]
    assert (listed[0]["source"], listed[0]["detail"]) == ("person", "asked")
    assert place.clarion("optout", "remove", "+14155552671").code == 0
    gone = place.clarion("optout", "remove", "+14155552671")
    assert (gone.code, "was not on the list" in gone.err) == (2, True)
    assert "+442079460958" in place.clarion("optout", "list").out


def test_a_draft_is_stored_shown_and_cancelled(place: Place) -> None:
    place.audience(people(2))
    place.campaign_file()
    stored = place.clarion("start", "campaign.yaml", "--draft", "--id", "later", "--json").json
    assert (stored["campaign_id"], stored["status"]) == ("later", "draft")
    assert place.clarion("cancel", "later").code == 0
    assert place.clarion("progress", "later", "--json").json["status"] == "cancelled"


def test_a_draft_names_itself_after_its_campaign(place: Place) -> None:
    place.audience(people(2))
    place.campaign_file()
    name = place.clarion("start", "campaign.yaml", "--draft", "--json").json["campaign_id"]
    assert name.startswith("spring-reminder-")


def test_the_version_is_told(place: Place) -> None:
    assert place.clarion("--version").out.startswith("clarion ")


def test_nothing_heavy_is_loaded_to_show_the_help() -> None:
    """Start-up is quick because of what is not imported."""
    code = (
        "import sys, starter.cli.app; "
        "print(*sorted({'temporalio', 'sqlalchemy', 'pydantic', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_looking_does_not_load_temporal(place: Place) -> None:
    place.imported(people(1))
    code = (
        "import sys\nfrom starter.cli.app import app\n"
        "try:\n    app(['progress', 'spring', '--json'])\nexcept SystemExit as end:\n    assert not end.code\n"
        "sys.stderr.write(str('temporalio' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "False"


def test_the_installed_command_keeps_exit_codes_and_standard_output_apart(place: Place) -> None:
    place.imported(people(1))
    ran = [sys.executable, "-m", "starter"]
    good = subprocess.run([*ran, "progress", "spring", "--json"], capture_output=True, text=True, check=False)
    assert (good.returncode, good.stderr, good.stdout[0]) == (0, "", "{")
    bad = subprocess.run([*ran, "progress", "nobody", "--json"], capture_output=True, text=True, check=False)
    assert (bad.returncode, bad.stdout) == (2, "")
    gone = subprocess.run([*ran, "resume", "nobody"], capture_output=True, text=True, check=False)
    assert gone.returncode == 2


def test_an_error_is_one_line_and_no_log_of_any_part(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLARION_DATABASE_URL", f"sqlite:///{place.folder / 'new.db'}")
    (place.folder / "new.db").touch()
    ran = [sys.executable, "-m", "starter", "progress", "spring"]
    done = subprocess.run(ran, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_the_log_of_a_screen_names_no_one_and_joins_what_belongs_together() -> None:
    def event(number: int, at: float, kind: str, position: int | None, detail: str = "") -> Event:
        return Event(number, 1, position, at, kind, detail)

    lines = latest_lines(
        [
            event(1, NOW, "status", None, "running"),
            *(event(10 + n, NOW + 1, "skipped", n, f"row {n}: +1415555{n} is on the list") for n in range(3)),
            event(20, NOW + 2, "invalid_number", 7, "attempt 1: +14155550007 cannot be reached"),
            event(21, NOW + 3, "limits", None, "per_second 2"),
        ],
        3,
    )
    assert [line.text for line in lines] == ["skipped · 3 targets", "invalid number · target 7", "limits: per_second 2"]


def test_a_campaign_with_a_reason_shows_it(place: Place, mixed: OneCampaign) -> None:
    mixed.status(CampaignStatus.PAUSED, "the budget is spent", open_=False)
    assert "the budget is spent" in place.clarion("progress", "spring").out
