"""Checks of drafts, in the background: what would happen if a campaign started now, contacting nobody."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import cast

from fastapi import Request

from clarion.domain.errors import ClarionError
from clarion.store.campaigns import Campaign
from starter.drafts import Checked
from starter.wiring import Installation

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Checks that run at the same time; others wait."""
NAMED = 200
"""Rows left out that are shown one by one."""
MOST = 200
"""Results remembered; an older one is found anew when somebody wants it."""

Subject = tuple[tuple[int, ...], float]
"""What a check is of: the numbers of the files, and when the draft was changed last."""


@dataclass(slots=True)
class Check:
    """How the check of one draft stands."""

    subject: Subject
    result: Checked | None = None
    error: str = ""
    running: bool = True

    @property
    def passed(self) -> bool:
        """Whether the draft can be started."""
        return self.result is not None and not self.result.problems and self.result.accepted > 0


class Checks:
    """All checks of one web process."""

    def __init__(self) -> None:
        """Know of none."""
        self._known: dict[int, Check] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def of(self, clarion: Installation, campaign: Campaign) -> Check | None:
        """Return how the check of a draft stands; the first who asks has it begun. None: it has no contacts yet."""
        key = campaign.ref.key
        files = await asyncio.to_thread(clarion.store.files.of_campaign, key)
        if not files:
            return None
        subject = (tuple(file.id for file in files), campaign.updated_at)
        known = self._known.get(key)
        if known is None or known.subject != subject:
            known = self._known[key] = Check(subject)
            task = asyncio.create_task(self._run(clarion, campaign.ref.campaign_id, known))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            while len(self._known) > MOST:
                del self._known[next(iter(self._known))]
        return known

    async def finished(self, clarion: Installation, campaign: Campaign) -> Check | None:
        """Return the same once it has ended."""
        check = await self.of(clarion, campaign)
        while check is not None and check.running:
            await asyncio.wait(set(self._tasks), return_when=asyncio.FIRST_COMPLETED)
        return check

    def forget(self, campaign_key: int) -> None:
        """Look again the next time: what counts may have changed elsewhere."""
        self._known.pop(campaign_key, None)

    async def stop(self) -> None:
        """End what runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, clarion: Installation, campaign_id: str, check: Check) -> None:
        try:
            async with self._turn:
                check.result = await clarion.drafts.check(campaign_id, rows=NAMED)
        except ClarionError as error:
            check.error = str(error)
        except Exception:
            log.exception("a draft could not be checked")
            check.error = "the check failed; the log of the web door says why"
        finally:
            check.running = False


def checks_of(request: Request) -> Checks:
    """Return the checks of this application."""
    return cast("Checks", request.app.state.checks)
