"""Requests that may be sent again: with the same Idempotency-Key, what has been done is answered and not done twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from clarion.domain.errors import ClarionError
from clarion.store.replies import RENEWED, Beginning, Reply
from starter.campaigns import new_id
from starter.rest.callers import Caller, Operator

REPEATED = "Idempotency-Replayed"
"""The header of an answer that was given before."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered."""

    status: int
    content: BaseModel
    location: str | None = None


@dataclass(frozen=True, slots=True)
class OnceOnly:
    """Runs what a request asks for, unless the same request has done so."""

    caller: Caller
    key: str | None
    about: bytes
    """What is asked, as far as its address and a JSON body say it."""

    def id_for(self, name: str) -> str | None:
        """Return the id of the one campaign that requests with this key make; None without a key."""
        if self.key is None:
            return None
        digest = hashlib.sha256(f"{self.caller.tenant}\n{self.key}".encode()).hexdigest()
        return f"{new_id(name).rpartition('-')[0]}-{digest[:16]}"

    async def __call__(self, work: Callable[[bool], Awaitable[Answer]], more: bytes = b"") -> Response:
        """Answer the request; ``work`` is told whether another process began with it and died.

        ``more`` of what is asked stands for a body that is not JSON. Raises BadInput for a key that was used for
        something else, Conflict while the same request is worked on, and what ``work`` raises: then it may be tried
        again with the same key.
        """
        if self.key is None:
            return _response(_reply(await work(False)))  # noqa: FBT003 - what work takes
        replies, tenant = self.caller.clarion.store.replies, self.caller.tenant
        fingerprint = hashlib.sha256(self.about + b"\n" + more).hexdigest()
        begun = await asyncio.to_thread(replies.begin, tenant, self.key, fingerprint, time.time())
        if isinstance(begun, Reply):
            return _response(begun, repeated=True)
        try:
            async with self._renewed():
                reply = _reply(await work(begun is Beginning.AGAIN))
        except (ClarionError, Exception):
            await asyncio.to_thread(replies.forget, tenant, self.key)
            raise
        await asyncio.to_thread(replies.finish, tenant, self.key, reply)
        return _response(reply)

    @asynccontextmanager
    async def _renewed(self) -> AsyncIterator[None]:
        """Tell everybody that the request is worked on, however long that takes."""
        key, replies = self.key or "", self.caller.clarion.store.replies

        async def renew() -> None:
            while True:
                await asyncio.sleep(RENEWED)
                with suppress(ClarionError):
                    await asyncio.to_thread(replies.renew, self.caller.tenant, key, time.time())

        renewing = asyncio.create_task(renew(), name="idempotency key")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)


async def once_only(
    request: Request,
    caller: Operator,
    idempotency_key: Annotated[
        str | None,
        Header(
            min_length=1,
            max_length=255,
            pattern=r"^[!-~]+$",
            description="Names this request for 24 hours: sent again with the same key and content, it is answered as "
            "before and not done twice. With other content it is refused (422), and while it is worked on (409).",
        ),
    ] = None,
) -> OnceOnly:
    """Make what answers a request once; a dependency."""
    about = f"{request.method} {request.url.path}\n".encode()
    if idempotency_key is not None and "json" in request.headers.get("content-type", ""):
        body = await request.body()
        about += json.dumps(json.loads(body), sort_keys=True).encode() if body else b""
    return OnceOnly(caller, idempotency_key, about)


Once = Annotated[OnceOnly, Depends(once_only)]


def _reply(answer: Answer) -> Reply:
    content = answer.content.model_dump_json(by_alias=True)
    return Reply(answer.status, json.dumps({"location": answer.location, "content": content}))


def _response(reply: Reply, *, repeated: bool = False) -> Response:
    kept = json.loads(reply.body)
    headers = {"Location": kept["location"]} if kept["location"] else {}
    if repeated:
        headers[REPEATED] = "true"
    return Response(kept["content"], reply.status, headers, media_type="application/json")
