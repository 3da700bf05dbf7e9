"""A message, where it stands at any moment, and all messages in order; kept small, since a run has very many.

Nothing moves a message along: its status follows from the clock and the times that were fixed when it was accepted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache
from typing import Final

from clarion.sandbox.twilio.errors import NEVER_LEFT, RECEIPT_ERRORS
from clarion.sandbox.vendor import Json

API_VERSION: Final = "2010-04-01"
PRICE_PER_SEGMENT = 0.0083
"""US dollars; the order of magnitude of a US long code with its carrier fee."""
OVER = frozenset({"failed", "undelivered", "canceled"})
"""Statuses after which the person is known not to have been reached."""
SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Account:
    """Who sends: the account's sid and the password it used, which also signs its webhooks."""

    sid: str
    token: str


@dataclass(slots=True, eq=False)
class Message:
    """One text, out or in. Times are epoch seconds; ``ends_at`` is infinite where no receipt ever comes."""

    sid: str
    account: Account
    to: str
    sender: str
    service: str | None
    body: str
    segments: int
    media: int
    created_at: float
    starts_at: float
    """When Twilio begins to work on it: ``created_at``, or the time it was scheduled for."""
    sent_at: float
    ends_at: float
    code: int = 0
    inbound: bool = False
    canceled: bool = False
    earlier: Message | None = None
    """The message to the same number before this one."""

    def status(self, now: float) -> str:
        """Return Twilio's status at this moment."""
        if self.inbound:
            return "received"
        if self.canceled:
            return "canceled"
        if now < self.sent_at:
            return self._status_before_sent(now)
        if self.code in NEVER_LEFT:
            return "failed"
        return "sent" if now < self.ends_at else self.last_status

    def _status_before_sent(self, now: float) -> str:
        if now < self.starts_at:
            return "scheduled"
        done = (now - self.starts_at) / (self.sent_at - self.starts_at)
        if self.service and done < 0.15:
            return "accepted"
        return "queued" if done < 0.4 else "sending"

    @property
    def last_status(self) -> str:
        """How it ends once it was sent."""
        return "undelivered" if self.code else "delivered"

    def view(self, now: float) -> dict[str, Json]:
        """Render as Twilio's API does, with every key of its specification."""
        status = self.status(now)
        left = status in {"sent", "delivered", "undelivered", "received"}
        assigned = self.service is None or status not in {"accepted", "scheduled"}
        over = status in {"failed", "undelivered"}
        uri = f"/{API_VERSION}/Accounts/{self.account.sid}/Messages/{self.sid}"
        return {
            "account_sid": self.account.sid,
            "api_version": API_VERSION,
            "body": self.body,
            "date_created": rfc2822(int(self.created_at)),
            "date_sent": rfc2822(int(self.sent_at)) if left else None,
            "date_updated": rfc2822(int(self.updated_at(now))),
            "direction": "inbound" if self.inbound else "outbound-api",
            "error_code": self.code if over else None,
            "error_message": RECEIPT_ERRORS.get(self.code, "Message delivery failed") if over else None,
            "from": self.sender if assigned else None,
            "messaging_service_sid": self.service,
            "num_media": str(self.media),
            "num_segments": str(self.segments) if assigned else "0",
            "price": f"{-PRICE_PER_SEGMENT * self.segments:.5f}" if left else None,
            "price_unit": "USD" if left else None,
            "sid": self.sid,
            "status": status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }

    def updated_at(self, now: float) -> float:
        """When its status last changed."""
        return max((at for at in (self.sent_at, self.ends_at) if at <= now), default=self.created_at)


class MessageLog:
    """All messages, found by sid, by receiver, or newest first."""

    def __init__(self) -> None:
        self._by_sid: dict[str, Message] = {}
        self._latest_to: dict[str, Message] = {}

    def add(self, message: Message) -> None:
        """Keep a message."""
        self._by_sid[message.sid] = message
        message.earlier = self._latest_to.get(message.to)
        self._latest_to[message.to] = message

    def get(self, account_sid: str, sid: str) -> Message | None:
        """Find one of this account's messages."""
        message = self._by_sid.get(sid)
        return message if message and message.account.sid == account_sid else None

    def remove(self, message: Message) -> None:
        """Take it out of sight; it still counts among the messages its receiver has got."""
        del self._by_sid[message.sid]

    def to(self, number: str) -> Iterator[Message]:
        """All messages to a number, newest first, removed ones included."""
        message = self._latest_to.get(number)
        while message is not None:
            yield message
            message = message.earlier

    def newest_first(self, to: str | None = None) -> Iterator[Message]:
        """Messages that are still there, to one number or to anybody."""
        if to is None:
            return reversed(self._by_sid.values())
        return (message for message in self.to(to) if message.sid in self._by_sid)


@lru_cache(maxsize=64)
def rfc2822(second: int) -> str:
    """Write an epoch second as Twilio does: ``Thu, 24 Aug 2023 05:01:45 +0000``."""
    return formatdate(second, localtime=False)[:-5] + "+0000"
