"""A receipt as it came in, kept before anything is made of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class RawReceipt:
    """A verified webhook of a provider, not yet read."""

    provider: str
    account: str
    """Name of the account in the settings."""
    kind: Literal["status", "inbound", "call"]
    payload: str
    """The body as it was received: a form, urlencoded, or JSON."""
    attempt: str | None
    """Our attempt id, where the address carried one."""
    received_at: float
    """Epoch seconds."""

    def form(self) -> dict[str, str]:
        """Return the form's fields; of a repeated field the first value counts."""
        return dict(reversed(parse_qsl(self.payload, keep_blank_values=True)))
