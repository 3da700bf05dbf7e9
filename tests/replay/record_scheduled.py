"""Records the golden history of a schedule's moment anew, on purpose: ``python -m tests.replay.record_scheduled``.

Nobody is contacted, so the history holds nobody's data. See record.py for when to do this.
"""

from __future__ import annotations

import asyncio

from tests.replay.record import HISTORIES, write
from tests.workflows.stage import Stage, join_server, real_server
from tests.workflows.timetable import Timetable


async def fired(stage: Stage) -> None:
    """A campaign is made and started."""
    table = Timetable(stage)
    async with table.open():
        firing = await table.fire(1_796_200_000.0, "fired")
        await firing.result()
        write("scheduled/fired", (await firing.fetch_history()).to_json())


async def record() -> None:
    """Record it."""
    (HISTORIES / "scheduled").mkdir(parents=True, exist_ok=True)
    with real_server() as address:
        await fired(Stage(await join_server(address), queue="clarion"))


if __name__ == "__main__":
    asyncio.run(record())
