"""Work that goes on beside a campaign's lanes: one activity at a time, called off when it must not go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from clarion.contracts import LeadReport
    from workflows.steps import Steps
    from workflows.words import is_called_off


class Errand:
    """One activity that is begun again and again, never twice at the same time."""

    def __init__(self, step: Callable[[], Coroutine[object, object, LeadReport]]) -> None:
        """``step`` runs the activity once."""
        self._step = step
        self._task: asyncio.Task[LeadReport] | None = None
        self._called_off = False

    @property
    def busy(self) -> bool:
        """Whether it is under way, or has ended and nobody has taken its report."""
        return self._task is not None

    @property
    def done(self) -> bool:
        """Whether it has ended and its report waits to be taken."""
        return self._task is not None and self._task.done()

    def begin(self) -> None:
        """Begin, unless it is under way."""
        if self._task is None:
            self._task, self._called_off = asyncio.create_task(self._step()), False

    def call_off(self) -> None:
        """Have it end soon; what it has done so far stands in the store."""
        if self._task is not None and not self._task.done() and not self._called_off:
            self._called_off = True
            self._task.cancel()

    def take(self) -> LeadReport | None:
        """Take the report of an execution that has ended; None while it is under way, and when it was called off.

        Raises ActivityError when it could not be done at all.
        """
        if self._task is None or not self._task.done():
            return None
        task, self._task = self._task, None
        try:
            return task.result()
        except (ActivityError, asyncio.CancelledError) as error:
            if self._called_off and is_called_off(error):
                return None
            raise


class Errands:
    """What goes on beside the lanes of a campaign of leads."""

    def __init__(self, steps: Steps) -> None:
        """``steps`` of the campaign."""
        self.fetching = Errand(steps.fetch_leads)
        self.batching = Errand(steps.run_batches)
        self.writing = Errand(steps.write_back)
        self._all = (self.fetching, self.batching, self.writing)

    @property
    def busy(self) -> bool:
        """Whether any is under way, or has a report to be taken."""
        return any(errand.busy for errand in self._all)

    @property
    def any_done(self) -> bool:
        """Whether any has a report to be taken."""
        return any(errand.done for errand in self._all)

    @property
    def all_done(self) -> bool:
        """Whether none is under way."""
        return all(errand.done or not errand.busy for errand in self._all)

    def call_off(self) -> None:
        """Have all of them end soon."""
        for errand in self._all:
            errand.call_off()
