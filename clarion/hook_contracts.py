"""What crosses the Temporal boundary about webhooks of ours: which hook, for how long, and counts.

Never where a hook goes, nor what it is sent. As in contracts.py, fields are only ever added, each with a default.
"""

from __future__ import annotations

from pydantic import ConfigDict

from clarion.contracts import Contract


class HookRef(Contract):
    """Which hook."""

    tenant: str
    hook_id: str
    key: int
    """The hook's number in the store."""

    @property
    def workflow_id(self) -> str:
        """The id of the workflow that looks after it."""
        return f"hook/{self.tenant}/{self.hook_id}"


class HookOrder(Contract):
    """Look after a hook for a while."""

    hook: HookRef
    seconds: float


class HookReport(Contract):
    """What one execution has done."""

    ended: bool = False
    """The hook is gone or switched off: nobody has to look after it."""
    delivered: int = 0
    failed: int = 0
    """Tries without success."""
    dead: int = 0
    """Deliveries that were given up."""


class HookTally(Contract):
    """What a hook's workflow remembers, and all that continue-as-new carries over."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    runs: int = 1

    def plus(self, report: HookReport) -> HookTally:
        """This with one more report."""
        return self.model_copy(
            update={
                "delivered": self.delivered + report.delivered,
                "failed": self.failed + report.failed,
                "dead": self.dead + report.dead,
            }
        )


class HookInput(Contract):
    """What a hook's workflow needs to know."""

    hook: HookRef
    seconds: float = 600.0
    """For one execution of looking after it."""
    carried: HookTally = HookTally()
    """What an earlier run handed over at continue-as-new."""


def hook_queue(task_queue: str) -> str:
    """Name the task queue on which hooks are looked after: apart, so that they take no place of a campaign's chunk."""
    return f"{task_queue}-hooks"
