"""Looking at campaigns over REST: the same figures as on the command line, a page at a time where there are many."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from clarion.domain.call import AnsweredBy, Speaker, Stage, Turn
from clarion.domain.campaign import CampaignStatus
from clarion.store.schema import conversations, ticks
from tests.starter.installation import ANSWERED, BUSY, DELIVERED, NOW, SENT, UNDELIVERED, OneCampaign
from tests.starter.rest.doorway import NORTH, Doorway
from tests.starter.rest.leafing import everything
from tests.starter.rest.stage import ANN, HEAD, calling, draft, imported, mixed, rows

ROUTES = (
    "progress", "stats", "analytics", "errors", "calls", "messages", "transcripts", "transcripts/summary",
    "conversations", "log", "contacts",
)  # fmt: skip
TURNS = (Turn(Speaker.AGENT, "Hello?", 0.0), Turn(Speaker.PERSON, "Yes.", 1.25))


def talked(door: Doorway) -> OneCampaign:
    """Calls: one that was busy first and answered then, one that goes on, and one that nobody made."""
    one = calling(door, 3)
    one.call(BUSY, stage=Stage.ENDED)
    told: dict[str, Any] = {
        "summary": "Agreed.",
        "turns": TURNS,
        "analysis": {"mood": "glad"},
        "duration": 61.0,
        "cost": 0.5,
    }
    one.call(ANSWERED, stage=Stage.ENDED, answered_by=AnsweredBy.HUMAN, **told)
    one.call(at=NOW + 1)
    one.call(ANSWERED, at=NOW + 1_900, stage=Stage.ENDED, duration=30.0, cost=0.25, summary="Later.")
    return one


def answer_texts(door: Doorway, one: OneCampaign, count: int) -> None:
    with door.store.database.write() as connection:
        for n in range(count):
            row = {"provider_reference": f"SM{n}", "tenant": NORTH, "address": ANN, "campaign_key": one.ref.key}
            row |= {"position": 1, "body": f"No. {n}", "kind": "text", "received_at": NOW + n // 2}
            connection.execute(insert(conversations).values(row))


async def test_progress_is_what_the_command_line_prints(door: Doorway, reader: httpx.AsyncClient) -> None:
    one = mixed(door)
    told = (await reader.get("/campaigns/spring/progress")).json()
    expected = door.of(NORTH).looking.progress("spring")
    same = ("books", "outcomes", "status", "lanes", "limits", "spent", "success_rate")
    assert {name: told[name] for name in same} == {
        name: value for name, value in expected.model_dump(mode="json").items() if name in same
    }
    assert told["books"]["total"] == sum(n for state, n in told["books"].items() if state != "total")
    assert one.ref.campaign_id == told["campaign_id"]


async def test_stats_of_texts(door: Doorway, reader: httpx.AsyncClient) -> None:
    mixed(door)
    told = (await reader.get("/campaigns/spring/stats")).json()
    assert (told["attempts"], told["average_attempts"], told["success_rate"]) == (5, 1.0, 0.5)
    assert told["cost_per_success"] == pytest.approx(told["spent"])
    assert (told["calls"], told["leads"]) == (None, None)
    assert told["books"]["skipped"] == told["outcomes"]["invalid_phone"] + told["outcomes"]["duplicate"] == 2


async def test_stats_of_calls_hold_durations(door: Doorway, reader: httpx.AsyncClient) -> None:
    talked(door)
    told = (await reader.get("/campaigns/calls/stats")).json()
    assert (told["attempts"], told["average_attempts"]) == (4, 1.333)
    assert (told["calls"]["total_duration"], told["calls"]["average_duration"]) == (91.0, 45.5)
    assert told["calls"]["analysis"] == {"mood": {"glad": 1}}


async def test_a_draft_has_figures_of_nothing(door: Doorway, reader: httpx.AsyncClient) -> None:
    await draft(door)
    told = (await reader.get("/campaigns/spring/stats")).json()
    assert (told["status"], told["attempts"], told["duration"], told["average_attempts"]) == ("draft", 0, None, None)
    assert (await reader.get("/campaigns/spring/analytics")).json()["points"] == []


async def test_contacts_are_added_up_by_interval(door: Doorway, reader: httpx.AsyncClient) -> None:
    one = imported(door, rows(1))
    with door.store.database.write() as connection:
        for n in range(60):
            connection.execute(
                insert(ticks).values(campaign_key=one.ref.key, at=int(NOW) // 60 * 60 + 5 * n, contacted=2)
            )
    by_minute = (await reader.get("/campaigns/spring/analytics", params={"interval": 60})).json()
    assert [point["contacted"] for point in by_minute["points"]] == [24] * 5
    usual = (await reader.get("/campaigns/spring/analytics")).json()
    assert usual["interval"] == 60
    finest = (await reader.get("/campaigns/spring/analytics", params={"interval": 5})).json()
    assert len(finest["points"]) == 60


async def test_an_interval_that_would_make_too_many_points_names_one_that_does_not(
    door: Doorway, reader: httpx.AsyncClient
) -> None:
    one = imported(door, rows(1))
    with door.store.database.write() as connection:
        for at in (0, 30 * 86_400):
            connection.execute(insert(ticks).values(campaign_key=one.ref.key, at=at, contacted=1))
    answer = await reader.get("/campaigns/spring/analytics", params={"interval": 60})
    assert answer.status_code == 422
    assert "give 519 or more seconds" in answer.json()["detail"]
    assert len((await reader.get("/campaigns/spring/analytics", params={"interval": 519})).json()["points"]) == 2
    assert (await reader.get("/campaigns/spring/analytics")).json()["interval"] == 21_600


async def test_outcomes_are_told_by_the_hour_of_the_local_day(door: Doorway, reader: httpx.AsyncClient) -> None:
    """NOW is 08:26:40 UTC: 13:56 in Kolkata, and in New York the clock is at 3."""
    given = [
        [*HEAD, "tz"],
        ["Ann", "+14155552000", "Asia/Kolkata"],
        ["Bob", "+14155552001", ""],
        ["Cy", "+14155552002", ""],
    ]
    audience = {"file": "people.csv", "address": "phone", "time_zone": "tz"}
    one = imported(door, given, audience=audience)
    one.contact(DELIVERED, UNDELIVERED, SENT)
    path = "/campaigns/spring/analytics"
    told = (await reader.get(path, params={"time_zone": "America/New_York"})).json()
    assert told["hours"] == [
        {"hour": 3, "attempts": 2, "outcomes": {"sent": 1, "undelivered": 1}},
        {"hour": 13, "attempts": 1, "outcomes": {"delivered": 1}},
    ]
    assert ((await reader.get(path)).json()["time_zone"], told["average_attempts"]) == ("UTC", 1.0)
    wrong = await reader.get(path, params={"time_zone": "Europe/Berlni"})
    assert (wrong.status_code, "Europe/Berlin" in wrong.json()["detail"]) == (422, True)


async def test_without_zones_of_their_own_all_targets_have_that_of_the_window(
    door: Doorway, reader: httpx.AsyncClient
) -> None:
    window = {"from": "00:00", "to": "24:00", "time_zone": "Europe/Berlin"}
    imported(door, rows(1), window=window).contact(DELIVERED)
    told = (await reader.get("/campaigns/spring/analytics")).json()
    assert (told["time_zone"], [hour["hour"] for hour in told["hours"]]) == ("Europe/Berlin", [9])


async def test_errors_are_grouped(door: Doorway, reader: httpx.AsyncClient) -> None:
    mixed(door)
    told = (await reader.get("/campaigns/spring/errors")).json()
    assert {(group["state"], group["outcome"]): group["count"] for group in told["items"]} == {
        ("failed", "invalid_number"): 1,
        ("unknown", "unknown"): 1,
        ("waiting", "undelivered"): 1,
        ("skipped", "invalid_phone"): 1,
        ("skipped", "duplicate"): 1,
    }


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_calls_are_listed_attempt_by_attempt(door: Doorway, reader: httpx.AsyncClient, limit: int) -> None:
    talked(door)
    told = await everything(reader, "/campaigns/calls/calls", limit=limit)
    assert [(c["position"], c["number"], c["outcome"], c["duration"], c["cost"]) for c in told] == [
        (1, 1, "busy", None, 0.0),
        (1, 2, "answered", 30.0, 0.25),
        (2, 1, "answered", 61.0, 0.5),
        (3, 1, "placed", None, 1.0),
    ]
    assert (told[2]["answered_by"], told[2]["summary"], told[2]["stage"]) == ("human", "Agreed.", "ended")
    assert await everything(reader, "/campaigns/calls/messages") == []


@pytest.mark.parametrize("limit", [1, 100])
async def test_transcripts_are_told_turn_by_turn(door: Doorway, reader: httpx.AsyncClient, limit: int) -> None:
    talked(door)
    later, agreed = await everything(reader, "/campaigns/calls/transcripts", limit=limit)
    assert (later["position"], later["number"], later["summary"]) == (1, 2, "Later.")
    assert agreed["turns"] == [
        {"speaker": "agent", "text": "Hello?", "at": 0.0},
        {"speaker": "person", "text": "Yes.", "at": 1.25},
    ]
    summed = (await reader.get("/campaigns/calls/transcripts/summary")).json()
    assert (summed["calls"], summed["outcomes"]) == (4, {"answered": 2, "busy": 1, "placed": 1})


@pytest.mark.parametrize("limit", [2, 100])
async def test_messages_are_listed_attempt_by_attempt(door: Doorway, reader: httpx.AsyncClient, limit: int) -> None:
    mixed(door)
    told = await everything(reader, "/campaigns/spring/messages", limit=limit)
    assert [(m["position"], m["outcome"], m["provider_status"]) for m in told] == [
        (1, "delivered", "delivered"),
        (2, "sent", "queued"),
        (3, "undelivered", "undelivered"),
        (4, "invalid_number", None),
        (5, "unknown", None),
    ]
    assert (told[0]["address"], told[0]["segments"], told[0]["cost"]) == (ANN, 1, 0.0083)
    assert await everything(reader, "/campaigns/spring/calls") == []


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_answers_that_came_at_the_same_moment_are_each_told_once(
    door: Doorway, reader: httpx.AsyncClient, limit: int
) -> None:
    answer_texts(door, imported(door, rows(1)), 5)
    told = await everything(reader, "/campaigns/spring/conversations", limit=limit)
    assert [text["body"] for text in told] == [f"No. {n}" for n in range(5)]


@pytest.mark.parametrize("limit", [1, 100])
async def test_the_log_is_told_from_its_beginning(door: Doorway, reader: httpx.AsyncClient, limit: int) -> None:
    one = imported(door, [*rows(1), ["Bob", "12"]])
    one.status(CampaignStatus.PAUSED, "lunch")
    told = await everything(reader, "/campaigns/spring/log", limit=limit)
    assert [line["id"] for line in told] == sorted({line["id"] for line in told})
    assert [(line["kind"], line["position"]) for line in told] == [
        ("created", None), ("skipped", 2), ("imported", None), ("status", None), ("status", None),
    ]  # fmt: skip
    assert told[-1]["detail"] == "paused: lunch"


@pytest.mark.parametrize("route", ROUTES)
async def test_nobody_sees_the_campaigns_of_another_tenant(
    door: Doorway, south: httpx.AsyncClient, reader: httpx.AsyncClient, stranger: httpx.AsyncClient, route: str
) -> None:
    mixed(door)
    path = f"/campaigns/spring/{route}"
    assert (await reader.get(path)).status_code == 200
    missing = await south.get(path)
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert (await stranger.get(path)).status_code == 401


@pytest.mark.parametrize("route", ["calls", "messages", "transcripts", "conversations", "log", "contacts"])
async def test_pages_that_cannot_be_are_refused(door: Doorway, reader: httpx.AsyncClient, route: str) -> None:
    imported(door, rows(1))
    questions: tuple[dict[str, str | int], ...] = (
        {"limit": 10**30}, {"limit": 0}, {"cursor": "a\0"}, {"cursor": "x" * 600}, {"cursor": "eyJhIjoxfQ"},
    )  # fmt: skip
    for query in questions:
        answer = await reader.get(f"/campaigns/spring/{route}", params=query)
        assert answer.status_code == 422, query


@pytest.mark.parametrize("name", ["a%00b", "..", "%F0%9F%92%A9", "x" * 101, "%ED%A0%80"])
async def test_names_that_no_campaign_has_are_refused(door: Doorway, reader: httpx.AsyncClient, name: str) -> None:
    assert (await reader.get(f"/campaigns/{name}/progress")).status_code in {404, 422}
