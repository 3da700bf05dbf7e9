"""The web door for receipts, served by uvicorn and knocked on over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest
import pytest_asyncio
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import RequestValidator

from clarion.domain.errors import BadInput, Unreachable
from clarion.providers.raw import RawReceipt
from clarion.settings import Account, Settings
from starter import webhooks
from starter.web import create_app, listen, serve, web_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "12345"
PUBLIC = "https://clarion.example/base"
STATUS = "/webhooks/twilio/main/status"
INBOUND = "/webhooks/twilio/main/inbound"
FORM = "application/x-www-form-urlencoded"
DELIVERED = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": "+14155552671", "FromCity": ""}


@dataclass
class Shelf:
    """An inbox that keeps receipts in memory, or breaks when told to."""

    kept: list[RawReceipt] = field(default_factory=list)
    broken: Exception | None = None

    async def keep(self, receipt: RawReceipt) -> None:
        if self.broken is not None:
            raise self.broken
        self.kept.append(receipt)


@dataclass
class Door:
    url: str
    shelf: Shelf
    http: aiohttp.ClientSession

    async def post(
        self,
        path: str,
        body: bytes | Mapping[str, str],
        *,
        signature: str | None = None,
        content_type: str = FORM,
    ) -> tuple[int, str, Mapping[str, str]]:
        raw = body if isinstance(body, bytes) else urlencode(body).encode()
        headers = {"Content-Type": content_type}
        if signature is not None:
            headers["X-Twilio-Signature"] = signature
        async with self.http.post(self.url + path, data=raw, headers=headers) as answer:
            return answer.status, await answer.text(), answer.headers

    async def signed(self, path: str, form: Mapping[str, str]) -> tuple[int, str, Mapping[str, str]]:
        return await self.post(path, form, signature=sign(path, form))


def sign(path: str, form: Mapping[str, str], token: str = TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(PUBLIC + path, form))


def settings(public_url: str | None = PUBLIC) -> Settings:
    account = Account(sid="AC" + "0" * 32, auth_token=SecretStr(TOKEN), from_number="+15005550006")
    return Settings(accounts={"main": account}, public_url=public_url)


async def healthy() -> None:
    pass


@contextlib.asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    server = web_server(app)
    with listen("127.0.0.1", 0) as port:
        running = asyncio.create_task(server.serve(sockets=[port]))
        try:
            yield f"http://127.0.0.1:{port.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


@contextlib.asynccontextmanager
async def opened(
    public_url: str | None = PUBLIC, health: Callable[[], Awaitable[None]] = healthy
) -> AsyncIterator[Door]:
    shelf = Shelf()
    async with served(create_app(settings(public_url), shelf, health)) as url, aiohttp.ClientSession() as http:
        yield Door(url, shelf, http)


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


async def test_lives_and_is_ready(door: Door) -> None:
    async with door.http.get(door.url + "/healthz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "alive"})
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "server" not in answer.headers
    async with door.http.get(door.url + "/readyz") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (Unreachable("The database at x does not answer."), "The database at x does not answer."),
        (
            ValueError("password=secret"),
            "A service that Clarion needs is not in order; the log of the web door says which.",
        ),
    ],
)
async def test_says_why_it_is_not_ready(trouble: Exception, reason: str) -> None:
    async def ill() -> None:
        raise trouble

    async with opened(health=ill) as door:
        async with door.http.get(door.url + "/readyz") as answer:
            assert answer.status == 503
            assert (await answer.json())["reason"] == reason
        async with door.http.get(door.url + "/healthz") as answer:
            assert answer.status == 200


async def test_what_runs_beside_the_requests_is_started_and_stopped() -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def beside(_: FastAPI) -> AsyncIterator[None]:
        events.append("started")
        yield
        events.append("stopped")

    app = create_app(settings(), Shelf(), healthy, beside)
    async with served(app) as url, aiohttp.ClientSession() as http, http.get(f"{url}/healthz"):
        assert events == ["started"]
    assert events == ["started", "stopped"]


async def answering(url: str) -> None:
    async with aiohttp.ClientSession() as http, asyncio.timeout(20):
        while True:
            with contextlib.suppress(aiohttp.ClientConnectorError):
                async with http.get(f"{url}/healthz") as answer:
                    assert answer.status == 200
                    return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("by_signal", [True, False])
async def test_serving_ends_gracefully(free_port: int, by_signal: bool) -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def beside(_: FastAPI) -> AsyncIterator[None]:
        yield
        events.append("stopped")

    serving = asyncio.create_task(serve(create_app(settings(), Shelf(), healthy, beside), "127.0.0.1", free_port))
    await answering(f"http://127.0.0.1:{free_port}")
    if by_signal:
        os.kill(os.getpid(), signal.SIGTERM)
        await serving
    else:
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
    assert events == ["stopped"]


async def test_serving_says_so_when_it_cannot_start(free_port: int) -> None:
    @contextlib.asynccontextmanager
    async def beside(_: FastAPI) -> AsyncIterator[None]:
        raise OSError("no disk")
        yield

    with pytest.raises(Unreachable, match="could not start"):
        await serve(create_app(settings(), Shelf(), healthy, beside), "127.0.0.1", free_port)


async def test_a_port_in_use_is_said_in_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"):
            listen("127.0.0.1", port)
    with pytest.raises(BadInput, match="CLARION_WEB_HOST"):
        listen("no-such-host.invalid", 0)
