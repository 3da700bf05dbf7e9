"""Records the golden history of an account anew, on purpose: ``python -m tests.replay.record_account``.

Nobody is called, so the history holds nobody's data. See record.py for when to do this.
"""

from __future__ import annotations

import asyncio

from clarion.account_contracts import AccountLimits
from clarion.contracts import AccountRef
from clarion.domain.campaign import Priority
from tests.replay.record import HISTORIES, write
from tests.workflows.callers import House
from tests.workflows.stage import Stage, join_server, real_server

ACCOUNT = AccountRef(tenant="acme", account="main")


async def shared(stage: Stage) -> None:
    """Lanes granted, taken back, queued for, left by a terminated campaign; limits changed and reset; the end."""
    limits = AccountLimits(concurrency=5, campaigns=2, per_second=1.0)
    async with House(stage, limits, account=ACCOUNT).open() as house:
        await house.starts("low", calls=9, priority=Priority.LOW)
        await house.until(lambda: house.calls("low") == 5)
        await house.starts("high", calls=9, priority=Priority.HIGH)
        await house.until_sees("low", 1)
        await house.starts("queued", calls=2)
        await house.until_known(lambda state: len(state.holders) == 3)
        house.ends_calls("low", 4)
        await house.until(lambda: house.calls("high") == 4)
        await house.change("set_limits", AccountLimits(concurrency=3, per_second=0.5))
        await house.until_sees("high", 2)
        await house.change("reset_limits")
        await house.callers["low"].terminate("an operator")
        await house.until_known(lambda state: any(not holder.alive for holder in state.holders.values()))
        await house.owner.cancel()
        house.board.lasting = 0.01
        for name in ("high", "queued"):
            await house.callers[name].result()
        await house.owner.result()
        write("accounts/shared", (await house.owner.fetch_history()).to_json())


async def record() -> None:
    """Record it."""
    (HISTORIES / "accounts").mkdir(parents=True, exist_ok=True)
    with real_server() as address:
        await shared(Stage(await join_server(address), queue="clarion"))


if __name__ == "__main__":
    asyncio.run(record())
