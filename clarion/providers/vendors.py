"""Which vendor's classes serve an account; a vendor's SDK is imported only when an account needs it.

Retell's SDK alone takes 1.5 s and 95 MB to import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from urllib.parse import quote

from pydantic import SecretStr

from clarion.domain.errors import BadInput
from clarion.providers.ports import CallReader, CallReceipt, Dialer, Webhook
from clarion.settings import Account, Provider


def call_callback(public_url: str, name: str, account: Account) -> str:
    """Return the address at which an account's vendor tells us about calls."""
    secret = _secret(account.webhook_secret)
    path = [account.provider.value, name] + ([secret] if account.provider is Provider.EXOTEL and secret else [])
    return f"{public_url.rstrip('/')}/webhooks/{'/'.join(quote(part, safe='') for part in path)}/call"


async def open_dialer(account: Account, callback: str | None) -> Dialer:
    """Open an account's connection for calls; nobody is called yet. Raises BadInput when base_url is no address."""
    match account.provider:
        case Provider.TWILIO:
            from clarion.providers.twilio_calls import open_twilio_dialer

            return await open_twilio_dialer(account, callback)
        case Provider.RETELL:
            from clarion.providers.retell import open_retell

            return await open_retell(account)
        case Provider.ELEVENLABS:
            from clarion.providers.elevenlabs import open_elevenlabs

            return await open_elevenlabs(account)
        case Provider.EXOTEL:
            from clarion.providers.exotel import open_exotel

            return await open_exotel(account, callback)
        case Provider.OPENAI | Provider.SALESFORCE:
            message = f"an account with {account.provider} places no calls"
            raise BadInput(message)


def call_reader(account: Account) -> CallReader:
    """Return what reads the webhooks of an account."""
    return _READERS[account.provider](_secret(account.auth_token), _secret(account.webhook_secret))


def call_readers() -> Mapping[str, CallReader]:
    """Return what reads webhooks that are kept and were verified when they came, by provider."""
    return {provider.value: _LaterReader(provider) for provider in _READERS}


class _LaterReader(CallReader):
    """Makes the reader of a vendor when it is used for the first time."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    @cached_property
    def _reader(self) -> CallReader:
        return _READERS[self._provider]("", "")

    def verify(self, webhook: Webhook, now: float) -> bool:
        return self._reader.verify(webhook, now)

    def receipt(self, payload: str, attempt: str | None) -> CallReceipt | None:
        return self._reader.receipt(payload, attempt)


def _twilio(token: str, _: str) -> CallReader:
    from clarion.providers.twilio_call_webhooks import TwilioCalls

    return TwilioCalls(token)


def _retell(key: str, _: str) -> CallReader:
    from clarion.providers.retell_webhooks import RetellCalls

    return RetellCalls(key)


def _elevenlabs(_: str, secret: str) -> CallReader:
    from clarion.providers.elevenlabs_webhooks import ElevenLabsCalls

    return ElevenLabsCalls(secret)


def _exotel(_: str, secret: str) -> CallReader:
    from clarion.providers.exotel_webhooks import ExotelCalls

    return ExotelCalls(secret)


_READERS: Mapping[Provider, Callable[[str, str], CallReader]] = {
    Provider.TWILIO: _twilio,
    Provider.RETELL: _retell,
    Provider.ELEVENLABS: _elevenlabs,
    Provider.EXOTEL: _exotel,
}


def _secret(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
