"""One account: grants its lanes to campaigns and takes them back, by priority and fair share, until nobody needs it.

It runs on while nobody asks, which costs nothing: no timer is set then. Ended from outside, it is started again by the
next request of any campaign, and gives no more lanes until those that hold some have had the time to say so.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from activities.accounts import AccountActivities
    from clarion.account_contracts import (
        AccountChange,
        AccountInput,
        AccountLimits,
        AccountState,
        LaneNews,
        Survey,
    )
    from workflows.account_desk import Desk
    from workflows.account_showing import details
    from workflows.words import refuse

QUICK = timedelta(seconds=30)
RETRY = RetryPolicy(initial_interval=timedelta(seconds=0.5), maximum_interval=timedelta(seconds=10))


@workflow.defn(name="AccountWorkflow")
class AccountWorkflow:
    """Owns the lanes of one account."""

    @workflow.init
    def __init__(self, given: AccountInput) -> None:
        """Begin, or take over from an earlier run."""
        self.given = given
        until = workflow.time() + given.timing.listen if given.again else 0.0
        self.state = given.carried or AccountState(settings=given.settings, listens_until=until)
        self.desk = Desk(given.account.account, self.state, given.timing)
        self.stirred = False
        """Something has happened that the desk has not looked at."""
        self.in_doubt = False
        """A campaign could not be told what it was granted."""
        self.surveying = False
        self.sending: dict[str, asyncio.Task[None]] = {}

    @workflow.run
    async def run(self, given: AccountInput) -> AccountLimits:
        """Run until somebody asks it to end and nobody needs it. Temporal's request to cancel is such a request."""
        del given
        beside = [asyncio.create_task(self._keep_surveyed()), asyncio.create_task(self._keep_paced())]
        while not self._may_end():
            self.stirred = False
            self.desk.settle(workflow.time())
            self._send()
            workflow.set_current_details(details(self.given.account, self.state))
            await self._wait()
        for task in beside:
            task.cancel()
        if self.state.holders or not self.state.leaving:
            self.state.runs += 1
            workflow.continue_as_new(self.given.model_copy(update={"carried": self.state, "again": False}))
        return self.state.limits

    # What campaigns and people can ask for. At most one argument, always optional: an empty box in the Web UI is none.

    @workflow.signal(description="A campaign says what lanes it holds and wants. Sent by campaigns only.")
    def lanes_wanted(self, news: LaneNews | None = None) -> None:
        """Take note of a campaign's request."""
        if news is not None:
            self.desk.hear(news, workflow.time())
            self.stirred = True

    @workflow.update(description='Change limits: {"concurrency": 20, "campaigns": 2, "per_second": 1}, or any of them.')
    async def set_limits(self, limits: AccountLimits | None = None) -> AccountLimits:
        """Change limits; returns those that hold once the rates are written."""
        self.state.changed = (limits or AccountLimits()).over(self.state.changed)
        return await self._limits_changed()

    @set_limits.validator
    def _check_limits(self, limits: AccountLimits | None = None) -> None:
        if limits is None or limits == AccountLimits():
            refuse('say which limit, as {"concurrency": 20, "per_second": 1}')

    @workflow.update(description='Back to the settings. Optional input: the names of limits, as ["per_second"].')
    async def reset_limits(self, names: list[str] | None = None) -> AccountLimits:
        """Let the settings decide again, about all limits or about some."""
        self.state.changed = self.state.changed.without(names or [])
        return await self._limits_changed()

    @reset_limits.validator
    def _check_names(self, names: list[str] | None = None) -> None:
        unknown = [name for name in names or [] if name not in AccountLimits.model_fields]
        if unknown:
            refuse(f'there is no limit "{unknown[0]}"; there are {", ".join(AccountLimits.model_fields)}')

    @workflow.query(description="Who holds lanes, who waits and why, and the limits that hold.")
    def lanes(self) -> AccountState:
        """Tell how the account stands."""
        return self.state

    # What it does by itself.

    async def _wait(self) -> None:
        listens = self.state.listens_until - workflow.time()
        try:
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: self.stirred or self._may_end(),
                    timeout=listens if listens > 0 else None,
                    timeout_summary="listens to who holds lanes",
                )
        except asyncio.CancelledError:
            self.state.leaving = True

    def _may_end(self) -> bool:
        wished = self._is_long() or (self.state.leaving and not self.state.holders)
        return wished and not self.stirred and self._is_quiet()

    def _is_quiet(self) -> bool:
        """Whether nothing is on its way that the next run could not know of."""
        idle = not self.sending and not self.surveying and not self.desk.owed()
        return idle and self._is_paced() and workflow.all_handlers_finished()

    def _is_long(self) -> bool:
        return workflow.info().is_continue_as_new_suggested()

    def _send(self) -> None:
        """Tell everybody who is owed a grant; whoever is slow to reach keeps nobody else waiting."""
        for campaign in self.desk.owed():
            if campaign not in self.sending:
                self.sending[campaign] = asyncio.create_task(self._tell(campaign))

    async def _tell(self, campaign: str) -> None:
        try:
            while (grant := self.desk.take(campaign)) is not None:
                try:
                    await workflow.get_external_workflow_handle(campaign).signal("lanes_granted", grant)
                except FailureError:  # what it is owed since then is tried as well: no run ends while anything is owed
                    self.in_doubt = True
        finally:
            del self.sending[campaign]

    async def _keep_surveyed(self) -> None:
        """Look again and again whether those that hold or want lanes still run."""
        while True:
            await workflow.wait_condition(lambda: bool(self.state.holders) and not self._is_long())
            with suppress(TimeoutError):
                pause = self.given.timing.survey
                await workflow.wait_condition(lambda: self.in_doubt, timeout=pause, timeout_summary="next survey")
            asked = tuple(holder.request for holder in self.state.holders.values())
            self.in_doubt, self.surveying = False, True
            census = await workflow.execute_activity_method(
                AccountActivities.survey,
                Survey(account=self.given.account, campaigns=asked),
                start_to_close_timeout=QUICK,
                retry_policy=RETRY,
                summary=f"do {len(asked)} campaigns still run?",
            )
            self.desk.count(asked, census, workflow.time())
            self.surveying, self.stirred = False, True

    async def _keep_paced(self) -> None:
        """Write the rates that are wanted whenever they differ from those that are written."""
        while True:
            await workflow.wait_condition(lambda: not self._is_paced())
            wanted = self._rates()
            await workflow.execute_activity_method(
                AccountActivities.change_account,
                AccountChange(account=self.given.account, limits=wanted),
                start_to_close_timeout=QUICK,
                retry_policy=RETRY,
                summary="rates",
            )
            self.state.paced = wanted

    def _rates(self) -> AccountLimits:
        """The rates that have to stand in the store; none while the settings decide."""
        changed = self.state.changed.rates
        return self.state.limits.rates if changed != AccountLimits() else changed

    def _is_paced(self) -> bool:
        return self.state.paced == self._rates()

    async def _limits_changed(self) -> AccountLimits:
        self.stirred = True
        await workflow.wait_condition(self._is_paced)
        return self.state.limits
