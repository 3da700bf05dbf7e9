"""What becomes of calls whose vendor is slow, gone, out of breath or asked often at once: the same for each vendor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import pytest

from clarion.domain.errors import BadInput
from clarion.providers.elevenlabs import open_elevenlabs
from clarion.providers.ports import Dialer, OutcomeUnknown, RateLimited, Scope, Unavailable
from clarion.providers.retell import open_retell
from clarion.settings import Account
from tests.providers import scripted_elevenlabs, scripted_retell
from tests.providers.scripted import Step, drops, hangs, nobody_accepting, nobody_listening, once_there_are, says
from tests.providers.scripted_calls import CALL, ScriptedVendor


@dataclass(frozen=True)
class Vendor:
    name: str
    dialer_to: Callable[..., AbstractAsyncContextManager[tuple[Dialer, ScriptedVendor]]]
    opens: Callable[[Account], Awaitable[Dialer]]
    account: Callable[..., Account]
    places: Step
    limits: Callable[..., Step]
    """Answer 429 with the headers given."""
    limit: str
    """Its word for that."""


RETELL = Vendor(
    "Retell",
    scripted_retell.dialer_to,
    open_retell,
    scripted_retell.account,
    says(201, scripted_retell.REGISTERED),
    lambda **headers: scripted_retell.errs(429, **headers),
    "429",
)
ELEVENLABS = Vendor(
    "ElevenLabs",
    scripted_elevenlabs.dialer_to,
    open_elevenlabs,
    scripted_elevenlabs.account,
    says(200, scripted_elevenlabs.PLACED),
    lambda **headers: scripted_elevenlabs.errs(429, "system_busy", **headers),
    "system_busy",
)
pytestmark = pytest.mark.parametrize("vendor", [RETELL, ELEVENLABS], ids=lambda vendor: vendor.name)


async def test_no_answer_in_time_is_unknown(vendor: Vendor) -> None:
    async with vendor.dialer_to(hangs, patience=0.2) as (dialer, scripted):
        with pytest.raises(OutcomeUnknown, match=r"within 0\.2 seconds"):
            await dialer.place(CALL)
    assert len(scripted.asked) == 1


async def test_a_broken_connection_that_was_kept_open_is_unknown_and_not_resent(vendor: Vendor) -> None:
    async with vendor.dialer_to(vendor.places, drops) as (dialer, scripted):
        await dialer.place(CALL)
        with pytest.raises(OutcomeUnknown, match="broke"):
            await dialer.place(CALL)
    assert len(scripted.asked) == 2


async def test_nobody_listening_is_provably_not_called(vendor: Vendor) -> None:
    with nobody_listening() as address:
        dialer = await vendor.opens(vendor.account(address))
        with pytest.raises(Unavailable, match=rf"{vendor.name} cannot be reached at http://127\.0\.0\.1"):
            await dialer.place(CALL)
        await dialer.close()


async def test_a_connection_that_is_never_made_is_provably_not_called(vendor: Vendor) -> None:
    with nobody_accepting() as address:
        dialer = await vendor.opens(vendor.account(address, patience=0.4))
        with pytest.raises(Unavailable, match="no connection in time"):
            await dialer.place(CALL)
        await dialer.close()


@pytest.mark.parametrize("address", ["localhost:9000", "ftp://example.com", "http://"])
async def test_a_base_url_that_is_no_address_is_refused_at_once(vendor: Vendor, address: str) -> None:
    with pytest.raises(BadInput, match="base_url"):
        await vendor.opens(vendor.account(address))


@pytest.mark.parametrize(
    ("headers", "seconds"), [({}, 5.0), ({"Retry_After": "7"}, 7.0), ({"Retry_After": "soon"}, 5.0)]
)
async def test_patience_is_as_long_as_the_vendor_asks(vendor: Vendor, headers: dict[str, str], seconds: float) -> None:
    async with vendor.dialer_to(vendor.limits(**headers)) as (dialer, _):
        with pytest.raises(RateLimited) as caught:
            await dialer.place(CALL)
    assert (caught.value.retry_after, caught.value.scope, caught.value.code) == (seconds, Scope.ACCOUNT, vendor.limit)


async def test_a_hundred_calls_are_placed_at_once(vendor: Vendor) -> None:
    async with vendor.dialer_to(once_there_are(100, vendor.places)) as (dialer, scripted):
        await asyncio.gather(*(dialer.place(CALL) for _ in range(100)))
    assert len(scripted.asked) == 100


async def test_the_environment_does_not_change_the_address(vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RETELL_BASE_URL", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with vendor.dialer_to(vendor.places) as (dialer, scripted):
        await dialer.place(CALL)
    assert len(scripted.asked) == 1
