"""Decisions that look random and are not: the same seed and key always decide the same; no state here."""

from __future__ import annotations

import hashlib
import struct

_SIXTEEN = struct.Struct("<16I")


class Decisions:
    """Turns a key (a phone number, say) into shares between 0 and 1 that depend only on the seed and the key."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._salt = f"{seed}/".encode()

    def shares(self, key: str) -> tuple[float, float, float, float]:
        """Return four independent numbers in [0, 1) for this key."""
        digest = hashlib.blake2b(self._salt + key.encode(), digest_size=16).digest()
        first, second, third, fourth = struct.unpack("<4I", digest)
        return first / 2**32, second / 2**32, third / 2**32, fourth / 2**32

    def numbers(self, key: str) -> tuple[int, ...]:
        """Return sixteen independent numbers of 32 bits for this key."""
        return _SIXTEEN.unpack(hashlib.blake2b(self._salt + key.encode(), digest_size=64).digest())
