"""Carries webhooks of ours to their receivers: signed after the Standard Webhooks specification, to checked machines.

The name in an address is looked up here, and the connection goes to the very machine that was checked: a name that
stands for a public machine at one moment and for a private one at the next leads nowhere.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

import httpx
from standardwebhooks import Webhook

from clarion.domain.delivery import LONGEST_PATIENCE, Answer
from clarion.domain.hook_address import PRIVATE, is_public

TIMEOUT = 10.0
"""Seconds that one try may take, from looking up the name to the answer's first line."""

FRESH = 30.0
"""Seconds for which the machine that a name stands for is taken as known."""

LOOKUPS = 8
"""Names looked up at once; a resolver that hangs keeps these threads waiting, and nobody else's."""

LONGEST_ANSWER = 16_384
"""Bytes of an answer that are read, so that its connection can be used again."""

Resolver = Callable[[str, int], Sequence[str]]
"""Gives the IP addresses that a name stands for. Blocking; raises OSError."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent where. ``at`` is in epoch seconds."""

    url: str = field(repr=False)
    secret: str = field(repr=False)
    message_id: str
    body: str = field(repr=False)
    at: float


class Wire(Protocol):
    """A way to one receiver, with its connections."""

    async def send(self, parcel: Parcel) -> Answer:
        """Try once; whatever goes wrong is an answer."""
        ...


class NotThere(Exception):
    """A receiver cannot be reached, for a reason that is told in words without its address."""


def resolve(host: str, port: int) -> Sequence[str]:
    """Look a name up as the system does."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class Courier:
    """Opens wires; one for each worker process."""

    def __init__(self, *, to_private: bool, resolver: Resolver = resolve, timeout: float = TIMEOUT) -> None:
        """``to_private``: private and loopback machines may be sent to. ``timeout`` is in seconds."""
        self._to_private = to_private
        self._resolver = resolver
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(LOOKUPS, thread_name_prefix="hook-names")
        self._trust = httpx.create_ssl_context()

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        """Open the connections of one hook; receivers never share any, as these are kept by machine and not by name."""
        # The environment's proxies are not asked: what they connect to is out of our hands.
        async with httpx.AsyncClient(
            verify=self._trust, trust_env=False, follow_redirects=False, timeout=self._timeout
        ) as client:
            yield _Wire(client, self._machines, self._timeout)

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _machines(self, host: str, port: int) -> Sequence[str]:
        """Return where a name may be connected to. Raises NotThere."""
        try:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, self._resolver, host, port)
        except (OSError, UnicodeError):
            raise NotThere("its host name cannot be found") from None
        allowed = [machine for machine in found if self._to_private or is_public(machine)]
        if not allowed:
            raise NotThere(f"its host is {PRIVATE}")
        return allowed


class _Wire:
    def __init__(
        self,
        client: httpx.AsyncClient,
        machines: Callable[[str, int], Awaitable[Sequence[str]]],
        timeout_seconds: float,
    ) -> None:
        self._client = client
        self._find = machines
        self._timeout = timeout_seconds
        self._known: dict[tuple[str, int], tuple[float, Sequence[str]]] = {}
        self._looking = asyncio.Lock()

    async def send(self, parcel: Parcel) -> Answer:
        said: list[Answer] = []
        try:
            async with asyncio.timeout(self._timeout):
                await self._try(parcel, said)
        except TimeoutError:
            failed = f"no answer within {self._timeout:g} s"
        except NotThere as error:
            failed = str(error)
        except httpx.ConnectError as error:
            self._known.clear()
            failed = _why_no_connection(error)
        except (httpx.InvalidURL, UnicodeError):
            failed = "its address cannot be used"
        except (httpx.HTTPError, ssl.SSLError, OSError):
            failed = "the connection broke before there was an answer"
        else:
            failed = ""
        # Once it has been said, the answer counts, even if its rest never comes.
        return said[0] if said else Answer(None, failed)

    async def _try(self, parcel: Parcel, said: list[Answer]) -> None:
        url = httpx.URL(parcel.url)
        host, port = url.raw_host.decode("ascii").strip("[]"), url.port or (443 if url.scheme == "https" else 80)
        machine = await self._machine(host, port)
        request = self._client.build_request(
            "POST",
            url.copy_with(host=machine),
            content=parcel.body.encode(),
            headers={**_signed(parcel), "Host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": host},
        )
        answer = await self._client.send(request, stream=True)
        try:
            said.append(_read(answer, parcel.at))
            read = 0
            with suppress(httpx.HTTPError):
                async for part in answer.aiter_raw():
                    read += len(part)
                    if read > LONGEST_ANSWER:
                        break
        finally:
            await answer.aclose()

    async def _machine(self, host: str, port: int) -> str:
        now = asyncio.get_running_loop().time()
        async with self._looking:
            until, machines = self._known.get((host, port), (0.0, ()))
            if now >= until:
                machines = await self._find(host, port)
                self._known = {(host, port): (now + FRESH, machines)}
        return machines[0]


def _signed(parcel: Parcel) -> dict[str, str]:
    at = datetime.fromtimestamp(parcel.at, UTC)
    return {
        "Content-Type": "application/json",
        "User-Agent": "Clarion",
        "webhook-id": parcel.message_id,
        "webhook-timestamp": str(int(parcel.at)),
        "webhook-signature": Webhook(parcel.secret).sign(parcel.message_id, at, parcel.body),
    }


def _read(answer: httpx.Response, now: float) -> Answer:
    status = answer.status_code
    patience = _patience(answer.headers.get("retry-after"), now)
    if 200 <= status < 300:
        return Answer(status)
    if answer.has_redirect_location:
        return Answer(status, f"it answered {status}; redirects are not followed, give the address they lead to")
    return Answer(status, f"it answered {status}", patience)


def _patience(text: str | None, now: float) -> float | None:
    """Read Retry-After: seconds, or a date."""
    if text is None:
        return None
    if text.strip().isascii() and text.strip().isdigit():
        return min(float(text.strip()[:9]), LONGEST_PATIENCE)
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return min(max(aware.timestamp() - now, 0.0), LONGEST_PATIENCE)


def _why_no_connection(error: httpx.ConnectError) -> str:
    said = str(error)
    if "CERTIFICATE_VERIFY_FAILED" in said:
        _, _, why = said.partition("certificate verify failed: ")
        return f"its certificate is not trusted ({why.partition(' (_ssl')[0] or 'it cannot be verified'})"
    if "SSL" in said:
        return "no safe connection could be agreed on with it (TLS)"
    return "nobody takes connections there"
