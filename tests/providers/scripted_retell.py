"""A dialer to a server that answers as a test tells it, in Retell's words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from clarion.providers.retell import RetellDialer, open_retell
from clarion.settings import Account, Provider
from tests.providers.scripted import Step, says
from tests.providers.scripted_calls import OURS, ScriptedVendor, scripted_vendor

REGISTERED = {"call_id": "call_1", "call_status": "registered", "call_type": "phone_call"}


def account(base_url: str, *, patience: float = 5.0, agent: str | None = "agent_usual") -> Account:
    return Account(
        provider=Provider.RETELL,
        auth_token=SecretStr("key_1"),
        from_number=OURS,
        agent=agent,
        base_url=base_url,
        timeout=patience,
    )


@asynccontextmanager
async def dialer_to(
    *script: Step, patience: float = 5.0, agent: str | None = "agent_usual"
) -> AsyncIterator[tuple[RetellDialer, ScriptedVendor]]:
    async with scripted_vendor(*script) as vendor:
        dialer = await open_retell(account(vendor.url, patience=patience, agent=agent))
        try:
            yield dialer, vendor
        finally:
            await dialer.close()


def errs(status: int, words: str = "no", **headers: str) -> Step:
    return says(status, {"status": "error", "message": words}, **headers)
