"""What ``clarion doctor`` finds out about accounts: whether they are accepted, and what their webhooks need."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack

from clarion.domain.errors import ClarionError
from clarion.providers.ports import Dialer, Messenger
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
    accounts = sorted(settings.accounts.items())
    async with AsyncExitStack() as stack:
        # One after the other, and before anybody is asked: importing a vendor's SDK holds up everything for seconds.
        opened = [await _open(account, stack) for _, account in accounts]
        cases = zip(accounts, opened, strict=True)
        looked = await asyncio.gather(*(_account(name, account, ports) for (name, account), ports in cases))
    found = []
    for finding, (name, account) in zip(looked, accounts, strict=True):
        webhooks = _webhooks(name, account, settings.public_url)
        found += [finding] if webhooks is None else [finding, webhooks]
    return found


async def _open(account: Account, stack: AsyncExitStack) -> list[Messenger | Dialer] | ClarionError:
    """Open what an account is used through, or return why it cannot be."""
    ports: list[Messenger | Dialer] = []
    try:
        if account.provider is Provider.TWILIO:
            ports.append(await open_twilio(account, None))
            stack.push_async_callback(ports[-1].close)
        if not _only_texts(account):
            ports.append(await open_dialer(account, None))
            stack.push_async_callback(ports[-1].close)
    except ClarionError as error:
        return error
    return ports


async def _account(name: str, account: Account, ports: list[Messenger | Dialer] | ClarionError) -> Finding:
    part = f"account {name}"
    if isinstance(ports, ClarionError):
        return problem(part, ports)
    try:
        async with asyncio.timeout(PATIENCE):
            for port in ports:
                await port.check()
    except (ClarionError, TimeoutError) as error:
        return problem(part, error)
    where = f" at {account.base_url}" if account.base_url else ""
    detail = f"{account.provider}{where} accepts the credentials, {_what(account)}"
    return Finding(part=part, health=Health.OK, detail=detail)


def _only_texts(account: Account) -> bool:
    return account.provider is Provider.TWILIO and account.from_number is None


def _what(account: Account) -> str:
    """Say what an account does, and from where."""
    if _only_texts(account):
        return f"texts go through {account.messaging_service}, calls need a number in call.from_number"
    calls = "texts and calls" if account.provider is Provider.TWILIO else "calls"
    return f"{calls} come from {account.from_number or account.phone_number_id}"


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
