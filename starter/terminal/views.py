"""Follows a campaign in a terminal: a live view, or plain lines where there is none; and its report at the end."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.console import Console, RenderableType
from rich.live import Live

from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Unreachable
from starter.chronicle import READ, latest_lines
from starter.progress import Progress
from starter.terminal.panels import Sight, campaign_panel, plain_line

if TYPE_CHECKING:
    from starter.campaigns import Campaigns

BETWEEN_LOOKS = 0.5
"""Seconds between two looks at the store."""
BETWEEN_LINES = 5.0
"""Seconds between two plain lines while nothing but the counts changes."""
STILL = 10.0
"""Seconds without any change after which Temporal is asked whether the campaign still runs there."""
EVENTS = 8

RESTING = frozenset({CampaignStatus.DRAFT, CampaignStatus.SCHEDULED, CampaignStatus.PAUSED})


async def follow(campaigns: Campaigns, campaign_id: str, *, console: Console, until_final: bool = True) -> Progress:
    """Show a campaign until it ends; with ``until_final`` False also return when it is paused or waits for its start.

    Looks into the store, not into Temporal, and outlives a store that does not answer for a while.
    """
    watch = Watch(campaigns, campaign_id)
    sight = await watch.look()
    live = Live(console=console, auto_refresh=False) if console.is_terminal and not console.is_dumb_terminal else None
    said, said_at = "", float("-inf")
    with live or nullcontext():
        while True:
            if live is not None:
                live.update(fitting_panel(sight, console), refresh=True)
            elif (word := f"{sight.progress.status} {sight.warning}") != said or sight.now - said_at >= BETWEEN_LINES:
                console.print(plain_line(sight), markup=False, highlight=False, soft_wrap=True)
                said, said_at = word, sight.now
            status = sight.progress.status
            if status.is_final or watch.dead or (not until_final and status in RESTING):
                return sight.progress
            await asyncio.sleep(BETWEEN_LOOKS)
            sight = await watch.look_again(sight)


def fitting_panel(sight: Sight, console: Console) -> RenderableType:
    """Draw the live view with as much of the log as the terminal is high enough for."""
    bare = campaign_panel(replace(sight, lines=()), width=console.width)
    room = console.height - len(console.render_lines(bare)) - 2  # a blank line above the log, and the cursor's own
    return campaign_panel(replace(sight, lines=sight.lines[-room:] if room > 0 else ()), width=console.width)


@dataclass(slots=True)
class Watch:
    """Looks at one campaign again and again."""

    campaigns: Campaigns
    campaign_id: str
    dead: bool = False
    """Temporal has ended it, and nobody could write that down."""
    key: int | None = None
    checked_at: float = 0.0
    word: str = ""
    """What Temporal said at the last check, if it was nothing good."""

    async def look(self) -> Sight:
        """Take one look. Raises NotFound, or whatever the store raises."""
        if self.key is None:
            self.key = (await self.campaigns.find(self.campaign_id)).ref.key
        progress = await self.campaigns.progress(self.campaign_id)
        events = await asyncio.to_thread(self.campaigns.store.events.latest, self.key, READ)
        return Sight(progress, latest_lines(events, EVENTS), time.time())

    async def look_again(self, last: Sight) -> Sight:
        """Take another look; while the store does not answer, the last one with a warning."""
        try:
            sight = await self.look()
        except Unreachable as gone:
            return replace(last, now=time.time(), warning=str(gone))
        return await self._with_word_of_temporal(sight)

    async def _with_word_of_temporal(self, sight: Sight) -> Sight:
        progress = sight.progress
        if progress.status is CampaignStatus.DRAFT or progress.status.is_final:
            return sight
        changed_at = max(sight.lines[-1].at if sight.lines else 0.0, progress.started_at or 0.0)
        if sight.now - changed_at < STILL:
            self.word = ""
        elif sight.now - self.checked_at >= STILL:
            self.word = await self._ask_temporal()
            self.checked_at = sight.now
        return replace(sight, warning=self.word)

    async def _ask_temporal(self) -> str:
        try:
            ended = await self.campaigns.ended_in_temporal(self.campaign_id)
        except Unreachable as error:
            return str(error)
        self.dead = bool(ended)
        return f"{ended}: nothing runs for this campaign any more, whatever its status says" if ended else ""


async def print_report(campaigns: Campaigns, campaign_id: str, *, console: Console) -> None:
    """Print how a campaign came out: of leads what they were found to be, then what failed or was left out, and why."""
    from starter.looking import Looking
    from starter.terminal.summary import print_results

    looking = Looking(campaigns.store, campaigns.settings.tenant)
    await asyncio.to_thread(print_results, looking, campaign_id, console)
