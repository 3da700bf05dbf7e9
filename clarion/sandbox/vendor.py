"""What a vendor is to the sandbox: the words between the neutral core and one file or folder per vendor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Protocol, TypeAlias, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from clarion.sandbox.openai.settings import OpenAiSettings
from clarion.sandbox.salesforce.settings import SalesforceSettings

if TYPE_CHECKING:
    from clarion.sandbox.callbacks import Callbacks
    from clarion.sandbox.calls import Switchboard
    from clarion.sandbox.decisions import Decisions
    from clarion.sandbox.effects import Effects
    from clarion.sandbox.faults import VendorFaults

Json: TypeAlias = bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"] | None


class Refusal(StrEnum):
    """Why a fault keeps a request from having an effect; the vendor words it."""

    RATE_LIMITED = "rate_limited"
    TOO_MANY_AT_ONCE = "too_many_at_once"
    SERVER_ERROR = "server_error"
    OUTAGE = "outage"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it came over the wire."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What the vendor says. ``effect``: something now happens to a person, so the answer may be lost but not undone."""

    status: int
    body: bytes
    headers: Mapping[str, str] | None = None
    content_type: str = "application/json"
    effect: bool = False
    cut: bool = False
    """Close the connection instead of answering, as when the answer is lost on its way."""


class ControlError(ValueError):
    """A request to ``/_sandbox`` that cannot be followed; its text says why and what would do."""


Share = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """How the sandbox behaves when nothing is broken; ``POST /_sandbox/settings`` changes single fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    latency_ms: float = Field(default=20.0, ge=0)
    """Milliseconds from the arrival of a POST or PATCH (when its effect happens) to its answer."""
    time_scale: float = Field(default=1.0, ge=0)
    """Factor on everything the world takes its time for: sending, delivery, people's replies."""
    inbound_url: str | None = None
    """Where messages that people write to us are posted."""
    auth_token: str | None = Field(default=None, repr=False)
    """Key for signing webhooks; by default the password that the account last authenticated with."""
    refused_tokens: tuple[str, ...] = ("wrong",)
    """Passwords that are answered as bad credentials."""
    max_concurrent: int | None = Field(default=None, gt=0)
    """Requests of one account under way at once; more are refused."""
    max_calls: int | None = Field(default=None, gt=0)
    """Calls of one account going on at once; a vendor that limits them refuses more."""
    webhook_secret: str = Field(default="sandbox-secret", repr=False)
    """Signs the webhooks of vendors that use a secret of their own for it (ElevenLabs)."""
    webhook_urls: dict[str, str] = Field(default_factory=dict)
    """Per provider: where webhooks go that a vendor takes from its own console and not from the request."""
    mix: dict[str, dict[str, Share]] = Field(default_factory=dict)
    """Per provider: share of each ending for numbers that decide nothing by themselves; the rest ends well."""
    salesforce: SalesforceSettings = SalesforceSettings()
    openai: OpenAiSettings = OpenAiSettings()


@dataclass(slots=True)
class World:
    """What the core lends to one vendor."""

    settings: Settings
    decisions: Decisions
    effects: Effects
    faults: VendorFaults
    callbacks: Callbacks
    calls: Switchboard


class Vendor(Protocol):
    """One vendor's wire protocol. It owns the paths that start with one of ``prefixes``."""

    name: str
    prefixes: tuple[str, ...]

    async def answer(self, call: Call) -> Answer:
        """Do what the request asks and word the answer; effects are counted here."""

    def account_of(self, call: Call) -> str:
        """Name the account whose concurrent requests are counted together."""

    def refuse(self, refusal: Refusal, call: Call) -> Answer:
        """Word a refusal in this vendor's way."""

    def inbound(self, sender: str, to: str, body: str) -> str:
        """Let a person write to us; returns the vendor's id. Raises ControlError where that cannot be."""

    def settle(self) -> None:
        """Check and take over changed settings. Raises ControlError for those this vendor cannot follow."""

    def reset(self) -> None:
        """Forget all that happened."""


@runtime_checkable
class Counting(Protocol):
    """A vendor that counts more than what happens to people; shown beside the effects."""

    def tally(self, *, detail: bool) -> Mapping[str, Json]:
        """Tell the counts since the start or the last reset; with ``detail`` also one by one."""


@runtime_checkable
class Commanded(Protocol):
    """A vendor that can be told things: ``POST /_sandbox/<vendor>/<command>``."""

    @property
    def commands(self) -> Mapping[str, Callable[[], Json]]:
        """What it can be told, by name."""
