"""What a drill relies on: faults strike where they should, and effects are counted whatever the client was told."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest

from tests.sandbox.parties import OURS, Sender, eventually

GOOD = "+14155550123"


async def effects(sender: Sender) -> dict[str, object]:
    """The counted effects at Twilio."""
    return dict((await sender.control("GET", "effects"))["twilio"])


@pytest.mark.parametrize(
    ("faults", "status", "code"),
    [
        ({"rate_limited": 1.0}, 429, 20429),
        ({"server_error": 1.0}, 500, 20500),
        ({"account_suspended": True}, 403, 20005),
    ],
)
async def test_a_fault_before_the_effect_has_none(
    sender: Sender, faults: dict[str, object], status: int, code: int
) -> None:
    await sender.control("POST", "faults", {"twilio": faults})
    got, error = await sender.text(GOOD)
    assert (got, error["code"], error["status"]) == (status, code, status)
    assert (await effects(sender))["accepted"] == 0
    await sender.control("DELETE", "faults")
    assert (await sender.text(GOOD))[0] == 201


async def test_a_rate_limit_says_when_to_come_back(sender: Sender) -> None:
    await sender.control("POST", "faults", {"twilio": {"rate_limited": 1.0, "retry_after": 2.5}})
    auth = aiohttp.encode_basic_auth("AC" + "a" * 32, "x")
    url = f"{sender.sandbox.url}/2010-04-01/Accounts/AC{'a' * 32}/Messages.json"
    async with sender.http.get(url, headers={"Authorization": auth}) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (429, "3")


async def test_an_answer_lost_after_the_effect_leaves_the_effect(sender: Sender) -> None:
    await sender.control("POST", "faults", {"twilio": {"dropped": 1.0}})
    with pytest.raises(aiohttp.ClientConnectionError):
        await sender.text(GOOD, "Did this arrive?")
    await sender.control("POST", "faults", {"twilio": {"server_error_after": 1.0}})
    status, error = await sender.text("+14155550124")
    assert (status, error["code"]) == (500, 20500)
    assert (await effects(sender))["accepted"] == 2
    _, page = await sender.ask("GET", sender.messages, params={"To": GOOD})
    assert [message["body"] for message in page["messages"]] == ["Did this arrive?"]


async def test_faults_after_the_effect_spare_requests_without_one(sender: Sender) -> None:
    await sender.control("POST", "faults", {"twilio": {"dropped": 1.0, "server_error_after": 1.0}})
    assert (await sender.ask("GET", sender.messages))[0] == 200
    assert (await sender.text("+15005550001"))[0] == 400


async def test_a_number_can_lose_its_first_answer_by_itself(sender: Sender) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        await sender.text("+14155559011")
    assert (await sender.ask("GET", sender.messages))[1]["messages"][0]["to"] == "+14155559011"


async def test_an_outage_ends_by_itself(sender: Sender) -> None:
    await sender.control("POST", "faults", {"twilio": {"outage": 0.4}})
    assert 0 < (await sender.control("GET", "faults"))["twilio"]["outage"] <= 0.4
    ended = time.monotonic() + 0.4
    seen = set()
    while time.monotonic() < ended - 0.05:
        try:
            seen.add((await sender.text(GOOD))[0])
        except aiohttp.ClientConnectionError:
            seen.add(0)
    assert seen == {0, 503}
    await asyncio.sleep(max(0.0, ended - time.monotonic()))
    assert (await sender.text(GOOD))[0] == 201
    assert (await effects(sender))["accepted"] == 1


async def test_too_many_requests_at_once_are_refused(sender: Sender) -> None:
    await sender.control("POST", "settings", {"latency_ms": 200})
    await sender.control("POST", "faults", {"twilio": {"max_concurrent": 3}})
    answers = await asyncio.gather(*(sender.text(f"+1415555010{number}") for number in range(1, 9)))
    assert sorted(status for status, _ in answers) == [201] * 3 + [429] * 5
    assert (await sender.text(GOOD))[0] == 201
    assert (await effects(sender))["accepted"] == 4


async def test_a_slow_answer_outlasts_the_clients_patience_and_the_effect_stands(sender: Sender) -> None:
    await sender.control("POST", "faults", {"twilio": {"slow": 1.0, "slow_seconds": 30}})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await sender.text(GOOD)
    assert (await effects(sender))["accepted"] == 1


async def test_shares_of_faults_are_kept(sender: Sender) -> None:
    await sender.control("POST", "faults", {"twilio": {"rate_limited": 0.3, "server_error": 0.2}})
    answers = await asyncio.gather(*(sender.text(f"+1415555{number:04d}") for number in range(600)))
    found = [status for status, _ in answers]
    assert 0.22 < found.count(429) / 600 < 0.38
    assert 0.08 < found.count(500) / 600 < 0.20
    assert (await effects(sender))["accepted"] == found.count(201)


async def test_a_second_message_while_the_first_may_have_arrived_is_a_duplicate(sender: Sender) -> None:
    for _ in range(3):
        await sender.text(GOOD)
    await sender.text("+14155550124")
    found = await effects(sender)
    assert found["accepted"] == 4
    assert found["distinct_targets"] == 2
    assert found["duplicates"] == [{"target": GOOD, "count": 3}]


@pytest.mark.parametrize(("to", "wait"), [("+14155559002", True), ("+14155559002", False), ("+14155559010", True)])
async def test_a_retry_is_a_duplicate_unless_the_first_is_known_to_have_failed(
    sender: Sender, to: str, wait: bool
) -> None:
    _, message = await sender.text(to)

    async def over() -> bool:
        return await sender.status_of(message) in {"undelivered", "failed"}

    if wait:
        await eventually(over)
    await sender.text(to)
    expected = [] if wait else [{"target": to, "count": 2}]
    assert (await effects(sender))["duplicates"] == expected


async def test_a_deleted_message_still_counts(sender: Sender) -> None:
    _, message = await sender.text(GOOD)
    assert (await sender.ask("DELETE", message["uri"]))[1]["code"] == 20009

    async def deleted() -> bool:
        return (await sender.ask("DELETE", message["uri"]))[0] == 204

    await eventually(deleted)
    await sender.text(GOOD)
    assert (await effects(sender))["duplicates"] == [{"target": GOOD, "count": 2}]


async def test_details_times_and_reset(sender: Sender) -> None:
    before = time.time()
    await sender.text(GOOD)
    between = time.time()
    await sender.text("+14155550124")
    detail = await sender.control("GET", "effects?detail=1")
    assert detail["twilio"]["targets"] == {GOOD: 1, "+14155550124": 1}
    times = await sender.control("GET", "effects/times")
    assert before <= times[0] <= between <= times[1] <= time.time()
    assert await sender.control("GET", f"effects/times?to_time={between}") == times[:1]
    assert await sender.control("GET", f"effects/times?from_time={between}&provider=twilio") == times[1:]
    await sender.control("POST", "reset")
    assert (await effects(sender))["accepted"] == 0
    assert await sender.control("GET", "effects/times") == []
    assert await sender.control("GET", "exchanges") == []
    assert (await sender.ask("GET", sender.messages))[1]["messages"] == []


async def test_exchanges_are_kept_raw(sender: Sender) -> None:
    _, created = await sender.text(GOOD, "Ä & b")
    await sender.ask("GET", sender.messages, params={"To": GOOD})
    await sender.text("bad")
    create, listing, refused = await sender.control("GET", "exchanges")
    assert create == {
        "provider": "twilio",
        "method": "POST",
        "path": sender.messages,
        "query": "",
        "content_type": "application/x-www-form-urlencoded",
        "body": f"To=%2B14155550123&From=%2B{OURS[1:]}&Body=%C3%84+%26+b",
        "status": 201,
        "response": created,
    }
    assert (listing["path"], listing["query"], listing["body"]) == (sender.messages, "To=%2B14155550123", "")
    assert (refused["status"], refused["response"]["code"]) == (400, 21211)
    assert await sender.control("GET", "exchanges?limit=1") == [refused]


@pytest.mark.parametrize(
    ("method", "path", "payload", "status", "says"),
    [
        ("POST", "faults", {"twilio": {"rate_limitted": 0.5}}, 400, "rate_limitted"),
        ("POST", "faults", {"twilio": {"dropped": 2}}, 400, "dropped"),
        ("POST", "faults", {"twillio": {}}, 400, "twillio"),
        ("POST", "faults", [], 400, "JSON object"),
        ("POST", "settings", {"latency": 5}, 400, "latency"),
        ("POST", "settings", {"mix": {"twilio": {"lost": 0.5}}}, 400, "lost"),
        ("POST", "settings", {"mix": {"twilio": {"30003": 0.7, "30005": 0.7}}}, 400, "1.4"),
        ("POST", "inbound", {"from": "me", "to": OURS, "body": "x"}, 400, "me"),
        ("GET", "effects/times?to_time=noon", None, 400, "noon"),
        ("GET", "nothing", None, 404, "effects"),
    ],
)
async def test_the_control_doors_say_what_is_wrong(
    sender: Sender, method: str, path: str, payload: object, status: int, says: str
) -> None:
    url = f"{sender.sandbox.url}/_sandbox/{path}"
    async with sender.http.request(method, url, json=payload) as answer:
        assert answer.status == status
        assert says in (await answer.json())["error"]
    assert (await sender.text(GOOD))[0] == 201


async def test_settings_are_changed_one_by_one(sender: Sender) -> None:
    before = await sender.control("GET", "settings")
    after = await sender.control("POST", "settings", {"mix": {"twilio": {"30008": 1.0}}})
    assert after == {**before, "mix": {"twilio": {"30008": 1.0}}}
    _, message = await sender.text(GOOD)

    async def undelivered() -> bool:
        return await sender.status_of(message) == "undelivered"

    await eventually(undelivered)
    assert (await sender.ask("GET", message["uri"]))[1]["error_code"] == 30008
