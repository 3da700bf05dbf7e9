"""What crosses the Temporal boundary about accounts: who asks for lanes, who holds them, and how many there are.

As in contracts.py, fields are only ever added, each with a default.
"""

from __future__ import annotations

from collections.abc import Collection

from pydantic import ConfigDict, Field

from clarion.contracts import AccountRef, Contract, LaneGrant, LaneRequest
from clarion.domain.pace import CALL_JITTER, spacing


class AccountLimits(Contract):
    """What all campaigns of an account share; None leaves a limit as it is, or as the settings say."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    concurrency: int | None = Field(None, ge=1, le=1000)
    """Calls at once."""
    campaigns: int | None = Field(None, ge=1, le=100)
    """Campaigns that run at once; the others wait."""
    inbound_reserve: float | None = Field(None, ge=0, lt=1)
    """Share of ``concurrency`` that is kept free for people who call us."""
    per_second: float | None = Field(None, gt=0)
    per_minute: float | None = Field(None, gt=0)
    per_hour: float | None = Field(None, gt=0)

    def over(self, below: AccountLimits) -> AccountLimits:
        """These limits, and ``below`` where they say nothing."""
        return below.model_copy(update=self.model_dump(exclude_none=True))

    def without(self, names: Collection[str]) -> AccountLimits:
        """These limits without those of the given names; without names, none at all."""
        return AccountLimits(**self.model_dump(exclude=set(names))) if names else AccountLimits()

    @property
    def rates(self) -> AccountLimits:
        """The limits that are rates, alone."""
        return AccountLimits(per_second=self.per_second, per_minute=self.per_minute, per_hour=self.per_hour)

    @property
    def spacing(self) -> float:
        """Seconds between two calls; 0 when no rate is limited."""
        return spacing(self.per_second, self.per_minute, self.per_hour, jitter=CALL_JITTER)

    @property
    def lanes(self) -> int:
        """Calls at once that campaigns may make: one at least."""
        return max(1, int((self.concurrency or 50) * (1.0 - (self.inbound_reserve or 0.0)) + 1e-9))


class LaneAsk(Contract):
    """Bring a request to an account, and start its workflow if nobody has yet."""

    account: AccountRef
    request: LaneRequest


class Holder(Contract):
    """One campaign as its account knows it."""

    request: LaneRequest
    since: float
    """Epoch seconds at which it came."""
    grant: LaneGrant = LaneGrant()
    bound: int = 0
    """Lanes it may be holding, whatever message is still on its way."""
    alive: bool = True
    """False: its workflow has ended without a word, and its last calls are waited for."""
    runs: bool = False
    """It has one of the account's places for campaigns; the others are queued."""
    told: int = 0
    """Lanes it may be holding by its own last word, whatever grant has gone out since."""
    unseen: tuple[tuple[int, int], ...] = ()
    """Number and lanes of grants that it may not have taken note of yet."""
    owed: bool = False
    """Its grant has to be sent, or sent again."""
    died: float = 0.0
    """Epoch seconds at which it was found to have ended without a word."""


class AccountState(Contract):
    """Everything an account's workflow remembers, and all that continue-as-new carries over."""

    model_config = ConfigDict(frozen=False, extra="ignore")

    settings: AccountLimits = AccountLimits()
    """As the settings of the worker that spoke last say."""
    changed: AccountLimits = AccountLimits()
    """What somebody has changed since."""
    holders: dict[str, Holder] = Field(default_factory=dict)
    """By workflow id."""
    paced: AccountLimits = AccountLimits()
    """The rates that stand in the store in place of the settings'; none while nobody has changed any."""
    listens_until: float = 0.0
    """Epoch seconds; until then nobody gets more lanes, as campaigns may hold some that nobody here knows of."""
    leaving: bool = False
    """Somebody asked it to end: it does once nobody needs it."""
    runs: int = 1

    @property
    def limits(self) -> AccountLimits:
        """The limits that hold."""
        return self.changed.over(self.settings)


class AccountTiming(Contract):
    """How long an account waits for what; all in seconds."""

    survey: float = 60.0
    """Between two looks whether those that hold or want lanes still run."""
    listen: float = 75.0
    """For how long it gives no more lanes after it was ended from outside and started again: longer than it takes until
    every campaign that holds lanes has repeated itself."""
    last_starts: float = 15.0
    """For how long lanes of a campaign that ended without a word may still place calls: until they learn of it."""
    last_calls: float = 120.0
    """When its lanes come back, beyond its longest call, even if nobody ever learns how its calls ended."""


class AccountInput(Contract):
    """What an account's workflow needs to know."""

    account: AccountRef
    settings: AccountLimits = AccountLimits()
    timing: AccountTiming = AccountTiming()
    again: bool = False
    """An earlier one was ended from outside: campaigns may hold lanes that nobody remembers."""
    carried: AccountState | None = None
    """What an earlier run handed over at continue-as-new."""


class LaneNews(Contract):
    """A request as it reaches the account, with the limits of the settings."""

    request: LaneRequest
    settings: AccountLimits = AccountLimits()


class Survey(Contract):
    """Find out whether campaigns still run."""

    account: AccountRef
    campaigns: tuple[LaneRequest, ...] = ()


class Census(Contract):
    """What a survey found, by workflow id."""

    alive: dict[str, bool] = Field(default_factory=dict)
    calls: dict[str, int] = Field(default_factory=dict)
    """Calls under way, of those that do not run any more."""


class AccountChange(Contract):
    """New limits for an account; the rates are written where every lane reads them."""

    account: AccountRef
    limits: AccountLimits
    """Only its rates count; without any, those of the settings hold again."""
