"""What people see of accounts: what each is for, its limits, and how much of them is in use by whom."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from temporalio.service import RPCError

from clarion.account_contracts import AccountLimits, AccountState
from clarion.domain.campaign import CampaignStatus, Channel, Priority
from clarion.domain.errors import NotFound, Unreachable, did_you_mean
from clarion.settings import Account, Provider
from clarion.store.account_use import User
from starter.looking import View
from starter.wiring import Installation

TELLS_WITHIN = 3.0
"""Seconds in which Temporal has to say who holds lanes, where people look at several accounts at once."""

CHANNELS = {
    Provider.TWILIO: (Channel.SMS, Channel.CALL),
    Provider.RETELL: (Channel.CALL,),
    Provider.ELEVENLABS: (Channel.CALL,),
    Provider.EXOTEL: (Channel.CALL,),
    Provider.OPENAI: (Channel.LEAD_ANALYSIS,),
    Provider.SALESFORCE: (Channel.LEAD_ANALYSIS,),
}


class Rates(View):
    """Contacts that may start in any window, over all campaigns of an account; null is unlimited."""

    per_second: float | None
    per_minute: float | None
    per_hour: float | None


class CallLimits(Rates):
    """What all campaigns of calls on an account share."""

    concurrency: int
    """Calls at once."""
    campaigns: int
    """Campaigns that run at once; the others are queued."""
    inbound_reserve: float
    """Share of the calls that is kept free for people who call us."""


class PaceLine(View):
    """How fast an account goes on one channel."""

    channel: Channel
    next_free: float
    """Epoch seconds at which the next contact may start; past: at once."""
    strikes: int
    """Failures of the channel in a row; after a few of them all campaigns back off."""
    spacing: float | None
    """Seconds between contacts that somebody has set in place of the settings'."""


class UserLine(View):
    """A campaign that uses an account now."""

    campaign_id: str
    name: str
    channel: Channel
    status: CampaignStatus
    lanes: int
    """Contacts at once that it may make by its own limits."""


class HolderLine(View):
    """A campaign of calls as its account knows it."""

    campaign_id: str
    name: str
    priority: Priority
    wants: int
    may_hold: int
    """Lanes it was given."""
    holds: int
    """Lanes it may be using, whatever message is still on its way."""
    queued: bool
    reason: str
    """Why it has fewer lanes than it would like."""
    since: float
    """Epoch seconds."""
    alive: bool
    """False: its workflow has ended, and its last calls are waited for."""


class Lanes(View):
    """Who holds the lanes of an account."""

    lanes: int
    """All that campaigns may hold together."""
    held: int
    changed: AccountLimits
    """Limits that somebody has changed since the settings were read; null: as in the settings."""
    holders: tuple[HolderLine, ...]
    """Those that hold most come first, those that wait last."""


class AccountLine(View):
    """An account."""

    name: str
    provider: Provider
    channels: tuple[Channel, ...]
    texts: Rates | None
    """Limits of texts, as in the settings; null for accounts that send none."""
    calls: CallLimits | None
    """Limits of calls that hold now; null for accounts that place none."""
    pace: tuple[PaceLine, ...]
    """For channels on which anybody was contacted through it."""
    campaigns: tuple[UserLine, ...]
    """Those that use it now, the oldest first."""
    lanes: Lanes | None
    """Null for accounts that place no calls, and where Temporal does not answer."""
    lanes_unknown: str
    """Why nobody knows who holds its lanes; empty: somebody does, or it has none."""


@dataclass(frozen=True, slots=True)
class AccountLines:
    """Looks at the accounts of one tenant."""

    clarion: Installation

    async def all(self) -> list[AccountLine]:
        """List the accounts by name; where Temporal does not answer soon, without who holds their lanes."""
        return list(await asyncio.gather(*(self._line(name) for name in sorted(self.clarion.settings.accounts))))

    async def one(self, name: str) -> AccountLine:
        """Look at one account. Raises NotFound."""
        require_account(self.clarion, name)
        return await self._line(name)

    async def of_state(self, name: str, state: AccountState) -> AccountLine:
        """Describe an account with what Temporal has just said of it. Raises NotFound."""
        require_account(self.clarion, name)
        return await asyncio.to_thread(self._described, name, state, "")

    async def _line(self, name: str) -> AccountLine:
        account = self.clarion.settings.accounts[name]
        state, unknown = None, ""
        if Channel.CALL in CHANNELS[account.provider]:
            try:
                async with asyncio.timeout(TELLS_WITHIN):
                    state = await self.clarion.accounts.lanes(name)
            except Unreachable as error:
                unknown = str(error)
            except (TimeoutError, RPCError):
                unknown = f"Temporal did not say within {TELLS_WITHIN:g} s; is a worker running?"
        return await asyncio.to_thread(self._described, name, state, unknown)

    def _described(self, name: str, state: AccountState | None, unknown: str) -> AccountLine:
        settings, store = self.clarion.settings, self.clarion.store
        account = settings.accounts[name]
        channels = CHANNELS[account.provider]
        paces = store.account_use.paces(settings.tenant, name)
        return AccountLine(
            name=name,
            provider=account.provider,
            channels=channels,
            texts=Rates.model_validate(account) if Channel.SMS in channels else None,
            calls=_call_limits(account, state) if Channel.CALL in channels else None,
            pace=tuple(PaceLine.model_validate(pace) for pace in paces),
            campaigns=_users(store.account_use.users(settings.tenant, name)),
            lanes=None if state is None else lanes_of(state),
            lanes_unknown=unknown,
        )


def require_account(clarion: Installation, name: str) -> None:
    """Raise NotFound for an account that the tenant does not have."""
    known = sorted(clarion.settings.accounts)
    if name not in known:
        there = f"there are {', '.join(known)}" if known else "there are none; set one up in the settings"
        raise NotFound(f'there is no account "{name}"{did_you_mean(name, known)}; {there}')


def lanes_of(state: AccountState) -> Lanes:
    """Tell who holds the lanes of an account."""
    ordered = sorted(state.holders.values(), key=lambda one: (one.grant.queued, -one.grant.lanes, one.since))
    return Lanes(
        lanes=state.limits.lanes,
        held=sum(holder.bound for holder in ordered),
        changed=state.changed,
        holders=tuple(
            HolderLine(
                campaign_id=holder.request.campaign.campaign_id,
                name=holder.request.name,
                priority=holder.request.priority,
                wants=holder.request.wants,
                may_hold=holder.grant.lanes,
                holds=holder.bound,
                queued=holder.grant.queued,
                reason=holder.grant.reason,
                since=holder.since,
                alive=holder.alive,
            )
            for holder in ordered
        ),
    )


def _call_limits(account: Account, state: AccountState | None) -> CallLimits:
    limits = account.call_limits if state is None else state.changed.over(account.call_limits)
    return CallLimits.model_validate(limits)


def _users(users: Iterable[User]) -> tuple[UserLine, ...]:
    return tuple(UserLine.model_validate(user) for user in users)
