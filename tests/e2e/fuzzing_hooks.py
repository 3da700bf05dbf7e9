"""What schemathesis does to each generated request before it is sent: nothing is told to anybody outside."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import schemathesis
from schemathesis import Case, HookContext

NOWHERE = "http://127.0.0.1:9/hook"


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Have webhooks that would be sent go to this machine."""
    del context, kwargs
    body = case.body
    if case.path.startswith("/hooks") and isinstance(body, dict) and isinstance(body.get("url"), str):
        try:
            goes_out = bool(urlsplit(body["url"]).hostname)
        except ValueError:
            goes_out = False
        if goes_out:
            case.body = {**body, "url": NOWHERE}
