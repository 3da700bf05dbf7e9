"""The same request sent again, with its key."""

from __future__ import annotations

import asyncio
import hashlib
import time

import httpx
import pytest

from clarion.domain.errors import BadInput, Conflict
from clarion.store.replies import GIVEN_UP, KEPT, Beginning, Reply
from tests.starter.rest.doorway import NORTH, SOUTH, Doorway, people, sms

NOW = 1_796_200_000.0


async def create(client: httpx.AsyncClient, key: str, **keys: object) -> httpx.Response:
    return await client.post("/campaigns", json=sms(**keys), headers={"Idempotency-Key": key})


async def test_is_answered_as_before_and_not_done_twice(operator: httpx.AsyncClient) -> None:
    first = await create(operator, "k1", contacts=people(2))
    again = await create(operator, "k1", contacts=people(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert ("Idempotency-Replayed" in first.headers, again.headers["Idempotency-Replayed"]) == (False, "true")
    assert len((await operator.get("/campaigns")).json()["items"]) == 1


async def test_two_at_the_same_moment_make_one_campaign(operator: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(create(operator, "k1") for _ in range(5)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len({answer.json()["campaign_id"] for answer in answers if answer.status_code == 201}) == 1
    assert len((await operator.get("/campaigns")).json()["items"]) == 1


async def test_order_of_keys_and_spaces_do_not_matter(operator: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1", "Content-Type": "application/json"}
    one = b'{"name": "A", "channel": "sms", "message": "Hi"}'
    other = b'{"message":"Hi","channel":"sms","name":"A"}'
    first = await operator.post("/campaigns", content=one, headers=headers)
    again = await operator.post("/campaigns", content=other, headers=headers)
    assert (first.status_code, again.json()) == (201, first.json())


async def test_a_key_belongs_to_one_request(operator: httpx.AsyncClient) -> None:
    assert (await create(operator, "k1")).status_code == 201
    other = await create(operator, "k1", name="Another")
    assert (other.status_code, "its own key" in other.json()["detail"]) == (422, True)


async def test_each_tenant_has_its_own_keys(operator: httpx.AsyncClient, south: httpx.AsyncClient) -> None:
    one, other = await create(operator, "k1"), await create(south, "k1", account="south")
    assert (one.status_code, other.status_code) == (201, 201)
    assert "Idempotency-Replayed" not in other.headers


async def test_what_came_to_nothing_may_be_tried_again(operator: httpx.AsyncClient) -> None:
    assert (await create(operator, "k1", account="nobody")).status_code == 422
    assert (await create(operator, "k1", start=True, contacts=people(1))).status_code == 503
    assert (await create(operator, "k1")).status_code == 201


async def test_what_a_process_left_half_done_is_carried_on(door: Doorway, operator: httpx.AsyncClient) -> None:
    """As if it had died between making the campaign and remembering that it had."""
    made = await create(operator, "k1", contacts=people(2))
    name = made.json()["campaign_id"]
    await asyncio.to_thread(_half_done, door)
    again = await create(operator, "k1", contacts=people(2))
    assert (again.status_code, again.json()["campaign_id"]) == (201, name)
    assert len(again.json()["files"]) == 1


def _half_done(door: Doorway) -> None:
    from sqlalchemy import update

    from clarion.store.door_schema import replies

    with door.store.database.write() as connection:
        long_ago = {"status": None, "body": None, "at": time.time() - GIVEN_UP - 1}
        connection.execute(update(replies).values(long_ago))


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ü"])
async def test_a_key_that_cannot_be_one_is_refused(operator: httpx.AsyncClient, key: str) -> None:
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    assert (await operator.post("/campaigns", json=sms(), headers=headers)).status_code == 422


def test_an_answer_is_kept_for_a_day(door: Doorway) -> None:
    replies = door.store.replies
    assert replies.begin(NORTH, "k", "f", NOW) is Beginning.FIRST
    with pytest.raises(Conflict):
        replies.begin(NORTH, "k", "f", NOW + GIVEN_UP - 1)
    assert replies.begin(NORTH, "k", "f", NOW + GIVEN_UP + 1) is Beginning.AGAIN
    reply = Reply(201, hashlib.sha256(b"x").hexdigest())
    replies.finish(NORTH, "k", reply)
    replies.forget(NORTH, "k")
    assert replies.begin(NORTH, "k", "f", NOW + KEPT / 2) == reply
    with pytest.raises(BadInput):
        replies.begin(NORTH, "k", "g", NOW + KEPT / 2)
    assert replies.begin(SOUTH, "k", "g", NOW) is Beginning.FIRST
    assert replies.begin(NORTH, "k", "g", NOW + KEPT + GIVEN_UP + 2) is Beginning.FIRST
