"""A campaign's side of sharing an account's lanes: what it may hold now, and what its account must be told.

Safe by one rule: lanes given up, by a smaller grant or by wanting less, are only filled again after a new grant.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import CampaignInput, CampaignState, LaneGrant, LaneRequest

TELL_AGAIN = 60.0
"""Seconds after which a campaign that holds or wants lanes repeats itself, so that an account which was ended from
outside is started again and learns of it, and no word that was lost is lost for good."""


class Sharing:
    """The lanes that one campaign may hold; without an account, all of its own."""

    def __init__(self, given: CampaignInput, state: CampaignState, busy: Callable[[], int]) -> None:
        """``busy`` counts the lanes that hold something now."""
        self._given = given
        self._state = state
        self._busy = busy
        self._told: LaneRequest | None = None
        self._on_its_way = False
        self._mistaken = False
        self._origin = LaneRequest(
            workflow_id="",
            chain="",
            number=0,
            campaign=given.campaign,
            name=given.name,
            priority=given.priority,
            longest=given.longest,
        )

    @property
    def allowed(self) -> int:
        """Lanes that the campaign may hold now; those that hold more give them back when their calls end."""
        if self._given.account is None:
            return self._state.lanes
        return min(self._state.grant.lanes, self._wants)

    @property
    def queued(self) -> bool:
        """Whether the campaign waits for its turn to run at all."""
        return self._given.account is not None and self._state.grant.queued

    @property
    def reason(self) -> str:
        """Why it may hold fewer lanes than it wants; empty when it may hold them all."""
        if self._given.account is None or self.allowed >= self._wants:
            return ""
        waiting = f"account {self._given.account.account} has not answered yet"
        return self._state.grant.reason if self._state.grant.number else waiting

    @property
    def is_told(self) -> bool:
        """Whether the account knows all it must know, and no older message can reach it later."""
        return self._given.account is None or not (self._on_its_way or self._must_tell)

    def want(self, lanes: int) -> None:
        """Say how many lanes could be used now. Not to be lowered only because the history continues as new."""
        self._state.wants = max(0, lanes)

    def granted(self, grant: LaneGrant) -> None:
        """Take note of a grant, which will be answered; one that is older than the last grants nothing."""
        last = self._state.grant
        if grant.number > last.number:
            self._state.grant = grant
        # Counting from an older number, it has forgotten or mistaken something, and has to be told anew.
        self._mistaken |= grant.number < last.number

    async def keep_told(self, request: Callable[[LaneRequest], Awaitable[None]], every: float = TELL_AGAIN) -> None:
        """Tell the account whatever it must know, one message at a time. Never returns while there is an account.

        ``every`` so many seconds a campaign that holds or wants lanes repeats itself.
        """
        if self._given.account is None:
            return
        info = workflow.info()
        self.introduce(info.workflow_id, info.run_id, info.start_time.timestamp())
        while True:
            again_after = every if self._is_concerned else None
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self._must_tell, timeout=again_after, timeout_summary="tell the account again"
                )
            await request(self.compose())
            self._on_its_way = False

    def introduce(self, workflow_id: str, chain: str, born: float) -> None:
        """Say who speaks: the workflow, its run, and the epoch second at which that began."""
        self._origin = self._origin.model_copy(update={"workflow_id": workflow_id, "chain": chain, "born": born})

    def compose(self) -> LaneRequest:
        """Write the next message, which is on its way from now on. What it does not want is given up here."""
        grant = self._state.grant
        self._state.requests += 1
        self._state.grant = grant.model_copy(update={"lanes": min(grant.lanes, self._wants)})
        self._told = self._origin.model_copy(
            update={
                "number": self._state.requests,
                "wants": self._wants,
                "holds": self._state.grant.lanes,
                "excess": self._excess,
                "seen": grant.number,
            }
        )
        self._on_its_way, self._mistaken = True, False
        return self._told

    @property
    def _wants(self) -> int:
        return min(self._state.lanes, self._state.wants)

    @property
    def _excess(self) -> int:
        return max(0, self._busy() - self.allowed)

    @property
    def _is_concerned(self) -> bool:
        return self._wants > 0 or self._state.grant.lanes > 0 or self._busy() > 0

    @property
    def _must_tell(self) -> bool:
        told = self._told
        if told is None or self._mistaken:
            return True
        now = (self._wants, self._excess, self._state.grant.number)
        return (told.wants, told.excess, told.seen) != now
