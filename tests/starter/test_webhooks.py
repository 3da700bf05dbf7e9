"""The web door for receipts, served by uvicorn and knocked on over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest
import pytest_asyncio
from starlette.datastructures import ImmutableMultiDict

from clarion.domain.errors import Unreachable
from starter import webhooks
from tests.starter.web_door import (
    DELIVERED,
    FORM,
    INBOUND,
    STATUS,
    Door,
    opened,
    sign,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_door() -> AsyncIterator[Door]:
    async with opened() as door:
        yield door


@pytest.fixture
def door(open_door: Door) -> Door:
    """The same door for every test, with an empty and sound shelf."""
    open_door.shelf.kept.clear()
    open_door.shelf.broken = None
    return open_door


async def test_keeps_a_signed_status_with_its_attempt(door: Door) -> None:
    status, body, _ = await door.signed(f"{STATUS}?attempt=7.12.1", DELIVERED)
    assert (status, body) == (204, "")
    (receipt,) = door.shelf.kept
    assert (receipt.provider, receipt.account, receipt.kind, receipt.attempt) == ("twilio", "main", "status", "7.12.1")
    assert receipt.form() == DELIVERED
    assert receipt.payload == urlencode(DELIVERED)
    assert receipt.received_at > 0


async def test_answers_an_inbound_text_with_silence(door: Door) -> None:
    form = {"MessageSid": "SM2", "From": "+14155552671", "To": "+15005550006", "Body": "Größe & Co? \N{SNOWMAN}"}
    status, body, headers = await door.signed(INBOUND, form)
    assert status == 200
    assert body.endswith("<Response/>")
    assert headers["Content-Type"].startswith("text/xml")
    (receipt,) = door.shelf.kept
    assert (receipt.kind, receipt.attempt) == ("inbound", None)
    assert receipt.form() == form


async def test_a_receipt_may_come_as_often_as_it_likes(door: Door) -> None:
    for _ in range(3):
        assert (await door.signed(STATUS, DELIVERED))[0] == 204
    assert len(door.shelf.kept) == 3


@pytest.mark.parametrize("attempt", ["", "x", "1.2", "1.2.3.4", "-1.2.3", "1." + "9" * 400 + ".1"])
async def test_an_attempt_that_is_not_ours_is_left_to_the_reference(door: Door, attempt: str) -> None:
    assert (await door.signed(f"{STATUS}?attempt={attempt}", DELIVERED))[0] == 204
    assert door.shelf.kept[0].attempt is None


async def test_refuses_a_signature_for_another_attempt(door: Door) -> None:
    signature = sign(f"{STATUS}?attempt=7.12.1", DELIVERED)
    assert (await door.post(f"{STATUS}?attempt=7.12.2", DELIVERED, signature=signature))[0] == 403
    assert door.shelf.kept == []


@pytest.mark.parametrize(
    ("form", "signature"),
    [
        (DELIVERED, None),
        (DELIVERED, ""),
        (DELIVERED, "x" * 5000),
        (DELIVERED, sign(STATUS, DELIVERED, token="67890")),
        (DELIVERED, sign(INBOUND, DELIVERED)),
        ({**DELIVERED, "MessageStatus": "failed"}, sign(STATUS, DELIVERED)),
    ],
)
async def test_refuses_what_the_provider_did_not_sign(
    door: Door, form: Mapping[str, str], signature: str | None
) -> None:
    status, body, _ = await door.post(STATUS, form, signature=signature)
    assert status == 403
    assert "signature" in body
    assert door.shelf.kept == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"&&&===",
        b"a" * 60_000,
        b"MessageSid=SM1&MessageSid=SM2&MessageStatus=sent",
        b"\xff\xfe\x00=\x80&Body=%ff%fe%00&=x",
        "Body=Größe".encode("utf-16"),
        b"%",
        b"MessageSid=%ED%A0%80",
        b"a=1;b=2",
    ],
)
async def test_hostile_forms_are_refused_and_do_not_break_the_door(door: Door, body: bytes) -> None:
    for path in (STATUS, INBOUND, f"{STATUS}?attempt=%ff&%00[]=]&attempt=2", f"{STATUS}?://[x]"):
        status, _, _ = await door.post(path, body, signature="RSOYDt4T1cUTdK1PDd93/VVr8B8=")
        assert status == 403
    assert (await door.signed(STATUS, DELIVERED))[0] == 204


async def test_a_field_that_was_signed_twice_is_verified_with_both_values(door: Door) -> None:
    body = b"MessageSid=SM1&MessageStatus=sent&MediaUrl=b&MediaUrl=a"
    form = ImmutableMultiDict(parse_qsl(body.decode()))
    signature = sign(STATUS, form)
    assert (await door.post(STATUS, body, signature=signature))[0] == 204


async def test_a_signed_form_without_a_message_is_kept_all_the_same(door: Door) -> None:
    assert (await door.signed(STATUS, {"Surprise": "1"}))[0] == 204
    assert door.shelf.kept[0].form() == {"Surprise": "1"}


async def test_takes_no_more_than_64_kib(door: Door) -> None:
    assert (await door.post(STATUS, b"a=" + b"x" * (64 * 1024)))[0] == 413
    assert (await door.post(STATUS, b"&".join(b"a=1" for _ in range(600))))[0] == 413


async def test_takes_no_more_than_64_kib_in_pieces(door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 1024

    headers = {"Content-Type": FORM}
    with contextlib.suppress(aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        async with door.http.post(door.url + STATUS, data=endless(), headers=headers) as answer:
            assert answer.status == 413
    assert door.shelf.kept == []
    assert (await door.signed(STATUS, DELIVERED))[0] == 204


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "text/plain", "x"])
async def test_takes_forms_only(door: Door, content_type: str) -> None:
    assert (await door.post(STATUS, DELIVERED, content_type=content_type))[0] == 415


async def test_a_form_may_name_its_charset(door: Door) -> None:
    signature = sign(STATUS, DELIVERED)
    answered = await door.post(
        STATUS, DELIVERED, signature=signature, content_type="Application/x-www-form-urlencoded; charset=UTF-8"
    )
    assert answered[0] == 204


@pytest.mark.parametrize("account", ["other", "MAIN", "%2e%2e", "a%20b"])
async def test_an_account_that_is_not_ours_is_not_found(door: Door, account: str) -> None:
    path = f"/webhooks/twilio/{account}/status"
    assert (await door.post(path, DELIVERED, signature=sign(path, DELIVERED)))[0] == 404


async def test_without_a_public_address_no_receipts_are_taken() -> None:
    async with opened(public_url=None) as door:
        assert (await door.signed(STATUS, DELIVERED))[0] == 404


async def test_receipts_are_posted(door: Door) -> None:
    async with door.http.get(door.url + STATUS) as answer:
        assert answer.status == 405


@pytest.mark.parametrize("trouble", [OSError("disk full"), Unreachable("no database"), TimeoutError()])
async def test_asks_for_the_receipt_again_when_it_cannot_be_kept(door: Door, trouble: Exception) -> None:
    door.shelf.broken = trouble
    status, body, _ = await door.signed(STATUS, DELIVERED)
    assert status == 503
    assert "again" in body
    assert "disk full" not in body
    door.shelf.broken = None
    assert (await door.signed(STATUS, DELIVERED))[0] == 204


async def test_a_body_that_never_ends_does_not_hold_the_door(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "LONGEST_BODY", 0.1)
    host, port = door.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST {STATUS} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 9\r\n\r\na=".encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 408")
    writer.close()
    await writer.wait_closed()


async def test_a_sender_who_hangs_up_does_not_break_the_door(door: Door) -> None:
    host, port = door.url.removeprefix("http://").split(":")
    for _ in range(3):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"POST {STATUS} HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 9\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert (await door.signed(STATUS, DELIVERED))[0] == 204
    assert len(door.shelf.kept) == 1
