"""Those who deal with the sandbox's Retell in its tests: the real SDK, and what is asked of a call again and again."""

from __future__ import annotations

from typing import Any

import retell
from retell.types import PhoneCallResponse

from clarion.sandbox.server import Sandbox
from tests.sandbox.parties import Sender, eventually

KEY = "key_of_ours"
GOOD = "+14155559108"
"""Any number that a person is sure to answer."""


def sdk(sandbox: Sandbox, key: str = KEY) -> retell.AsyncRetell:
    """The real client, which tries once."""
    return retell.AsyncRetell(api_key=key, base_url=sandbox.url, max_retries=0)


async def analysed(client: retell.AsyncRetell, call_id: str) -> PhoneCallResponse:
    """Fetch the call again and again until it is over and assessed."""
    found: list[PhoneCallResponse] = []

    async def there() -> bool:
        call = await client.call.retrieve(call_id)
        assert isinstance(call, PhoneCallResponse)
        found.append(call)
        return call.call_analysis is not None

    await eventually(there)
    return found[-1]


async def effects(sender: Sender) -> dict[str, Any]:
    return dict((await sender.control("GET", "effects"))["retell"]["calls"])
