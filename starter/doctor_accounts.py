"""What ``clarion doctor`` finds out about accounts: whether they are accepted, and what their webhooks need."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from clarion.domain.errors import ClarionError
from clarion.providers.twilio import open_twilio
from clarion.providers.vendors import call_callback, open_dialer
from clarion.settings import Account, Provider, Settings
from starter.findings import PATIENCE, Finding, Health, problem

OWN_ADDRESS: Mapping[Provider, str] = {Provider.RETELL: "Retell", Provider.ELEVENLABS: "ElevenLabs"}
"""Vendors that take the address of webhooks from their own console; at the others each call carries it."""

NEED_A_SECRET: Mapping[Provider, str] = {
    Provider.ELEVENLABS: "the secret that ElevenLabs shows for the webhook",
    Provider.EXOTEL: "a long random word, which then stands in the address",
}
"""Vendors whose webhooks are believed only with a secret of their own."""


async def account_findings(settings: Settings) -> list[Finding]:
    """Look at every account; one that does not answer stops nothing."""
    if not settings.accounts:
        detail = (
            "none is set up, so nothing can be sent; set CLARION_ACCOUNTS__MAIN__SID, …__AUTH_TOKEN and "
            "…__FROM_NUMBER, or rehearse with `clarion up --sandbox`"
        )
        return [Finding(part="accounts", health=Health.PROBLEM, detail=detail)]
    looked = await asyncio.gather(*(_account(name, account) for name, account in sorted(settings.accounts.items())))
    found = []
    for finding, (name, account) in zip(looked, sorted(settings.accounts.items()), strict=True):
        webhooks = _webhooks(name, account, settings.public_url)
        found += [finding] if webhooks is None else [finding, webhooks]
    return found


async def _account(name: str, account: Account) -> Finding:
    part = f"account {name}"
    try:
        async with asyncio.timeout(PATIENCE):
            what = await _accepted(account)
    except (ClarionError, TimeoutError) as error:
        return problem(part, error)
    where = f" at {account.base_url}" if account.base_url else ""
    return Finding(part=part, health=Health.OK, detail=f"{account.provider}{where} accepts the credentials, {what}")


async def _accepted(account: Account) -> str:
    """Say what the account can do and from where. Raises ProviderError, BadInput."""
    sender = account.from_number or account.phone_number_id or account.messaging_service
    if account.provider is Provider.TWILIO:
        messenger = await open_twilio(account, None)
        try:
            await messenger.check()
        finally:
            await messenger.close()
        if account.from_number is None:
            return f"texts go through {sender}, calls need a number in call.from_number"
    dialer = await open_dialer(account, None)
    try:
        await dialer.check()
    finally:
        await dialer.close()
    return f"texts and calls come from {sender}" if account.provider is Provider.TWILIO else f"calls come from {sender}"


def _webhooks(name: str, account: Account, public_url: str | None) -> Finding | None:
    """Say what has to be set up for an account's webhooks; None where nothing has to be, or nothing can come in."""
    if public_url is None:
        return None
    part = f"webhooks of {name}"
    if account.provider in NEED_A_SECRET and account.webhook_secret is None:
        detail = (
            f"none is believed, so calls are asked for every {account.poll_after:g} s; set "
            f"CLARION_ACCOUNTS__{name.upper()}__WEBHOOK_SECRET to {NEED_A_SECRET[account.provider]}"
        )
        return Finding(part=part, health=Health.NOTE, detail=detail)
    if account.provider in OWN_ADDRESS:
        address = call_callback(public_url, name, account)
        detail = f"{OWN_ADDRESS[account.provider]} has to be told their address: {address}"
        return Finding(part=part, health=Health.OK, detail=detail)
    return None
