"""Steering campaigns over REST, as far as nobody but the store has to answer."""

from __future__ import annotations

import time

import httpx
import pytest

from clarion.domain.campaign import CampaignStatus
from tests.starter.rest.doorway import NORTH, Doorway, people, sms

STEPS = ("check", "start", "pause", "resume", "cancel", "retry", "limits", "clone")


async def made(client: httpx.AsyncClient, **keys: object) -> None:
    answer = await client.post("/campaigns", json=sms(id="spring", **keys))
    assert answer.status_code == 201, answer.text


def set_status(door: Doorway, status: CampaignStatus) -> None:
    store = door.store
    store.campaigns.set_status(store.campaigns.find(NORTH, "spring").ref.key, status, "", time.time())


async def test_a_draft_is_checked_over_all_its_contacts(door: Doorway, operator: httpx.AsyncClient) -> None:
    bad = [{"first_name": "Bob", "phone": "12"}, {"first_name": "Cid", "phone": "+14155552001"}]
    await made(operator, contacts=people(3))
    await door.of(NORTH).drafts.add("spring", bad)
    door.store.suppressions.add(NORTH, "+14155552000", "person", "", time.time())
    answer = await operator.post("/campaigns/spring/check", params={"rows": 2})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["total"], found["accepted"], found["rejected"], found["problems"]) == (5, 2, 3, [])
    assert {reason["reason"] for reason in found["reasons"]} == {"invalid_phone", "opted_out", "duplicate"}
    assert [(row["file"], row["outcome"]) for row in found["rejected_rows"]] == [
        ("contacts.jsonl", "opted_out"),
        ("contacts.jsonl", "invalid_phone"),
    ]
    assert found["files"] == ["contacts.jsonl", "contacts.jsonl"]
    assert (await operator.get("/campaigns/spring")).json()["status"] == "draft"


async def test_a_draft_without_contacts_can_be_neither_checked_nor_started(
    door: Doorway, operator: httpx.AsyncClient
) -> None:
    await made(operator)
    answer = await operator.post("/campaigns/spring/check")
    assert (answer.status_code, "no contacts yet" in answer.json()["detail"]) == (422, True)


async def test_a_draft_can_be_cancelled_and_its_limits_changed(operator: httpx.AsyncClient) -> None:
    await made(operator, contacts=people(1))
    answer = await operator.post("/campaigns/spring/limits", json={"concurrency": 2, "per_minute": 30, "budget": 4})
    assert (answer.status_code, answer.json()["status"]) == (200, "draft")
    shown = (await operator.get("/campaigns/spring")).json()
    limits = shown["spec"]["limits"]
    assert (limits["concurrency"], limits["per_minute"], shown["progress"]["budget"]) == (2, 30, 4)
    answer = await operator.post("/campaigns/spring/cancel", json={"reason": "not needed"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert (await operator.get("/campaigns/spring")).json()["reason"] == "not needed"


@pytest.mark.parametrize("step", ["pause", "resume", "retry"])
async def test_what_a_draft_cannot_do_is_refused(operator: httpx.AsyncClient, step: str) -> None:
    await made(operator, contacts=people(1))
    answer = await operator.post(f"/campaigns/spring/{step}")
    assert (answer.status_code, "is a draft" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("step", "status", "code"),
    [
        ("start", CampaignStatus.DRAFT, 503),
        ("start", CampaignStatus.RUNNING, 409),
        ("check", CampaignStatus.RUNNING, 409),
        ("pause", CampaignStatus.COMPLETED, 409),
        ("pause", CampaignStatus.RUNNING, 503),
        ("cancel", CampaignStatus.RUNNING, 503),
        ("retry", CampaignStatus.FAILED, 503),
        ("resume", CampaignStatus.PAUSED, 503),
    ],
)
async def test_steps_that_do_not_fit_conflict_and_others_need_temporal(
    door: Doorway, operator: httpx.AsyncClient, step: str, status: CampaignStatus, code: int
) -> None:
    await made(operator, contacts=people(1))
    if status is not CampaignStatus.DRAFT:
        set_status(door, status)
    answer = await operator.post(f"/campaigns/spring/{step}")
    assert answer.status_code == code, answer.text
    assert (await operator.get("/campaigns/spring")).json()["status"] == status


@pytest.mark.parametrize(
    ("step", "body"),
    [
        ("limits", {}),
        ("limits", {"concurrency": 0}),
        ("limits", {"concurrency": 51}),
        ("limits", {"concurrency": 10**30}),
        ("limits", {"concurrency": True}),
        ("limits", {"per_second": 0}),
        ("limits", {"per_second": 1e300}),
        ("limits", {"budget": 1e300}),
        ("limits", {"lanes": 1}),
        ("pause", {"reason": 5}),
        ("pause", {"reason": "x" * 501}),
        ("cancel", {"hang_up": "yes"}),
        ("retry", {"outcomes": ["gone"]}),
        ("clone", {"id": "a b"}),
        ("cancel", []),
    ],
)
async def test_a_wrong_wish_is_refused(
    door: Doorway, operator: httpx.AsyncClient, step: str, body: dict[str, object]
) -> None:
    await made(operator, contacts=people(1))
    set_status(door, CampaignStatus.RUNNING)
    answer = await operator.post(f"/campaigns/spring/{step}", json=body)
    assert answer.status_code == 422, answer.text


async def test_a_clone_has_the_same_words_and_contacts(operator: httpx.AsyncClient) -> None:
    await made(operator, contacts=people(2))
    answer = await operator.post("/campaigns/spring/clone", json={"id": "summer"}, headers={"Idempotency-Key": "k1"})
    assert (answer.status_code, answer.headers["Location"]) == (201, "/api/v1/campaigns/summer")
    assert (await operator.post("/campaigns/summer/check")).json()["accepted"] == 2
    again = await operator.post("/campaigns/spring/clone", json={"id": "summer"}, headers={"Idempotency-Key": "k1"})
    assert again.json() == answer.json()
    assert (await operator.post("/campaigns/spring/clone", json={"id": "summer"})).status_code == 409


@pytest.mark.parametrize("step", STEPS)
async def test_who_may_only_read_steers_nothing(
    reader: httpx.AsyncClient, operator: httpx.AsyncClient, step: str
) -> None:
    await made(operator, contacts=people(1))
    body = {"concurrency": 1} if step == "limits" else None
    assert (await reader.post(f"/campaigns/spring/{step}", json=body)).status_code == 403
