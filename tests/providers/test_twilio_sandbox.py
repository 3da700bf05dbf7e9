"""The Twilio adapter, our sandbox and our web door together: two independent readings of Twilio's documentation."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from clarion.domain.target import Outcome
from clarion.providers.ports import (
    AccountBroken,
    InboundKind,
    OutcomeUnknown,
    OutgoingText,
    ProviderError,
    RateLimited,
    Rejected,
    Scope,
    StatusReceipt,
)
from clarion.providers.raw import RawReceipt
from clarion.providers.twilio import TwilioMessenger, open_twilio
from clarion.providers.twilio_webhooks import TwilioReceipts, inbound_callback, status_callback
from clarion.sandbox.faults import Faults
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings as SandboxSettings
from clarion.settings import Account, Settings
from starter.web import create_app, listen, web_server

TOKEN = "12345"
OURS = "+14155550100"
GOOD = "+14155551234"
SERVICE = "MG" + "a1" * 16
READER = TwilioReceipts(TOKEN)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    sandbox = Sandbox(settings=SandboxSettings(latency_ms=0, time_scale=0.01, mix={"twilio": {"delivered": 1.0}}))
    await sandbox.start()
    yield sandbox
    await sandbox.stop()


def account(sandbox: Sandbox, *, token: str = TOKEN, sender: str = OURS, patience: float = 5.0) -> Account:
    by_service = sender.startswith("MG")
    return Account(
        sid="AC" + "b2" * 16,
        auth_token=SecretStr(token),
        from_number=None if by_service else sender,
        messaging_service=sender if by_service else None,
        base_url=sandbox.url,
        timeout=patience,
    )


@contextlib.asynccontextmanager
async def messenger_of(account: Account, receipts: str | None = None) -> AsyncIterator[TwilioMessenger]:
    messenger = await open_twilio(account, receipts)
    yield messenger
    await messenger.close()


@pytest.fixture
async def messenger(sandbox: Sandbox) -> AsyncIterator[TwilioMessenger]:
    async with messenger_of(account(sandbox)) as messenger:
        yield messenger


def breaks(sandbox: Sandbox, **faults: float | bool) -> None:
    sandbox.worlds["twilio"].faults.set(Faults.model_validate(faults))


def effects(sandbox: Sandbox) -> object:
    return sandbox.worlds["twilio"].effects.view()["accepted"]


def text(to: str = GOOD, body: str = "Hello", attempt: str = "7.1.1") -> OutgoingText:
    return OutgoingText(attempt, to, body)


async def test_a_text_is_sent_and_found_again(sandbox: Sandbox, messenger: TwilioMessenger) -> None:
    since = time.time()
    body = "Grüße & 50% – ok?\nBye \N{SLIGHTLY SMILING FACE}"
    sent = await messenger.send(text(body=body))
    assert (sent.outcome, sent.final) == (Outcome.SENT, True)
    found = await messenger.find(text(body=body), since, known=())
    assert found is not None
    assert found.provider_reference == sent.provider_reference
    assert sent.provider_reference is not None
    assert await messenger.find(text(body=body), since, known={sent.provider_reference}) is None
    assert await messenger.find(text(body="other"), since, known=()) is None
    assert await messenger.find(text(to="+14155551235", body=body), since, known=()) is None
    assert effects(sandbox) == 1


async def test_a_text_is_found_behind_many_others(messenger: TwilioMessenger) -> None:
    since = time.time()
    await messenger.send(text(body="the one"))
    for number in range(120):
        await messenger.send(text(body=f"other {number}"))
    assert await messenger.find(text(body="the one"), since, known=()) is not None


async def test_a_text_through_a_messaging_service_is_found(sandbox: Sandbox, messenger: TwilioMessenger) -> None:
    since = time.time()
    async with messenger_of(account(sandbox, sender=SERVICE)) as by_service:
        await messenger.send(text())
        assert await by_service.find(text(), since, known=()) is None
        sent = await by_service.send(text())
        found = await by_service.find(text(), since, known=())
    assert found is not None
    assert found.provider_reference == sent.provider_reference


@pytest.mark.parametrize(
    ("to", "outcome"),
    [
        ("+15005550001", Outcome.INVALID_NUMBER),
        ("+15005550002", Outcome.INVALID_NUMBER),
        ("+15005550003", Outcome.FAILED),
        ("+15005550004", Outcome.OPTED_OUT),
        ("+15005550009", Outcome.INVALID_NUMBER),
        (OURS, Outcome.FAILED),
    ],
)
async def test_a_refused_number_is_data(
    sandbox: Sandbox, messenger: TwilioMessenger, to: str, outcome: Outcome
) -> None:
    with pytest.raises(Rejected) as caught:
        await messenger.send(text(to))
    assert caught.value.verdict.outcome is outcome
    assert to not in str(caught.value)
    assert effects(sandbox) == 0


@pytest.mark.parametrize("body", ["", "x" * 1601])
async def test_a_refused_text_is_data(messenger: TwilioMessenger, body: str) -> None:
    with pytest.raises(Rejected) as caught:
        await messenger.send(text(body=body))
    assert caught.value.verdict.outcome is Outcome.REJECTED_CONTENT


@pytest.mark.parametrize("sender", ["+15005550001", "+15005550007"])
async def test_a_wrong_sender_stops_the_campaign(sandbox: Sandbox, sender: str) -> None:
    async with messenger_of(account(sandbox, sender=sender)) as messenger:
        with pytest.raises(AccountBroken, match="from_number"):
            await messenger.send(text())


async def test_a_full_queue_is_waited_for(sandbox: Sandbox) -> None:
    async with messenger_of(account(sandbox, sender="+15005550008")) as messenger:
        with pytest.raises(RateLimited) as caught:
            await messenger.send(text())
    assert (caught.value.scope, caught.value.retry_after) == (Scope.SENDER, 60.0)


async def test_refused_credentials_stop_the_campaign(sandbox: Sandbox) -> None:
    async with messenger_of(account(sandbox, token="wrong")) as messenger:
        for asked in (messenger.send(text()), messenger.check(), messenger.find(text(), time.time(), known=())):
            with pytest.raises(AccountBroken, match="does not accept the credentials"):
                await asked


async def test_a_suspended_account_stops_the_campaign(sandbox: Sandbox, messenger: TwilioMessenger) -> None:
    await messenger.check()
    breaks(sandbox, account_suspended=True)
    with pytest.raises(AccountBroken):
        await messenger.send(text())


async def test_a_rate_limit_says_how_long(sandbox: Sandbox, messenger: TwilioMessenger) -> None:
    breaks(sandbox, rate_limited=1.0, retry_after=4.0)
    with pytest.raises(RateLimited) as caught:
        await messenger.send(text())
    assert (caught.value.retry_after, caught.value.code) == (4.0, "20429")
    assert effects(sandbox) == 0


@pytest.mark.parametrize(
    ("faults", "sent"),
    [({"server_error": 1.0}, 0), ({"server_error_after": 1.0}, 1), ({"dropped": 1.0}, 1), ({"outage": 60.0}, 0)],
)
async def test_what_is_not_known_is_looked_up(
    sandbox: Sandbox, messenger: TwilioMessenger, faults: dict[str, float], sent: int
) -> None:
    since = time.time()
    breaks(sandbox, **faults)
    with pytest.raises(OutcomeUnknown):
        await messenger.send(text())
    breaks(sandbox)
    found = await messenger.find(text(), since, known=())
    assert (found is not None) == bool(sent)
    assert effects(sandbox) == sent


async def test_an_answer_that_comes_too_late_is_looked_up(sandbox: Sandbox) -> None:
    since = time.time()
    breaks(sandbox, slow=1.0, slow_seconds=3.0)
    async with messenger_of(account(sandbox, patience=0.3)) as messenger:
        with pytest.raises(OutcomeUnknown):
            await messenger.send(text())
        breaks(sandbox)
        assert await messenger.find(text(), since, known=()) is not None
    assert effects(sandbox) == 1


async def test_a_list_during_an_outage_proves_nothing(sandbox: Sandbox, messenger: TwilioMessenger) -> None:
    breaks(sandbox, outage=60.0)
    for asked in (messenger.find(text(), time.time(), known=()), messenger.check()):
        with pytest.raises(OutcomeUnknown):
            await asked


@dataclass
class Post:
    """An inbox in memory that can be waited for."""

    kept: list[RawReceipt] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def keep(self, receipt: RawReceipt) -> None:
        async with self.news:
            self.kept.append(receipt)
            self.news.notify_all()

    async def until(self, enough: int) -> list[RawReceipt]:
        async with asyncio.timeout(20), self.news:
            await self.news.wait_for(lambda: len(self.kept) >= enough)
        return self.kept


async def nothing_to_check() -> dict[str, str]:
    return {}


@contextlib.asynccontextmanager
async def open_door(account: Account) -> AsyncIterator[tuple[str, Post]]:
    with listen("127.0.0.1", 0) as port:
        public_url = f"http://127.0.0.1:{port.getsockname()[1]}"
        post = Post()
        app = create_app(Settings(accounts={"main": account}, public_url=public_url), post, nothing_to_check)
        server = web_server(app)
        running = asyncio.create_task(server.serve(sockets=[port]))
        try:
            yield public_url, post
        finally:
            server.should_exit = True
            await running


def read(raw: RawReceipt) -> StatusReceipt:
    return READER.status(raw.form(), raw.attempt)


async def test_a_delivery_comes_back_to_its_attempt(sandbox: Sandbox) -> None:
    ours = account(sandbox)
    async with open_door(ours) as (public_url, post):
        async with messenger_of(ours, status_callback(public_url, "main")) as messenger:
            sent = await messenger.send(text(attempt="7.12.1"))
        assert not sent.final
        receipts = [read(raw) for raw in await post.until(2)]
    last = max(receipts, key=lambda receipt: receipt.rank)
    assert {receipt.attempt for receipt in receipts} == {"7.12.1"}
    assert {receipt.provider_reference for receipt in receipts} == {sent.provider_reference}
    assert last.verdict is not None
    assert (last.verdict.outcome, last.verdict.final) == (Outcome.DELIVERED, True)


@pytest.mark.parametrize(
    ("to", "outcome", "retryable"),
    [
        ("+14155559001", Outcome.UNDELIVERED, True),
        ("+14155559002", Outcome.UNDELIVERED, False),
        ("+14155559003", Outcome.REJECTED_CONTENT, False),
        ("+14155559010", Outcome.FAILED, True),
    ],
)
async def test_a_bad_end_comes_back_with_its_reason(
    sandbox: Sandbox, to: str, outcome: Outcome, retryable: bool
) -> None:
    ours = account(sandbox)
    async with (
        open_door(ours) as (public_url, post),
        messenger_of(ours, status_callback(public_url, "main")) as messenger,
    ):
        await messenger.send(text(to))
        verdict = None
        for number in range(1, 5):
            verdict = read((await post.until(number))[number - 1]).verdict
            if verdict is not None and verdict.final:
                break
    assert verdict is not None
    assert (verdict.outcome, verdict.retryable) == (outcome, retryable)
    assert verdict.provider_code
    assert verdict.detail


async def test_a_stop_is_heard_and_then_held(sandbox: Sandbox, messenger: TwilioMessenger) -> None:
    person = "+14155559007"
    async with open_door(account(sandbox)) as (public_url, post):
        world = sandbox.worlds["twilio"]
        world.settings = world.settings.model_copy(update={"inbound_url": inbound_callback(public_url, "main")})
        await messenger.send(text(person))
        raw = (await post.until(1))[0]
    heard = READER.inbound(raw.form())
    assert (raw.kind, heard.kind, heard.sender, heard.recipient) == ("inbound", InboundKind.STOP, person, OURS)
    with pytest.raises(ProviderError) as caught:
        await messenger.send(text(person))
    assert isinstance(caught.value, Rejected)
    assert caught.value.verdict.suppress
