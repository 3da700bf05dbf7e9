"""What schemathesis does to each generated request before it is sent: nothing is told to anybody outside."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import schemathesis
from schemathesis import Case, HookContext

NOWHERE = "http://127.0.0.1:9/hook"


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Have webhooks that would be sent go to this machine."""
    del context, kwargs
    body = case.body
    url = body.get("url") if isinstance(body, dict) else None
    if case.path.startswith("/hooks") and isinstance(body, dict) and isinstance(url, str) and _goes_out(url):
        case.body = {**body, "url": NOWHERE}


def _goes_out(url: str) -> bool:
    try:
        return bool(urlsplit(url).hostname)
    except ValueError:
        return False
