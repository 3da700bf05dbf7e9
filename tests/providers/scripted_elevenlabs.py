"""A dialer to a server that answers as a test tells it, in ElevenLabs' words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from clarion.providers.elevenlabs import ElevenLabsDialer, open_elevenlabs
from clarion.settings import Account, Provider
from tests.providers.scripted import Step, says
from tests.providers.scripted_calls import OURS, ScriptedVendor, scripted_vendor

PLACED = {"success": True, "message": "ok", "conversation_id": "conv_1", "callSid": "CA1"}


def account(base_url: str, *, patience: float = 5.0, agent: str | None = "agent_usual") -> Account:
    return Account(
        provider=Provider.ELEVENLABS,
        auth_token=SecretStr("key_1"),
        phone_number_id="phnum_1",
        from_number=OURS,
        agent=agent,
        base_url=base_url,
        timeout=patience,
    )


@asynccontextmanager
async def dialer_to(
    *script: Step, patience: float = 5.0, agent: str | None = "agent_usual"
) -> AsyncIterator[tuple[ElevenLabsDialer, ScriptedVendor]]:
    async with scripted_vendor(*script) as vendor:
        dialer = await open_elevenlabs(account(vendor.url, patience=patience, agent=agent))
        try:
            yield dialer, vendor
        finally:
            await dialer.close()


def errs(status: int, word: str = "odd", words: str = "no", **headers: str) -> Step:
    return says(status, {"detail": {"status": word, "message": words}}, **headers)


def listed(*ids: str) -> Step:
    return says(200, {"conversations": [{"conversation_id": one} for one in ids], "has_more": False})
