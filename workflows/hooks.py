"""One webhook of ours: has it looked after, some minutes at a time, until it is removed or switched off.

Idle, it costs six events of history every ten minutes and a sign of life each ten seconds. The work is done on a task
queue of its own, so that a receiver that hangs takes no place of a campaign's chunk.
"""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

with workflow.unsafe.imports_passed_through():
    from activities.hooks import HookActivities
    from clarion.hook_contracts import HookInput, HookOrder, HookReport, HookTally, hook_queue
    from workflows.policies import FINAL

GRACE = timedelta(minutes=2)
"""What an execution may take beyond its own seconds: its last deliveries, and removing what is old."""

ALIVE = timedelta(seconds=30)
"""Without a sign of life for so long, another worker goes on."""

RETRY = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30), non_retryable_error_types=FINAL
)


@workflow.defn(name="HookWorkflow")
class HookWorkflow:
    """Looks after one hook."""

    @workflow.init
    def __init__(self, given: HookInput) -> None:
        """Begin, or take over from an earlier run."""
        self.given = given
        self.tally = given.carried
        self.woken = False
        """Somebody has changed the hook since it was looked at last."""

    @workflow.run
    async def run(self, given: HookInput) -> HookTally:
        """Run until nobody has to look after the hook any more."""
        del given
        while True:
            self.woken = False
            report = await self._look_after()
            self.tally = self.tally.plus(report)
            workflow.set_current_details(_details(self.given, self.tally))
            if report.ended and not self.woken:
                return self.tally
            if workflow.info().is_continue_as_new_suggested():
                await workflow.wait_condition(workflow.all_handlers_finished)
                carried = self.tally.model_copy(update={"runs": self.tally.runs + 1})
                workflow.continue_as_new(self.given.model_copy(update={"carried": carried}))

    @workflow.signal(description="The hook was changed. Sent by `clarion hooks` and the REST interface.")
    def wake(self) -> None:
        """Look at the hook again before ending."""
        self.woken = True

    @workflow.query(description="Deliveries so far, by what came of them.")
    def deliveries(self) -> HookTally:
        """Tell how many there have been."""
        return self.tally

    async def _look_after(self) -> HookReport:
        seconds = self.given.seconds
        return await workflow.execute_activity_method(
            HookActivities.watch_hook,
            HookOrder(hook=self.given.hook, seconds=seconds),
            task_queue=hook_queue(workflow.info().task_queue),
            start_to_close_timeout=timedelta(seconds=seconds) + GRACE,
            heartbeat_timeout=ALIVE,
            retry_policy=RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"look after hook {self.given.hook.hook_id}",
        )


def _details(given: HookInput, tally: HookTally) -> str:
    return (
        f"### Hook {given.hook.hook_id} of {given.hook.tenant}\n\n"
        f"{tally.delivered:,} delivered, {tally.failed:,} tries failed, {tally.dead:,} given up, as of the last look · "
        f"run {tally.runs}\n\n"
        f"What was sent: `clarion hooks show {given.hook.hook_id}`. To end it, `clarion hooks remove` it: after "
        "*Terminate* or *Request Cancellation*, `clarion hooks resume` starts it again."
    )
