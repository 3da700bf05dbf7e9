"""The ports through which activities reach providers, and the ways a provider can fail us."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from clarion.domain.attempt import Verdict
from clarion.domain.call import CallWord, MachineRule, Script
from clarion.domain.errors import ClarionError


class Scope(StrEnum):
    """Who has to wait when a provider asks for patience."""

    ACCOUNT = "account"
    SENDER = "sender"
    TARGET = "target"


class ProviderError(ClarionError):
    """A provider did not do what it was asked; ``code`` is the provider's own, kept apart from the text."""

    def __init__(self, message: str, *, code: str | None = None, http_status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.http_status = http_status


class RateLimited(ProviderError):
    """Provably not contacted: the provider wants us to wait ``retry_after`` seconds."""

    def __init__(
        self, message: str, *, retry_after: float, scope: Scope = Scope.ACCOUNT, code: str | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
        self.scope = scope


class Unavailable(ProviderError):
    """Provably not contacted: no connection could be made."""


class OutcomeUnknown(ProviderError):
    """The request left, and nobody can say whether it took effect: a timeout, a broken connection, a 5xx."""


class AccountBroken(ProviderError):
    """Credentials, sender or account are refused: every further contact would fail the same way."""


class Rejected(ProviderError):
    """The provider provably refused this one target; ``verdict`` says what that means."""

    def __init__(self, message: str, verdict: Verdict, *, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.verdict = verdict


@dataclass(frozen=True, slots=True)
class OutgoingText:
    """A text message to be sent, or one to be looked up."""

    attempt: str
    to: str
    body: str


class Messenger(Protocol):
    """Sends texts through one account. Never retries by itself."""

    @property
    def sender(self) -> str:
        """The number or messaging service that texts leave from."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds after which a request is given up."""
        ...

    async def send(self, text: OutgoingText) -> Verdict:
        """Send once. Raises RateLimited, Unavailable, OutcomeUnknown, AccountBroken or Rejected."""
        ...

    async def find(self, text: OutgoingText, since: float, known: Collection[str]) -> Verdict | None:
        """Look for a text that may have been sent after ``since`` (epoch seconds) and is not in ``known`` references.

        None means that the provider has nothing of the kind. Raises RateLimited, Unavailable, OutcomeUnknown
        (here: could not be read) or AccountBroken.
        """
        ...

    async def check(self) -> None:
        """Prove that the credentials are accepted, without contacting anyone. Raises ProviderError."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class InboundKind(StrEnum):
    """What an inbound text asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class StatusReceipt:
    """A provider's later word on an attempt."""

    attempt: str | None
    provider_reference: str
    provider_status: str
    rank: int
    """Order of statuses in a life; a receipt with a lower rank than the one known is old news."""
    verdict: Verdict | None
    """None: progress only, nothing decided."""


@dataclass(frozen=True, slots=True)
class InboundText:
    """A text that a person sent us."""

    provider_reference: str
    sender: str
    recipient: str
    body: str
    kind: InboundKind


class ReceiptReader(Protocol):
    """Reads one vendor's webhooks."""

    def verify(self, url: str, form: Mapping[str, str], signature: str) -> bool:
        """Whether the vendor really sent this to the public ``url``."""
        ...

    def status(self, form: Mapping[str, str], attempt: str | None) -> StatusReceipt:
        """Read a status callback. Raises BadInput when the form is not one."""
        ...

    def inbound(self, form: Mapping[str, str]) -> InboundText:
        """Read an inbound text. Raises BadInput when the form is not one."""
        ...


@dataclass(frozen=True, slots=True)
class OutgoingCall:
    """A call to be placed, or one to be looked up."""

    attempt: str
    to: str
    sender: str | None
    """The campaign's own number; None takes the account's."""
    script: Script
    longest: float
    """Seconds from the answer after which the provider has to end it."""
    machine: MachineRule


class Dialer(Protocol):
    """Places calls through one account. Never retries by itself."""

    @property
    def timeout(self) -> float:
        """Seconds after which a request is given up."""
        ...

    async def place(self, call: OutgoingCall) -> CallWord:
        """Place a call once; the word says `placed`, with the provider's reference.

        Raises RateLimited (also for too many calls at once), Unavailable, OutcomeUnknown, AccountBroken or Rejected.
        """
        ...

    async def look(self, reference: str) -> CallWord:
        """Say how a call stands.

        Raises NotFound when the provider knows no such call; RateLimited, Unavailable, OutcomeUnknown (here: could not
        be read) or AccountBroken.
        """
        ...

    async def find(self, call: OutgoingCall, since: float, known: Collection[str]) -> CallWord | None:
        """Look for a call that may have been placed after ``since`` (epoch seconds) and is not in ``known`` references.

        None means that the provider has nothing of the kind. Raises as ``look`` does.
        """
        ...

    async def hang_up(self, reference: str) -> bool:
        """End a call. False: this provider offers no way to. A call that is over already counts as ended.

        Raises RateLimited, Unavailable, OutcomeUnknown or AccountBroken.
        """
        ...

    async def check(self) -> None:
        """Prove that the credentials are accepted, without calling anyone. Raises ProviderError."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request of a provider as it came in."""

    url: str
    """The public address, query included."""
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


@dataclass(frozen=True, slots=True)
class CallReceipt:
    """A provider's later word on a call."""

    attempt: str | None
    """Our attempt id, where the webhook carries one."""
    provider_reference: str
    word: CallWord | None
    """None: a hint that something happened, which has to be asked for: the webhook is not signed."""


class CallReader(Protocol):
    """Reads one vendor's webhooks about calls."""

    def verify(self, webhook: Webhook, now: float) -> bool:
        """Whether the vendor really sent this, at about ``now`` (epoch seconds)."""
        ...

    def receipt(self, payload: str, attempt: str | None) -> CallReceipt | None:
        """Read a stored body; ``attempt`` is what its address carried. None: it tells nothing about a call's life.

        Raises BadInput when it is not a webhook about a call.
        """
        ...
