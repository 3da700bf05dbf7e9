"""Sessions: who has logged in, and until when that counts."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from clarion.sandbox.salesforce.settings import SalesforceSettings

ORGANIZATION = "00D58000000SandEAA"
_OURS = f"{ORGANIZATION[:15]}!"


@dataclass(slots=True)
class _Session:
    began: float
    requests: int = 0
    expired: bool = False


class Sessions:
    """All sessions since the start or the last reset.

    A token that was not given out here is a session that somebody was handed elsewhere: it is taken as it comes and
    ends like the others, and no login brings it back.
    """

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}

    def open(self, now: float) -> str:
        """Begin a session; returns its id."""
        # From real randomness even with a seed: a restarted sandbox must not hand out known ids again.
        token = _OURS + secrets.token_urlsafe(72)
        self._sessions[token] = _Session(now)
        return token

    def use(self, token: str, now: float, settings: SalesforceSettings) -> bool:
        """Count a request of this session; False when the session is over or never was."""
        session = self._sessions.get(token)
        if session is None:
            if not token or token.startswith(_OURS):
                return False
            session = self._sessions[token] = _Session(now)
        if settings.session_seconds is not None and now - session.began >= settings.session_seconds:
            session.expired = True
        if settings.session_requests is not None and session.requests >= settings.session_requests:
            session.expired = True
        session.requests += 1
        return not session.expired

    def expire(self) -> int:
        """End every session; returns how many were still going on."""
        going = [session for session in self._sessions.values() if not session.expired]
        for session in going:
            session.expired = True
        return len(going)
