"""Words Retell's webhooks and signs them with the API key (its "Webhook overview" page)."""

from __future__ import annotations

import hmac
import json
import time

from clarion.sandbox.callbacks import Post
from clarion.sandbox.retell.calls import RetellCall


def sign(api_key: str, body: bytes, now_ms: int) -> str:
    """Return the ``x-retell-signature`` of a body posted at ``now_ms`` (epoch milliseconds)."""
    digest = hmac.digest(api_key.encode(), body + str(now_ms).encode(), "sha256").hex()
    return f"v={now_ms},d={digest}"


def tell(call: RetellCall, event: str, url: str, *, natural: bool) -> Post | None:
    """Tell of an event in a call's life, with the call as it was then.

    None when the event has not come about: of a call that was stopped, the ``natural`` ones that were still to come.
    """
    phone = call.phone
    if event == "call_started":
        if not phone.was_answered:
            return None
        at = call.starts_at
    else:
        if natural and phone.over_at < phone.ends_at:
            return None
        at = phone.over_at if event == "call_ended" else call.analysed_at
    body = json.dumps({"event": event, "call": call.view(at)}, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "x-retell-signature": sign(phone.account, body, round(time.time() * 1000)),
    }
    return Post(url, body, headers, call.told)
