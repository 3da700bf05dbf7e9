"""What ``clarion doctor`` finds out about accounts: whether they are accepted, and what their webhooks need."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial

from clarion.domain.errors import ClarionError
from clarion.providers.lead_ports import Crm
from clarion.providers.lead_vendors import open_analyst, open_crm
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
        looked = await asyncio.gather(*(_account(name, account, one) for (name, account), one in cases))
    found = []
    for finding, (name, account) in zip(looked, accounts, strict=True):
        webhooks = _webhooks(name, account, settings.public_url)
        found += [finding] if webhooks is None else [finding, webhooks]
    return found


@dataclass(frozen=True, slots=True)
class _Opened:
    """What an account is used through: how to prove it, and the CRM among it."""

    checks: Sequence[Callable[[], Awaitable[None]]]
    crm: Crm | None = None


async def _open(account: Account, stack: AsyncExitStack) -> _Opened | ClarionError:
    """Open what an account is used through, or return why it cannot be."""
    try:
        match account.provider:
            case Provider.SALESFORCE:
                crm = open_crm(account)
                stack.callback(crm.close)
                return _Opened([partial(asyncio.to_thread, crm.check)], crm)
            case Provider.OPENAI:
                analyst = await open_analyst(account)
                stack.push_async_callback(analyst.close)
                return _Opened([analyst.check])
            case _:
                return _Opened([port.check for port in await _contacting(account, stack)])
    except ClarionError as error:
        return error


async def _contacting(account: Account, stack: AsyncExitStack) -> list[Messenger | Dialer]:
    """Open what an account contacts people through."""
    ports: list[Messenger | Dialer] = []
    if account.provider is Provider.TWILIO:
        ports.append(await open_twilio(account, None))
        stack.push_async_callback(ports[-1].close)
    if not _only_texts(account):
        ports.append(await open_dialer(account, None))
        stack.push_async_callback(ports[-1].close)
    return ports


async def _account(name: str, account: Account, opened: _Opened | ClarionError) -> Finding:
    part = f"account {name}"
    if isinstance(opened, ClarionError):
        return problem(part, opened)
    try:
        async with asyncio.timeout(PATIENCE):
            for check in opened.checks:
                await check()
    except (ClarionError, TimeoutError) as error:
        return problem(part, error)
    where = f" at {account.base_url}" if account.base_url else ""
    detail = f"{account.provider}{where} accepts the credentials, {_what(account, opened.crm)}"
    return Finding(part=part, health=Health.OK, detail=detail)


def _only_texts(account: Account) -> bool:
    return account.provider is Provider.TWILIO and account.from_number is None


def _what(account: Account, crm: Crm | None) -> str:
    """Say what an account does, and from where or how much of it is left."""
    if account.provider is Provider.OPENAI:
        cost_in, cost_out = account.price_per_million_input, account.price_per_million_output
        return f"leads are assessed at {cost_in:g} and {cost_out:g} per million tokens asked and answered"
    if crm is not None:
        usage = crm.usage
        used = f"; {usage.used:,} of {usage.allowed:,} API requests of 24 hours are used" if usage else ""
        return f"leads can be read{used}"
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
