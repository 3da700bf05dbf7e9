"""Templates and schedules over REST, as far as they need no Temporal."""

from __future__ import annotations

import httpx
import pytest

from clarion.domain.schedule import parse_schedule
from tests.starter.rest.doorway import NORTH, Doorway, people, sms

WHEN = {"cron": "0 9 * * mon-fri", "time_zone": "Europe/Berlin"}


async def template(client: httpx.AsyncClient, name: str = "weekly", contacts: int = 2) -> None:
    assert (await client.post("/campaigns", json=sms(id="draft", contacts=people(contacts)))).status_code == 201
    answer = await client.post("/templates", json={"campaign_id": "draft", "id": name})
    assert answer.status_code == 201, answer.text


def scheduled(door: Doorway, name: str = "weekly") -> None:
    """Give a template a schedule that Temporal does not know."""
    found = door.store.campaigns.find(NORTH, name)
    spec = found.spec.model_copy(update={"schedule": parse_schedule(WHEN)})
    door.store.templates.rewrite(found.ref.key, spec, 1.0)


async def test_a_template_is_kept_and_used(operator: httpx.AsyncClient, reader: httpx.AsyncClient) -> None:
    await template(operator)
    (listed,) = (await reader.get("/templates")).json()["items"]
    assert listed == (await reader.get("/templates/weekly")).json()
    assert (listed["template_id"], [file["name"] for file in listed["files"]]) == ("weekly", ["contacts.jsonl"])
    campaigns = (await reader.get("/campaigns")).json()["items"]
    assert [campaign["campaign_id"] for campaign in campaigns] == ["draft"]
    answer = await operator.post("/templates/weekly/start", json={"id": "monday", "start": False})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == "/api/v1/campaigns/monday"
    assert (answer.json()["status"], answer.json()["template"]) == ("draft", False)
    others = {"id": "tuesday", "start": False, "contacts": people(5)}
    assert (await operator.post("/templates/weekly/start", json=others)).status_code == 201
    checked = (await operator.post("/campaigns/tuesday/check")).json()
    assert checked["total"] == 5
    assert (await operator.delete("/templates/weekly")).status_code == 204
    assert (await reader.get("/templates/weekly")).status_code == 404


async def test_a_start_with_wrong_contacts_leaves_nothing(operator: httpx.AsyncClient) -> None:
    await template(operator)
    wrong = {"id": "monday", "start": False, "contacts": [{"name": "Ann"}]}
    answer = await operator.post("/templates/weekly/start", json=wrong)
    assert answer.status_code == 422
    assert (await operator.get("/campaigns/monday")).status_code == 404


async def test_the_same_request_makes_one_campaign(operator: httpx.AsyncClient) -> None:
    await template(operator)
    key = {"Idempotency-Key": "once"}
    first = await operator.post("/templates/weekly/start", json={"start": False}, headers=key)
    again = await operator.post("/templates/weekly/start", json={"start": False}, headers=key)
    assert first.json()["campaign_id"] == again.json()["campaign_id"]


async def test_nobody_sees_another_tenants_templates(
    operator: httpx.AsyncClient, south: httpx.AsyncClient, door: Doorway
) -> None:
    await template(operator)
    scheduled(door)
    assert (await south.get("/templates")).json()["items"] == []
    assert (await south.get("/schedules")).json()["items"] == []
    for path in ("/templates/weekly", "/schedules/weekly"):
        assert (await south.get(path)).status_code == 404
        assert (await south.delete(path)).status_code in {404, 503}
    for path in ("/templates/weekly/start", "/schedules/weekly/pause", "/schedules/weekly/trigger"):
        assert (await south.post(path)).status_code == 404
    assert (await south.post("/schedules", json={"template_id": "weekly", **WHEN})).status_code == 404


async def test_a_schedule_is_shown_while_temporal_is_away(
    reader: httpx.AsyncClient, operator: httpx.AsyncClient, door: Doorway
) -> None:
    await template(operator)
    scheduled(door)
    shown = (await reader.get("/schedules/weekly")).json()
    assert (shown["state"], len(shown["next"]), shown["cron"]) == ("unknown", 5, "0 9 * * mon-fri")
    assert "Temporal" in shown["reason"]
    assert (await operator.post("/schedules/weekly/trigger")).status_code == 503
    assert (await operator.post("/schedules/weekly/pause", json={"reason": "x"})).status_code == 503


async def test_what_has_a_schedule_is_neither_removed_nor_given_another(
    operator: httpx.AsyncClient, door: Doorway
) -> None:
    await template(operator)
    scheduled(door)
    for path in ("/templates/weekly", "/campaigns/weekly"):
        answer = await operator.delete(path)
        assert (answer.status_code, "DELETE /api/v1/schedules/weekly" in answer.text) == (409, True)
    assert (await operator.post("/schedules", json={"template_id": "weekly", **WHEN})).status_code == 409
    other = {"schedule": {**WHEN, "cron": "0 10 * * *"}}
    assert (await operator.patch("/campaigns/weekly", json=other)).status_code == 409
    assert (await operator.patch("/campaigns/weekly", json={"name": "Every week"})).status_code == 200


async def test_a_schedule_that_temporal_did_not_take_is_not_there(operator: httpx.AsyncClient) -> None:
    await template(operator)
    assert (await operator.post("/schedules", json={"template_id": "weekly", **WHEN})).status_code == 503
    assert (await operator.get("/schedules")).json()["items"] == []
    body = sms(id="daily", contacts=people(1), schedule=WHEN, start=True)
    assert (await operator.post("/campaigns", json=body)).status_code == 503
    assert (await operator.get("/templates/daily")).status_code == 404


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"cron": "0 9 * * mon#1"}, "is no day of the week"),
        ({"time_zone": "Berlin"}, "is not a time zone"),
        ({"until": "2020-01-01T00:00:00+00:00"}, "no moment is left"),
        ({"until": "9999-12-31T23:59:59-12:00"}, "too far away"),
        ({"catch_up": "1s"}, "10 seconds"),
        ({"catch_up": -1}, "0 seconds"),
        ({"overlap": "maybe"}, "overlap"),
        ({"jitter": 1}, "jitter"),
        ({"cron": 5}, "cron"),
    ],
)
async def test_what_cannot_be_a_schedule_is_refused(
    operator: httpx.AsyncClient, change: dict[str, object], says: str
) -> None:
    await template(operator)
    answer = await operator.post("/schedules", json={"template_id": "weekly", **WHEN, **change})
    assert answer.status_code == 422
    assert says in answer.text
