"""Signs webhooks as Twilio does (its "Webhooks security" page), so that the receiver's check is really exercised."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping


def sign(auth_token: str, url: str, params: Mapping[str, str]) -> str:
    """Return the ``X-Twilio-Signature`` of a form post: full URL, then every name and value, by name."""
    text = url + "".join(name + params[name] for name in sorted(params))
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), "sha1")).decode()
