"""How an analysis of leads stands: its phases with their counts and speed, tokens and money, and what follows it."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.store.phases import Phase
from starter.progress import Progress
from starter.terminal.panels import Sight, campaign_panel
from tests.starter.analysis import COST, GOOD, POOR, THEN, Analysis, analysis, ids, lead
from tests.starter.installation import NOW, Place


def phases(progress: Progress) -> dict[str, tuple[int, int]]:
    return {phase.phase.value: (phase.done, phase.of) for phase in progress.phases}


def drawn(progress: Progress, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(campaign_panel(Sight(progress, (), NOW), width=width))
    return console.export_text()


@pytest.fixture
def found(place: Place) -> Analysis:
    """Six leads and a bad row."""
    found = analysis(place, ids(6, "nonsense"), limits={"concurrency": 10})
    found.campaign.run()
    return found


def test_each_phase_counts_what_is_done_of_what_there_is_to_do(place: Place, found: Analysis) -> None:
    assert phases(place.looking.progress("spring")) == {"checked": (7, 7), "fetched": (0, 6), "assessed": (0, 6)}
    found.fetch(lead(1), lead(2), lead(3), None)
    assert phases(place.looking.progress("spring")) == {"checked": (7, 7), "fetched": (4, 6), "assessed": (0, 5)}
    found.fetch(lead(5), converted=True)
    found.fetch(lead(6))
    found.answer(GOOD, POOR)
    found.fail(Outcome.REFUSED)
    assert phases(place.looking.progress("spring")) == {"checked": (7, 7), "fetched": (6, 6), "assessed": (3, 4)}
    told = {phase.phase.value: phase.success_rate for phase in place.looking.progress("spring").phases}
    assert told == {"checked": 0.8571, "fetched": 0.8333, "assessed": 0.6667}


def test_a_phase_has_its_speed_its_chunks_and_its_expected_end(place: Place, found: Analysis) -> None:
    found.fetch(lead(1), lead(2))
    found.phase(Phase.FETCHED, 1, 1.0)
    found.phase(Phase.FETCHED, 1, 3.0, began=NOW + 1)
    found.phase(Phase.FETCHED, 0, 2.0, failed=True)
    fetched = place.looking.progress("spring").phases[1]
    assert (fetched.seconds, fetched.per_second, fetched.chunks, fetched.failed_chunks) == (4, 0.5, 2, 1)
    assert fetched.average_chunk_seconds == 2
    assert fetched.expected_end == NOW + 4 / 0.5
    found.campaign.status(CampaignStatus.CANCELLED)
    assert place.looking.progress("spring").phases[1].expected_end is None


def test_assessing_has_a_speed_before_its_first_chunk_has_ended(place: Place, found: Analysis) -> None:
    found.fetch(lead(1), lead(2))
    found.answer(GOOD, POOR)
    progress = place.looking.progress("spring")
    assert progress.per_minute > 0
    assert progress.phases[2].per_second == pytest.approx(progress.per_minute / 60, abs=0.01)


def test_writing_back_is_a_phase_where_something_is_written(place: Place) -> None:
    found = analysis(place, ids(2), lead={"fields": ["Name"], "write_back": {"Rating": "tier"}, "writing": True})
    found.campaign.run()
    found.fetch(lead(1), lead(2))
    found.answer(GOOD, GOOD)
    assert phases(place.looking.progress("spring"))["written"] == (0, 2)
    place.store.leads.note_written(found.key, [(1, None), (2, "no")], NOW)
    written = place.looking.progress("spring").phases[-1]
    assert (written.done, written.of, written.success_rate) == (2, 2, 0.5)


def test_json_has_phases_tokens_and_what_was_spent(place: Place, found: Analysis) -> None:
    found.fetch(lead(1), lead(2))
    found.answer(GOOD, POOR)
    told = place.clarion("progress", "spring", "--json").json
    assert [phase["phase"] for phase in told["phases"]] == ["checked", "fetched", "assessed"]
    assert told["tokens"] == {"input": 1_400, "output": 180, "reused": 0}
    assert told["spent"] == pytest.approx(2 * COST / 1e6)
    assert told["stages"]["fetched"] == 2


def test_reused_answers_are_counted_and_cost_nothing(place: Place, found: Analysis) -> None:
    found.fetch(lead(1), lead(2))
    found.answer(GOOD, POOR)
    again = analysis(place, ids(6), "again")
    again.campaign.run()
    again.fetch(lead(1), lead(2))
    told = place.looking.progress("again")
    assert told.tokens is not None
    assert (told.tokens.reused, told.tokens.input, told.spent, told.books.succeeded) == (2, 0, 0, 2)
    assert "2 answered before, at no cost" in drawn(told)


@pytest.mark.parametrize("width", [60, 100])
def test_the_view_has_the_phases_and_the_tokens(place: Place, found: Analysis, width: int) -> None:
    found.fetch(lead(1), lead(2))
    found.phase(Phase.FETCHED, 2, 4.0)
    found.answer(GOOD)
    shown = drawn(place.looking.progress("spring"), width)
    for word in ("checked", "fetched", "2 of 6", "0.5/s", "assessed", "1 of 6", "700 in, 90 out"):
        assert word in shown, word
    assert all(len(line) <= width for line in shown.splitlines())


def test_texts_have_no_phases(place: Place) -> None:
    place.imported([["first_name", "phone"], ["Ann", "+14155552001"]])
    told = place.clarion("progress", "spring", "--json").json
    assert (told["phases"], told["tokens"], told["followers"], told["parent"]) == ([], None, [], None)


def test_a_campaign_and_the_one_that_follows_it_name_each_other(place: Place) -> None:
    found = analysis(place, ids(2), then=THEN)
    found.campaign.run()
    assert place.looking.progress("spring").followers == ()
    found.fetch_all()
    found.answer(GOOD, POOR)
    child = found.followed()
    place.store.feeding.pull(child.key, NOW)
    (follower,) = place.looking.progress("spring").followers
    assert (follower.campaign_id, follower.channel, follower.books.total) == ("spring.then", "sms", 1)
    assert "then spring.then · sms" in drawn(place.looking.progress("spring"))
    assert "follows spring" in drawn(place.looking.progress("spring.then"))
    listed = place.clarion("list", "--json").json
    assert [(line["campaign_id"], line["parent"]) for line in listed] == [("spring", None), ("spring.then", "spring")]
    parent, after = (place.clarion("show", name, "--json").json for name in ("spring", "spring.then"))
    assert (parent["then"], parent["texts"], after["parent"]) == ("spring.then", None, "spring")
    assert "then spring.then with leads of score >= 70" in place.clarion("show", "spring").out
    assert "leads from account salesforce" in place.clarion("show", "spring").out
    assert "takes the leads of spring with score >= 70" in place.clarion("show", "spring.then").out


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(("lanes", "code"), [(0, 2), (501, 2), (51, 1), (500, 1)])
def test_more_lanes_may_be_wished_for_than_of_contacts(place: Place, lanes: int, code: int) -> None:
    told = place.clarion("limits", "spring", "--concurrency", str(lanes))
    assert (told.code, "1 to 500" in told.err) == (code, code == 2)  # 1: no Temporal answers here


def test_targets_and_errors_list_leads(place: Place, found: Analysis) -> None:
    found.fetch(lead(1), None)
    found.fail(Outcome.REFUSED)
    listed = place.clarion("targets", "spring", "--json").json
    assert [target["outcome"] for target in listed] == [
        "refused",
        "not_found",
        None,
        None,
        None,
        None,
        "invalid_lead_id",
    ]
    assert [(target["reason"], target["due_at"]) for target in listed[2:4]] == [("fetch", None)] * 2
    groups = {group["outcome"]: group["count"] for group in place.clarion("errors", "spring", "--json").json}
    assert groups == {"refused": 1, "not_found": 1, "invalid_lead_id": 1}
    assert "invalid lead id" in place.clarion("errors", "spring").out


def test_an_example_workbook_is_written_and_can_be_checked(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    done = place.clarion("leads-example", "some.xlsx", "--rows", "300", "--bad", "0.1", "--seed", "7", "--json")
    assert (done.code, done.json["rows"], sum(done.json["kinds"].values())) == (0, 300, 300)
    place.campaign_file(
        "leads.yaml", name="Leads", channel="lead_analysis", message=None,
        audience={"file": "some.xlsx", "lead_id": "Lead ID"},
    )  # fmt: skip
    checked = place.clarion("check", "leads.yaml", "--json").json
    assert (checked["total"], 0 < checked["rejected"] <= 30) == (300, True)
    assert checked["leads"]["repaired"] > 0
    assert "300 rows written" in place.clarion("leads-example", "some.xlsx", "--rows", "300").out
    refused = place.clarion("leads-example", "some.csv")
    assert (refused.code, refused.err.count("\n")) == (2, 1)
