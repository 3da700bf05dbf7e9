"""Encrypts what Temporal keeps: AES-256-GCM, each payload named after its key, so that keys can be exchanged.

The first key encrypts; all of them decrypt. To exchange keys, put a new one first on every process, and take the old
one out once the namespace's retention has passed. What was written before there were keys stays readable.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable, Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from clarion.domain.errors import BadInput, Conflict

ENCODING = b"binary/encrypted"
KEY_ID = "clarion-key"
KEY_BYTES = 32
NONCE_BYTES = 12
"""The length that AES-GCM is meant for; drawn anew for each payload."""


class EncryptingCodec(PayloadCodec):
    """Encrypts every payload with the first of some keys."""

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """``keys``: 32 bytes each, by id, the encrypting one first. Raises BadInput where there is none."""
        if not keys:
            raise BadInput(_EXPECTED)
        self._current = next(iter(keys))
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Encrypt."""
        return [self._encrypt(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt; what is not encrypted is passed on. Raises Conflict for a key that is not here."""
        return [self._decrypt(payload) for payload in payloads]

    def _encrypt(self, payload: Payload) -> Payload:
        nonce, name = os.urandom(NONCE_BYTES), self._current.encode()
        sealed = self._ciphers[self._current].encrypt(nonce, payload.SerializeToString(), name)
        return Payload(metadata={"encoding": ENCODING, KEY_ID: name}, data=nonce + sealed)

    def _decrypt(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        name = payload.metadata.get(KEY_ID, b"")
        cipher = self._ciphers.get(name.decode(errors="replace"))
        if cipher is None:
            shown = name.decode(errors="replace")[:40]
            message = f'this was encrypted with the key "{shown}", which CLARION_PAYLOAD_KEYS does not have; add it'
            raise Conflict(message)
        try:
            plain = cipher.decrypt(payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:], name)
            return Payload.FromString(plain)
        except (InvalidTag, ValueError, DecodeError):
            shown = name.decode(errors="replace")[:40]
            message = (
                f'this cannot be decrypted: the key "{shown}" in CLARION_PAYLOAD_KEYS is another one, or it was altered'
            )
            raise Conflict(message) from None


_EXPECTED = (
    "CLARION_PAYLOAD_KEYS holds keys as id:base64, separated by commas; `clarion keys payload` makes one of 32 bytes"
)


def parse_keys(text: str) -> dict[str, bytes]:
    """Read the keys of the setting. Raises BadInput, with nothing of a key in it."""
    keys: dict[str, bytes] = {}
    for part in _parts(text):
        key_id, colon, encoded = part.partition(":")
        try:
            key = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not colon or not key_id.isascii() or not key_id.replace("-", "").isalnum() or len(key) != KEY_BYTES:
            raise BadInput(_EXPECTED)
        if key_id in keys:
            raise BadInput(f'CLARION_PAYLOAD_KEYS has two keys of the id "{key_id}"; give each its own')
        keys[key_id] = key
    return keys


def _parts(text: str) -> Iterable[str]:
    return (part.strip() for part in text.split(",") if part.strip())


def new_key(key_id: str) -> str:
    """Make a key as the setting holds it."""
    return f"{key_id}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"
