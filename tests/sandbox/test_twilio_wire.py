"""The sandbox's Messages resource on the wire: keys, statuses, errors, paging, as Twilio's specification has them."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings
from tests.sandbox.parties import OURS, SID, Sender, eventually

MESSAGE_KEYS = {
    "account_sid", "api_version", "body", "date_created", "date_sent", "date_updated", "direction", "error_code",
    "error_message", "from", "messaging_service_sid", "num_media", "num_segments", "price", "price_unit", "sid",
    "status", "subresource_uris", "to", "uri",
}  # fmt: skip
PAGE_KEYS = {
    "end", "first_page_uri", "messages", "next_page_uri", "page", "page_size", "previous_page_uri", "start", "uri",
}  # fmt: skip
RFC_2822 = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000")
SERVICE = "MG" + "b2" * 16
GOOD = "+14155550123"


async def test_a_created_message_has_every_key_of_the_specification(sender: Sender) -> None:
    status, message = await sender.text(GOOD, "Hi Ann")
    assert status == 201
    assert set(message) == MESSAGE_KEYS
    assert re.fullmatch("SM[0-9a-f]{32}", message["sid"])
    assert (message["status"], message["direction"], message["num_segments"]) == ("queued", "outbound-api", "1")
    assert (message["price"], message["price_unit"], message["date_sent"], message["error_code"]) == (None,) * 4
    assert (message["to"], message["from"], message["body"], message["num_media"]) == (GOOD, OURS, "Hi Ann", "0")
    assert RFC_2822.fullmatch(message["date_created"])
    assert message["uri"] == f"/2010-04-01/Accounts/{SID}/Messages/{message['sid']}.json"
    assert message["subresource_uris"] == {"media": message["uri"].replace(".json", "/Media.json")}


async def test_a_messaging_service_picks_the_sender_later(sender: Sender) -> None:
    form = {"To": GOOD, "MessagingServiceSid": SERVICE, "Body": "Hi"}
    _, created = await sender.ask("POST", sender.messages, form)
    assert (created["status"], created["from"], created["num_segments"]) == ("accepted", None, "0")
    assert created["messaging_service_sid"] == SERVICE
    sent = await settled(sender, created["uri"])
    assert sent["from"].startswith("+1500")
    assert sent["num_segments"] == "1"


@pytest.mark.parametrize(
    ("to", "status", "code", "price"),
    [
        (GOOD, "delivered", None, "-0.01660"),
        ("+14155559002", "undelivered", 30005, "-0.01660"),
        ("+14155559003", "undelivered", 30007, "-0.01660"),
        ("+14155559010", "failed", 30001, None),
    ],
)
async def test_a_number_decides_how_its_message_ends(
    sender: Sender, to: str, status: str, code: int | None, price: str | None
) -> None:
    _, created = await sender.text(to, "x" * 161)
    message = await settled(sender, created["uri"])
    assert set(message) == MESSAGE_KEYS
    assert (message["status"], message["error_code"], message["price"]) == (status, code, price)
    assert (message["error_message"] is None) == (code is None)
    assert (message["date_sent"] is None) == (status == "failed")


async def test_a_number_without_receipts_stays_at_sent(sender: Sender) -> None:
    _, created = await sender.text("+14155559009")
    _, other = await sender.text(GOOD)
    await settled(sender, other["uri"])
    await asyncio.sleep(0.1)  # more than any two numbers are apart at this time scale
    assert await sender.status_of(created) == "sent"


ERRORS: list[tuple[dict[str, str], int, int]] = [
    ({"From": OURS, "Body": "Hi"}, 400, 21604),
    ({"To": GOOD, "Body": "Hi"}, 400, 21603),
    ({"To": GOOD, "From": OURS}, 400, 21602),
    ({"To": GOOD, "From": OURS, "Body": ""}, 400, 21602),
    ({"To": GOOD, "From": OURS, "Body": "x" * 1601}, 400, 21617),
    ({"To": "0123", "From": OURS, "Body": "Hi"}, 400, 21211),
    ({"To": "+15005550001", "From": OURS, "Body": "Hi"}, 400, 21211),
    ({"To": "+15005550002", "From": OURS, "Body": "Hi"}, 400, 21612),
    ({"To": "+15005550003", "From": OURS, "Body": "Hi"}, 400, 21408),
    ({"To": "+15005550004", "From": OURS, "Body": "Hi"}, 400, 21610),
    ({"To": "+15005550009", "From": OURS, "Body": "Hi"}, 400, 21614),
    ({"To": GOOD, "From": "+15005550001", "Body": "Hi"}, 400, 21212),
    ({"To": GOOD, "From": "+15005550007", "Body": "Hi"}, 400, 21606),
    ({"To": GOOD, "From": "+15005550008", "Body": "Hi"}, 400, 21611),
    ({"To": "+14155559004", "From": OURS, "Body": "Hi"}, 400, 21610),
    ({"To": "+14155559005", "From": OURS, "Body": "Hi"}, 400, 21211),
    ({"To": "+14155559006", "From": OURS, "Body": "Hi"}, 400, 21614),
    ({"To": OURS, "From": OURS, "Body": "Hi"}, 400, 21266),
    ({"To": GOOD, "MessagingServiceSid": "MG1", "Body": "Hi"}, 404, 21701),
    ({"To": GOOD, "From": OURS, "Body": "Hi", "StatusCallback": "http://my_host/x"}, 400, 21609),
    ({"To": GOOD, "From": OURS, "Body": "Hi", "StatusCallback": "hooks"}, 400, 21609),
    ({"To": GOOD, "From": OURS, "Body": "Hi", "ValidityPeriod": "0"}, 400, 20001),
]


@pytest.mark.parametrize(("form", "status", "code"), ERRORS)
async def test_a_wrong_request_is_refused_and_has_no_effect(
    sender: Sender, form: dict[str, str], status: int, code: int
) -> None:
    got, error = await sender.ask("POST", sender.messages, form)
    assert (got, error["status"], error["code"]) == (status, status, code)
    assert set(error) == {"code", "message", "more_info", "status"}
    assert error["more_info"] == f"https://www.twilio.com/docs/errors/{code}"
    assert (await sender.control("GET", "effects"))["twilio"]["accepted"] == 0


async def test_1600_characters_are_allowed(sender: Sender) -> None:
    status, message = await sender.text(GOOD, "x" * 1600)
    assert (status, message["num_segments"]) == (201, "11")


@pytest.mark.parametrize(
    ("user", "password", "status"),
    [
        (SID, "anything", 201),
        ("SK" + "c3" * 16, "secret", 201),
        (SID, "wrong", 401),
        ("AC" + "0" * 32, "anything", 401),
    ],
)
async def test_credentials_are_checked(sender: Sender, user: str, password: str, status: int) -> None:
    form = {"To": GOOD, "From": OURS, "Body": "Hi"}
    got, body = await sender.ask("POST", sender.messages, form, user=user, password=password)
    assert got == status
    assert status == 201 or body["code"] == 20003


async def test_no_credentials_at_all_are_refused(sender: Sender) -> None:
    async with sender.http.get(sender.sandbox.url + sender.messages) as answer:
        assert answer.status == 401
        assert (await answer.json())["code"] == 20003


async def test_an_unknown_message_and_an_unknown_resource_are_not_found(sender: Sender) -> None:
    for path in (f"Messages/SM{'0' * 32}.json", "Messages/SM1.json", "Recordings.json"):
        status, error = await sender.ask("GET", f"/2010-04-01/Accounts/{SID}/{path}")
        assert (status, error["code"]) == (404, 20404)


async def test_another_account_does_not_see_the_message(sender: Sender) -> None:
    _, created = await sender.text(GOOD)
    other = "AC" + "d4" * 16
    status, error = await sender.ask("GET", created["uri"].replace(SID, other), user=other)
    assert (status, error["code"]) == (404, 20404)


async def test_a_body_can_be_redacted_and_a_message_deleted(sender: Sender) -> None:
    _, created = await sender.text(GOOD, "secret")
    await settled(sender, created["uri"])
    status, redacted = await sender.ask("POST", created["uri"], {"Body": ""})
    assert (status, redacted["body"]) == (200, "")
    assert (await sender.ask("POST", created["uri"], {"Body": "new"}))[0] == 400
    assert (await sender.ask("DELETE", created["uri"]))[0] == 204
    assert (await sender.ask("GET", created["uri"]))[0] == 404
    for filters in ({}, {"To": GOOD}):
        assert await bodies(sender, filters) == []


async def test_only_what_has_not_left_can_be_canceled(sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 100})
    _, created = await sender.text(GOOD)
    status, canceled = await sender.ask("POST", created["uri"], {"Status": "canceled"})
    assert (status, canceled["status"]) == (200, "canceled")
    await sender.control("POST", "settings", {"time_scale": 0})
    _, created = await sender.text(GOOD)
    status, error = await sender.ask("POST", created["uri"], {"Status": "canceled"})
    assert (status, error["code"]) == (400, 30409)


async def test_the_list_is_newest_first_and_filtered(sender: Sender) -> None:
    sent = [await sender.text(to, body) for to, body in ((GOOD, "one"), (GOOD, "two"), ("+14155550124", "three"))]
    for _, message in sent:
        await settled(sender, message["uri"])
    assert await bodies(sender, {}) == ["three", "two", "one"]
    assert await bodies(sender, {"To": GOOD}) == ["two", "one"]
    assert await bodies(sender, {"From": "+14155559999"}) == []
    assert await bodies(sender, {"To": GOOD, "From": OURS, "DateSent>": "2020-01-01"}) == ["two", "one"]
    assert await bodies(sender, {"DateSent<": "2020-01-01"}) == []
    assert await bodies(sender, {"DateSent": "2020-01-01"}) == []
    assert await bodies(sender, {"DateSent<": "2999-12-31T03:04:05Z"}) == ["three", "two", "one"]
    assert await bodies(sender, {"DateSent>": "Wed, 19 Jun 2019 22:04:00 -0000"}) == ["three", "two", "one"]


async def test_a_date_filter_misses_what_was_not_sent_yet(sender: Sender) -> None:
    await sender.control("POST", "settings", {"time_scale": 1000})
    await sender.text(GOOD, "queued")
    assert await bodies(sender, {"To": GOOD}) == ["queued"]
    assert await bodies(sender, {"To": GOOD, "DateSent>": "2020-01-01"}) == []


async def test_an_unreadable_date_is_refused(sender: Sender) -> None:
    status, error = await sender.ask("GET", f"{sender.messages}?DateSent=soon")
    assert (status, error["code"]) == (400, 20001)


async def test_pages_lead_to_each_other_in_twilios_envelope(sender: Sender) -> None:
    for number in range(5):
        await sender.text(GOOD, str(number))
    _, page = await sender.ask("GET", f"{sender.messages}?To=%2B14155550123&PageSize=2")
    assert set(page) == PAGE_KEYS
    assert page["previous_page_uri"] is None
    assert page["first_page_uri"] == page["uri"] == f"{sender.messages}?To=%2B14155550123&PageSize=2&Page=0"
    seen = [page]
    await sender.text(GOOD, "arrives while somebody pages")
    while page["next_page_uri"]:
        assert re.search("&Page=[0-9]&PageToken=PASM[0-9a-f]{32}$", page["next_page_uri"])
        _, page = await sender.ask("GET", page["next_page_uri"])
        seen.append(page)
    assert [[m["body"] for m in page["messages"]] for page in seen] == [["4", "3"], ["2", "1"], ["0"]]
    assert [(page["page"], page["start"], page["end"]) for page in seen] == [(0, 0, 1), (1, 2, 3), (2, 4, 4)]
    _, back = await sender.ask("GET", seen[2]["previous_page_uri"])
    assert [m["body"] for m in back["messages"]] == ["2", "1"]


async def test_the_mix_is_the_same_for_the_same_seed_and_can_be_set() -> None:
    def endings(seed: int, settings: Settings) -> list[int]:
        world = Sandbox(seed=seed, settings=settings)
        fates = world.vendors["twilio"]._desk.fates  # type: ignore[attr-defined]
        return [fates.of(f"+1415555{number:04d}").code for number in range(9000)]

    usual = endings(1, Settings())
    assert usual == endings(1, Settings())
    assert usual != endings(2, Settings())
    assert {code: round(usual.count(code) / 9000, 2) for code in set(usual)} == {0: 0.96, 30003: 0.02, 30005: 0.01, 30006: 0.01}  # fmt: skip  # noqa: E501
    assert set(endings(1, Settings(mix={"twilio": {"30008": 1.0}}))) == {30008}


async def settled(sender: Sender, uri: str) -> dict[str, Any]:
    """Fetch until the message is at its end."""

    async def over() -> bool:
        return await sender.status_of({"uri": uri}) in {"delivered", "undelivered", "failed"}

    await eventually(over)
    status, message = await sender.ask("GET", uri)
    assert status == 200
    return dict(message)


async def bodies(sender: Sender, filters: dict[str, str]) -> list[str]:
    """The texts that a filtered list shows."""
    status, page = await sender.ask("GET", sender.messages, params=filters)
    assert status == 200
    return [message["body"] for message in page["messages"]]
