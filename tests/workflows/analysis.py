"""Analyses of simulated leads on a stage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from clarion.domain.campaign import Channel
from tests.fake_leads import BATCHES, FETCH, SimulatedLeads
from tests.workflows.stage import PATIENCE, Play, Stage


@dataclass
class Analysis(Play):
    """A running analysis of leads."""

    campaign: SimulatedLeads

    async def into_the_fetching(self, contacts: int = 0) -> None:
        """Stop fetching once so many leads have been asked about, and wait until it stands there."""
        self.campaign.hold(FETCH, contacts)
        await self.until(lambda: self.campaign.running[FETCH] > 0 and self.campaign.contacts >= contacts)

    async def into_the_batches(self) -> None:
        """Wait until leads are in a batch that does not end."""
        self.campaign.batches_end = False
        await self.until(lambda: bool(self.campaign.batched) and self.campaign.running[BATCHES] > 0)


@asynccontextmanager
async def analyse(stage: Stage, *rows: Sequence[str], **given: object) -> AsyncIterator[Analysis]:
    """Start an analysis over ``rows``, each the words of one lead; ``given`` as in CampaignInput."""
    campaign = SimulatedLeads(stage.clock, files={1: rows}, writes_back=bool(given.get("writes_back")))
    play = Analysis(stage, campaign, await stage.start(**{"channel": Channel.LEAD_ANALYSIS, "lanes": 50, **given}))
    async with stage.worker(campaign), asyncio.timeout(PATIENCE):
        yield play
    assert campaign.wrongs == []
