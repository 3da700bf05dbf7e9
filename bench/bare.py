"""What Clarion is measured against: a bare asyncio loop with the same SDK, and nothing that survives a crash.

python -m bench.bare SANDBOX AUDIENCE LANES prints {seconds, cpu_seconds, sent}.
"""

from __future__ import annotations

import asyncio
import csv
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from clarion.providers.ports import OutgoingText
from clarion.providers.twilio import TwilioMessenger, open_twilio
from clarion.settings import Account


async def open_account(sandbox: str) -> TwilioMessenger:
    """Open the sandbox's account through the SDK, without receipts."""
    account = Account(
        sid="AC" + "0" * 32, auth_token=SecretStr("sandbox"), from_number="+15005550006", base_url=sandbox
    )
    return await open_twilio(account, None)


def texts(audience: Path) -> Iterator[OutgoingText]:
    """The texts to send, one for each row."""
    with audience.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), 1):
            body = f"Hi {row['first_name']}, your service is due. Reply STOP to opt out."
            yield OutgoingText(f"bare-{number}", row["phone"], body)


async def run(sandbox: str, audience: Path, lanes: int) -> dict[str, float]:
    """Send everything with so many tasks at once."""
    messenger = await open_account(sandbox)
    waiting = texts(audience)
    sent = 0

    async def lane() -> None:
        nonlocal sent
        for text in waiting:
            await messenger.send(text)
            sent += 1

    began, used = time.monotonic(), _cpu()
    await asyncio.gather(*(lane() for _ in range(lanes)))
    seconds, cpu = time.monotonic() - began, _cpu() - used
    await messenger.close()
    return {"seconds": seconds, "cpu_seconds": cpu, "sent": sent}


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))))
