"""Who looks at a page: the key of the session, what it may do, and the installation as its tenant may use it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from clarion.domain.errors import ClarionError
from clarion.domain.rights import Rights
from clarion.store.keys import ApiKey
from starter.dashboard.sessions import COOKIE, Sessions
from starter.rest.problems import NotAllowed
from starter.wiring import Installation


class SignedOut(ClarionError):
    """Nobody is signed in, or the session is over."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who is signed in."""

    key: ApiKey
    clarion: Installation
    """Everything the visitor's tenant has, and nothing else."""

    @property
    def tenant(self) -> str:
        """Whose campaigns the visitor sees."""
        return self.clarion.settings.tenant

    @property
    def operates(self) -> bool:
        """Whether the visitor may start and steer campaigns."""
        return self.key.rights.allow(Rights.OPERATE)

    @property
    def administers(self) -> bool:
        """Whether the visitor may take people off the do-not-contact list."""
        return self.key.rights.allow(Rights.ADMIN)


def installation_of(request: Request) -> Installation:
    """Return what the dashboard was built on."""
    return cast("Installation", request.app.state.installation)


def needs(wanted: Rights) -> Callable[[Request], Awaitable[Visitor]]:
    """Make the dependency that lets in who is signed in and has these rights."""

    async def visitor(request: Request) -> Visitor:
        installation = installation_of(request)
        cookie = request.cookies.get(COOKIE, "")
        key = await Sessions(installation.store).recognise(cookie, time.time())
        if key is None:
            raise SignedOut("you are not signed in, or your session is over; sign in with an API key")
        found = Visitor(key, installation.for_tenant(key.tenant))
        request.state.visitor = found
        if not key.rights.allow(wanted):
            raise NotAllowed(f"your key may {key.rights}, and this needs {wanted}; sign in with a key that may")
        return found

    return visitor


Reader = Annotated[Visitor, Depends(needs(Rights.READ))]
Operator = Annotated[Visitor, Depends(needs(Rights.OPERATE))]
Admin = Annotated[Visitor, Depends(needs(Rights.ADMIN))]
