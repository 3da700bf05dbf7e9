"""Records the golden history of a hook anew, on purpose: ``python -m tests.replay.record_hook``.

Nothing is sent, so the history holds nobody's data. See record.py for when to do this.
"""

from __future__ import annotations

import asyncio

from clarion.hook_contracts import HookReport
from tests.replay.record import HISTORIES, write
from tests.workflows.hooked import hooked
from tests.workflows.stage import Stage, join_server, real_server
from workflows.hooks import HookWorkflow


async def watched(stage: Stage) -> None:
    """Looked after three times, woken, switched off."""
    async with hooked(stage, HookReport(delivered=3), HookReport(delivered=1, failed=2, dead=1), hook_id="h1") as line:
        await line.until_looking(3)
        await line.handle.signal(HookWorkflow.wake)
        await line.end()
        write("hooks/watched", (await line.handle.fetch_history()).to_json())


async def record() -> None:
    """Record it."""
    (HISTORIES / "hooks").mkdir(parents=True, exist_ok=True)
    with real_server() as address:
        await watched(Stage(await join_server(address), queue="clarion"))


if __name__ == "__main__":
    asyncio.run(record())
