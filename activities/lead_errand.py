"""Work on the leads of a campaign beside its lanes: how it ends, whatever it does, and what is reported of it."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio.exceptions import ApplicationError

from activities.failures import in_thread
from activities.heartbeat import beating
from activities.tools import Tools
from clarion.contracts import CampaignRef, LeadOrder, LeadReport
from clarion.domain.errors import ClarionError
from clarion.providers.lead_ports import CrmError
from clarion.providers.ports import AccountBroken, RateLimited
from clarion.store.entries import Halt
from clarion.store.phases import Phase

SHORTEST_DELAY = 1.0
"""Seconds before a try that a provider has asked to make later, at least."""

HANDED_OVER = timedelta(seconds=0.1)
"""Before another worker goes on with what this one has to leave."""

LOOK = 0.5
"""Seconds between two looks at the campaign's gate while there is nothing to do."""


class Closed(ClarionError):
    """The campaign takes nothing new: paused, cancelled, halted."""


class HasToStop(ClarionError):
    """Something that a person has to decide; the campaign is halted with this sentence."""


@dataclass(slots=True)
class LeadErrand(ABC):
    """Works for a while; what is done stands in the store, and a later execution goes on from there."""

    tools: Tools
    campaign: CampaignRef
    worked: int = field(default=0, init=False)
    """Leads that something was done for."""
    _stopping: bool = field(default=False, init=False)

    @property
    def key(self) -> int:
        """The campaign's number in the store."""
        return self.campaign.key

    @abstractmethod
    async def run(self, until: float) -> None:
        """Work until nothing is left, or until about ``until`` (epoch seconds).

        Raises Closed, HasToStop, or ProviderError for what another try may mend.
        """

    def stop(self) -> None:
        """Begin nothing new: this worker is stopping."""
        self._stopping = True

    def go_on(self) -> None:
        """Raise a retryable failure when this worker is stopping."""
        if self._stopping:
            message = "this worker is stopping; another one goes on from here"
            raise ApplicationError(message, type="WorkerShutdown", next_retry_delay=HANDED_OVER)

    async def require_open(self) -> None:
        """Raise Closed when the campaign takes nothing new."""
        self.go_on()
        if not await self.tools.gate.is_open(self.key):
            message = "the campaign takes nothing new"
            raise Closed(message)

    async def rest(self, seconds: float) -> None:
        """Let time pass, and wake early when the campaign is opened or closed."""
        was, until = await self.tools.gate.is_open(self.key), self.tools.clock() + seconds
        while self.tools.clock() < until:
            self.go_on()
            await asyncio.sleep(min(LOOK, seconds))
            if await self.tools.gate.is_open(self.key) != was:
                return

    def note_phase(self, phase: Phase, leads: int, started_at: float, *, failed: bool = False) -> None:
        """Add a piece of work that began at ``started_at`` (epoch seconds) to what its phase came to. Blocking."""
        ended_at = self.tools.clock()
        self.tools.store.leads.add_phase(
            *(self.key, phase),
            leads=leads,
            seconds=max(0.0, ended_at - started_at),
            failed=failed,
            started_at=started_at,
            ended_at=ended_at,
        )


async def run_errand(order: LeadOrder, errand: LeadErrand) -> LeadReport:
    """Work for as long as the order says. Raises retryable failures for what passes by itself."""
    tools, closed = errand.tools, False
    async with beating(lambda: {"leads": errand.worked}, on_shutdown=errand.stop):
        try:
            await errand.run(tools.clock() + order.seconds)
        except Closed:
            closed = True
        except RateLimited as error:
            delay = timedelta(seconds=max(SHORTEST_DELAY, error.retry_after))
            raise ApplicationError(str(error), type="RateLimited", next_retry_delay=delay) from None
        except (AccountBroken, CrmError, HasToStop) as error:
            await tools.ledger.submit(Halt(errand.key, str(error)))
        return await report_on(tools, order, worked=errand.worked, closed=closed)


async def cannot_begin(tools: Tools, order: LeadOrder, why: str) -> LeadReport:
    """Halt the campaign: nothing of the kind can be done here."""
    await tools.ledger.submit(Halt(order.campaign.key, why))
    return await report_on(tools, order)


async def report_on(tools: Tools, order: LeadOrder, *, worked: int = 0, closed: bool = False) -> LeadReport:
    """Say how the campaign stands after an errand that ``worked`` on so many leads."""
    campaigns, key = tools.store.campaigns, order.campaign.key
    snapshot = await in_thread(campaigns.snapshot, key, tools.clock())
    halt = (await in_thread(campaigns.get, key)).halt
    return LeadReport(worked=worked, halt=halt, closed=closed, snapshot=snapshot)
