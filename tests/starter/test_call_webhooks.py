"""The web door for what vendors say about calls: verified in each one's own way, kept as it came, logged nowhere."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio
from retell.lib.webhook_auth import symmetric
from sqlalchemy import select

from clarion.domain.call import Stage
from clarion.settings import Account, load_settings
from clarion.store.schema import receipts
from starter.webdoor import DurableInbox
from starter.webhooks import MOST_BYTES_OF_A_CALL
from starter.wiring import new_store
from tests.starter.installation import PLACED, PRICE_OF_CALL, Place, people
from tests.starter.web_door import FORM, Door, opened, sign

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = "application/json"
SECRET = "a/long ü-word"
"""Exotel's, with everything that has to be escaped in an address."""


def account(**given: object) -> Account:
    return Account.model_validate({"auth_token": "12345", **given})


ACCOUNTS: Mapping[str, Account] = {
    "main": account(sid="AC" + "0" * 32, from_number="+15005550006"),
    "ring": account(provider="retell", auth_token="key_1", from_number="+15005550006"),
    "ring2": account(provider="retell", auth_token="key_2", from_number="+15005550006"),
    "eleven": account(provider="elevenlabs", phone_number_id="phnum_1", webhook_secret="wsec_1"),
    "mute": account(provider="elevenlabs", phone_number_id="phnum_1"),
    "india": account(
        provider="exotel", sid="s", api_key="k", from_number="+918047000000", webhook_secret=SECRET
    ),
    "open": account(provider="exotel", sid="s", api_key="k", from_number="+918047000000"),
}  # fmt: skip


@dataclass(frozen=True)
class Knock:
    """A request that a vendor makes."""

    path: str
    body: bytes
    headers: Mapping[str, str]

    async def on(self, door: Door) -> int:
        headers = dict(self.headers)
        kind = headers.pop("Content-Type", JSON)
        status, _, _ = await door.post(self.path, self.body, content_type=kind, headers=headers)
        return status


def retell(name: str = "ring", *, key: str = "key_1", ago: float = 0.0, call: str = "call_1", path: str = "") -> Knock:
    said = {"call_id": call, "call_status": "ended", "disconnection_reason": "user_hangup", "duration_ms": 42_000}
    body = json.dumps({"event": "call_ended", "call": {**said, "note": "Größe \N{SNOWMAN}"}}, ensure_ascii=False)
    signature = str(symmetric["sign"](body, key, round((time.time() - ago) * 1000)))
    return Knock(path or f"/webhooks/retell/{name}/call", body.encode(), {"X-Retell-Signature": signature})


def eleven(name: str = "eleven", *, key: str = "wsec_1", ago: float = 0.0) -> Knock:
    told = {"conversation_id": "conv_1", "status": "done", "agent_id": "a", "transcript": [], "metadata": {}}
    body = json.dumps({"type": "post_call_transcription", "data": told, "event_timestamp": 1})
    at = int(time.time() - ago)
    digest = hmac.new(key.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return Knock(f"/webhooks/elevenlabs/{name}/call", body.encode(), {"ElevenLabs-Signature": f"t={at},v0={digest}"})


def twilio(query: str = "?attempt=7.12.1", *, key: str = "12345", signed: str | None = None) -> Knock:
    form = {"CallSid": "CA1", "CallStatus": "completed", "CallDuration": "12", "FromCity": ""}
    path = f"/webhooks/twilio/main/call{query}"
    headers = {"Content-Type": FORM, "X-Twilio-Signature": sign(signed or path, form, key)}
    return Knock(path, urlencode(form).encode(), headers)


def exotel(name: str = "india", secret: str = SECRET, *, as_json: bool = True) -> Knock:
    fields = {"CallSid": "c1", "EventType": "terminal", "Status": "completed"}
    body = json.dumps(fields) if as_json else urlencode(fields)
    path = f"/webhooks/exotel/{name}/{quote(secret, safe='')}/call?attempt=7.12.1"
    return Knock(path, body.encode(), {"Content-Type": JSON if as_json else FORM})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def open_door() -> AsyncIterator[Door]:
    async with opened(accounts=ACCOUNTS) as door:
        yield door


@pytest.fixture
def door(open_door: Door) -> Door:
    """The same door for every test, with an empty and sound shelf."""
    open_door.shelf.kept.clear()
    open_door.shelf.broken = None
    return open_door


@pytest.mark.parametrize(
    ("knock", "provider", "name", "attempt"),
    [
        (retell, "retell", "ring", None),
        (lambda: retell("ring2", key="key_2"), "retell", "ring2", None),
        (eleven, "elevenlabs", "eleven", None),
        (twilio, "twilio", "main", "7.12.1"),
        (lambda: twilio(""), "twilio", "main", None),
        (exotel, "exotel", "india", "7.12.1"),
        (lambda: exotel(as_json=False), "exotel", "india", "7.12.1"),
    ],
)
async def test_what_a_vendor_vouches_for_is_kept_as_it_came(
    door: Door, knock: Callable[[], Knock], provider: str, name: str, attempt: str | None
) -> None:
    asked = knock()
    assert await asked.on(door) == 200
    (receipt,) = door.shelf.kept
    assert (receipt.provider, receipt.account, receipt.kind, receipt.attempt) == (provider, name, "call", attempt)
    assert receipt.payload.encode() == asked.body
    assert receipt.received_at > 0


@pytest.mark.parametrize(
    "knock",
    [
        lambda: retell(key="key_2"),
        lambda: retell("ring2"),
        lambda: retell(ago=400.0),
        lambda: retell(ago=-400.0),
        lambda: Knock("/webhooks/retell/ring/call", retell().body, {}),
        lambda: Knock("/webhooks/retell/ring/call", retell().body + b" ", retell().headers),
        lambda: eleven(key="wsec_2"),
        lambda: eleven(ago=1900.0),
        lambda: eleven("mute", key=""),
        lambda: Knock("/webhooks/elevenlabs/eleven/call", eleven().body, {}),
        lambda: twilio(key="67890"),
        lambda: twilio("?attempt=7.12.2", signed="/webhooks/twilio/main/call?attempt=7.12.1"),
        lambda: twilio(signed="/webhooks/twilio/main/status?attempt=7.12.1"),
        lambda: Knock("/webhooks/twilio/main/call", b"CallSid=CA1&CallStatus=completed", {"Content-Type": FORM}),
        lambda: exotel(secret="a guess"),
        lambda: exotel(secret="a"),
        lambda: Knock("/webhooks/exotel/india/call", exotel().body, {}),
        lambda: exotel("open", secret=SECRET),
        lambda: Knock("/webhooks/exotel/open//call", exotel().body, {}),
        lambda: Knock(f"/webhooks/exotel/india/call?secret={quote(SECRET, safe='')}/call", exotel().body, {}),
    ],
)
async def test_what_nobody_vouches_for_is_refused(door: Door, knock: Callable[[], Knock]) -> None:
    assert await knock().on(door) == 403
    assert door.shelf.kept == []


@pytest.mark.parametrize(
    "path",
    [
        "/webhooks/retell/main/call",
        "/webhooks/twilio/ring/call",
        "/webhooks/elevenlabs/ring/call",
        "/webhooks/retell/nobody/call",
        "/webhooks/vonage/ring/call",
        "/webhooks/retell/RING/call",
        "/webhooks/retell/call",
        "/webhooks/retell/ring/calls",
    ],
)
async def test_an_account_of_another_vendor_or_of_nobody_is_not_found(door: Door, path: str) -> None:
    assert await retell(path=path).on(door) == 404
    assert door.shelf.kept == []


async def test_texts_and_calls_of_one_account_have_doors_of_their_own(door: Door) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": "delivered"}
    path = "/webhooks/twilio/main/status"
    assert (await door.post(path, form, signature=sign(path, form)))[0] == 204
    assert await twilio().on(door) == 200
    assert [receipt.kind for receipt in door.shelf.kept] == ["status", "call"]


async def test_without_a_public_address_no_webhooks_are_taken() -> None:
    async with opened(public_url=None, accounts=ACCOUNTS) as door:
        assert [await knock.on(door) for knock in (retell(), eleven(), twilio(), exotel())] == [404] * 4


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # the knocker's, not the door's
async def test_a_transcript_of_megabytes_is_taken_and_no_more_than_that(door: Door) -> None:
    large = json.dumps({"event": "call_analyzed", "call": {"call_id": "c", "transcript": "x" * 3_000_000}})
    signature = str(symmetric["sign"](large, "key_1", round(time.time() * 1000)))
    path = "/webhooks/retell/ring/call"
    assert await Knock(path, large.encode(), {"X-Retell-Signature": signature}).on(door) == 200
    assert await Knock(path, b"x" * (MOST_BYTES_OF_A_CALL + 1), {}).on(door) == 413
    assert len(door.shelf.kept) == 1


@pytest.mark.parametrize("body", [b"", b"\x00\xff\xfe", b"{", b"[" * 10_000, b"null", b'{"event": 1}', b"a=1&a=2"])
async def test_whatever_was_signed_is_kept_and_breaks_nothing(door: Door, body: bytes) -> None:
    text = body.decode("latin-1")
    signature = str(symmetric["sign"](text, "key_1", round(time.time() * 1000)))
    raw = text.encode()
    assert await Knock("/webhooks/retell/ring/call", raw, {"X-Retell-Signature": signature}).on(door) == 200
    assert await Knock(exotel().path, body, {"Content-Type": "multipart/form-data; boundary=x"}).on(door) == 200
    assert [receipt.provider for receipt in door.shelf.kept] == ["retell", "exotel"]


async def test_asks_for_it_again_when_it_cannot_be_kept(door: Door) -> None:
    door.shelf.broken = OSError("disk full")
    assert [await knock.on(door) for knock in (retell(), eleven(), twilio(), exotel())] == [503] * 4
    door.shelf.broken = None
    assert await retell().on(door) == 200


async def test_no_log_tells_a_secret(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        statuses = [await exotel().on(door), await exotel("open").on(door)]
        door.shelf.broken = OSError("disk full")
        statuses.append(await exotel().on(door))
    assert statuses == [200, 403, 503]
    assert "could not be stored" in caplog.text
    told = "".join(record.getMessage() for record in caplog.records) + caplog.text
    assert [secret for secret in (SECRET, quote(SECRET, safe=""), quote(SECRET)) if secret in told] == []


async def test_a_webhook_that_comes_twice_is_stored_raw_and_counts_once(place: Place) -> None:
    campaign = place.calls(people(1))
    campaign.run()
    (attempt,) = campaign.intend(price=PRICE_OF_CALL)
    campaign.tell(attempt, PLACED)
    store = new_store(load_settings())
    inbox = DurableInbox(store)
    knock = retell()
    async with inbox.running(), opened(accounts=ACCOUNTS, inbox=inbox) as door:
        assert [await knock.on(door) for _ in range(3)] == [200] * 3
        async with asyncio.timeout(20):
            while store.inbox.waiting():
                await asyncio.sleep(0.05)
    with store.database.read() as connection:
        kept = connection.execute(select(receipts.c.payload, receipts.c.result).order_by(receipts.c.id)).all()
    assert [payload.encode() for payload, _ in kept] == [knock.body] * 3
    assert [result for _, result in kept] == ["applied", "known", "known"]
    progress = place.looking.progress("spring")
    assert (progress.outcomes, progress.books.succeeded) == ({"answered": 1}, 1)
    (call,) = store.calls.of_target(campaign.ref.key, 1)
    assert (call.stage, call.duration, call.disconnection_reason) == (Stage.ENDED, 42.0, "user_hangup")
    store.close()
