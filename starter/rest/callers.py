"""Who calls: the API key of a request, the rights it has, and the installation as its tenant may use it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from clarion.domain.rights import Rights
from starter.keys import Keys, Refused
from starter.rest.problems import NotAllowed
from starter.wiring import Installation

bearer = HTTPBearer(auto_error=False, description="An API key, as `clarion keys create` makes it.")


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who may come in."""

    key_id: str
    rights: Rights
    clarion: Installation
    """Everything the caller's tenant has, and nothing else."""

    @property
    def tenant(self) -> str:
        """Whose campaigns the caller sees."""
        return self.clarion.settings.tenant


async def caller_of(installation: Installation, token: str, wanted: Rights) -> Caller:
    """Recognise a caller by a key. Raises Refused, or NotAllowed where the key's rights do not suffice."""
    key = await Keys(installation.store).recognise(token, time.time())
    if not key.rights.allow(wanted):
        raise NotAllowed(f"this key may {key.rights}, and this needs {wanted}; use a key with that right")
    return Caller(key.id, key.rights, installation.for_tenant(key.tenant))


def installation_of(request: Request) -> Installation:
    """Return what the application was built on."""
    found = request.app.state.installation
    assert isinstance(found, Installation)  # noqa: S101 - set by rest_app
    return found


def needs(wanted: Rights) -> Callable[..., Awaitable[Caller]]:
    """Make the dependency that lets in who has these rights."""

    async def caller(
        request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]
    ) -> Caller:
        if given is None:
            raise Refused("send an API key as `Authorization: Bearer …`; `clarion keys create` makes one")
        return await caller_of(installation_of(request), given.credentials, wanted)

    return caller


Reader = Annotated[Caller, Depends(needs(Rights.READ))]
Operator = Annotated[Caller, Depends(needs(Rights.OPERATE))]
Admin = Annotated[Caller, Depends(needs(Rights.ADMIN))]
