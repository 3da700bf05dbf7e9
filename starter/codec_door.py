"""The codec server for the Temporal Web UI: shows in clear what the installation's keys have encrypted.

In the Web UI, set the codec endpoint to the web door's address with /codec. It asks with the access token of the UI's
own sign-in, where "Pass the user access token" is on; that token has to be an API key of the installation's tenant with
the right admin, as an execution's inputs are of any tenant.
"""

from __future__ import annotations

import base64
import binascii
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel, ConfigDict
from temporalio.api.common.v1 import Payload

from clarion.codec import EncryptingCodec, parse_keys
from clarion.domain.errors import BadInput
from clarion.domain.rights import Rights
from starter.rest.callers import bearer, caller_of, installation_of
from starter.rest.problems import NotAllowed, tell_problems
from starter.wiring import Installation

MOST = 1_000
"""Payloads in one request."""


class WirePayload(BaseModel):
    """A payload as protobuf writes it in JSON: bytes are base64."""

    model_config = ConfigDict(frozen=True)

    metadata: dict[str, str] = {}
    data: str = ""

    def read(self) -> Payload:
        """Return the payload. Raises BadInput."""
        try:
            metadata = {name: base64.b64decode(value, validate=True) for name, value in self.metadata.items()}
            return Payload(metadata=metadata, data=base64.b64decode(self.data, validate=True))
        except (binascii.Error, ValueError):
            raise BadInput("payloads: what is no base64 cannot be decoded; send them as Temporal wrote them") from None

    @classmethod
    def of(cls, payload: Payload) -> WirePayload:
        """Write a payload."""
        metadata = {name: base64.b64encode(value).decode() for name, value in payload.metadata.items()}
        return cls(metadata=metadata, data=base64.b64encode(payload.data).decode())


class Payloads(BaseModel):
    """Several payloads."""

    model_config = ConfigDict(frozen=True)

    payloads: tuple[WirePayload, ...] = ()


def add_codec(app: FastAPI, installation: Installation) -> None:
    """Mount the codec server under /codec, where there are keys."""
    keys = parse_keys(installation.settings.payload_keyring)
    if keys:
        app.mount("/codec", _codec_app(installation, EncryptingCodec(keys)))


def _codec_app(installation: Installation, codec: EncryptingCodec) -> FastAPI:
    app = FastAPI(title="Clarion codec", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.installation = installation
    tell_problems(app)
    if (ui := installation.settings.temporal_ui_url) is not None:
        address = urlsplit(ui)
        app.add_middleware(
            CORSMiddleware,
            allow_origins=[f"{address.scheme}://{address.netloc}"],
            allow_methods=["POST"],
            allow_headers=["Authorization", "Content-Type", "X-Namespace"],
        )

    @app.post("/decode", dependencies=[Depends(_needs_admin)])
    async def decode(given: Payloads) -> Payloads:
        return _written(await codec.decode(_read(given)))

    @app.post("/encode", dependencies=[Depends(_needs_admin)])
    async def encode(given: Payloads) -> Payloads:
        return _written(await codec.encode(_read(given)))

    return app


async def _needs_admin(
    request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> None:
    installation = installation_of(request)
    caller = await caller_of(installation, given.credentials if given else "", Rights.ADMIN)
    if caller.tenant != installation.settings.tenant:
        raise NotAllowed("what Temporal keeps is of all tenants; use an admin key of the installation's own tenant")


def _read(given: Payloads) -> list[Payload]:
    if len(given.payloads) > MOST:
        raise BadInput(f"payloads: {len(given.payloads)} are too many at once; send at most {MOST}")
    return [payload.read() for payload in given.payloads]


def _written(payloads: list[Payload]) -> Payloads:
    return Payloads(payloads=tuple(WirePayload.of(payload) for payload in payloads))
