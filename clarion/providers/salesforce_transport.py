"""The HTTP side of simple-salesforce: its requests sessions, with timeouts, a sandbox's address and failures of ours.

The library sets no timeouts, always speaks to https://….salesforce.com, and a requests session is for one thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from threading import Lock
from typing import TypeAlias
from urllib.parse import urlsplit, urlunsplit

import requests
from requests import exceptions as broken
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NewConnectionError

from clarion.providers.exchange import LONGEST_CONNECT
from clarion.providers.ports import AccountBroken, ProviderError, Unavailable

Timeout: TypeAlias = float | tuple[float | None, float | None] | None
Certificate: TypeAlias = str | tuple[str, str] | None


def timeouts(seconds: float) -> tuple[float, float]:
    """Return how long a connection may take, and how long nothing may be heard on it."""
    return min(LONGEST_CONNECT, seconds / 2), seconds


class Transport(HTTPAdapter):
    """Sends each request once, to ``base_url`` where one is given, whatever host it names."""

    def __init__(self, base_url: str | None, seconds: float, hears: Callable[[Mapping[str, str]], None]) -> None:
        super().__init__()
        self._base = urlsplit(base_url) if base_url else None
        self._timeout = timeouts(seconds)
        self._hears = hears
        self.status: int | None = None
        """Of the last answer, which the library's errors about a login do not tell."""
        self.headers: Mapping[str, str] = {}
        """Of the last answer."""

    def forget(self) -> None:
        """Forget the last answer."""
        self.status, self.headers = None, {}

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 -- requests' own signature
        timeout: Timeout = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 -- the same
        cert: Certificate = None,
        proxies: dict[str, str] | None = None,
    ) -> requests.Response:
        """Send one request; ``timeout`` is in seconds, None (a login) waits as long as the account says."""
        self.forget()
        if self._base is not None:
            asked = urlsplit(request.url or "")
            request.headers["Host"] = str(asked.netloc)
            there = self._base._replace(path=f"{self._base.path}{asked.path}", query=str(asked.query))
            request.url = urlunsplit(there)
        answer = super().send(request, stream, timeout or self._timeout, verify, cert, proxies)
        self.status, self.headers = answer.status_code, answer.headers
        self._hears(answer.headers)
        return answer


class Web(requests.Session):
    """A session without cookies, redirects or the environment's proxies and passwords. For one thread at a time."""

    def __init__(self, transport: Transport) -> None:
        super().__init__()
        self.transport = transport
        self.trust_env = False  # a .netrc would replace the session's token
        self.max_redirects = 0  # a login's password must not follow one
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.mount("https://", transport)


class Webs:
    """Keeps sessions for whoever asks next: as many as threads ask at once. May be used from any thread."""

    def __init__(self, make: Callable[[], Web]) -> None:
        self._make = make
        self._lock = Lock()
        self._idle: list[Web] = []
        self._closed = False

    @contextmanager
    def one(self) -> Iterator[Web]:
        """Lend a session. Raises Unavailable once it is closed."""
        with self._lock:
            if self._closed:
                raise Unavailable("The connection to Salesforce is closed: this process is ending.")
            web = self._idle.pop() if self._idle else self._make()
        try:
            yield web
        finally:
            with self._lock:
                keeps = not self._closed
                if keeps:
                    self._idle.append(web)
            if not keeps:
                web.close()

    def close(self) -> None:
        """Close the connections; those in use close when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for web in idle:
            web.close()


CANNOT_CONNECT = (
    "Salesforce cannot be reached at {host}: no connection could be made; check the network and the address"
)
FAILURES: Mapping[type[requests.RequestException], tuple[type[ProviderError], str]] = {
    broken.ConnectTimeout: (Unavailable, "Salesforce cannot be reached at {host}: no connection in time"),
    broken.ReadTimeout: (Unavailable, "Salesforce did not answer in time at {host}"),
    broken.SSLError: (Unavailable, "Salesforce cannot be reached at {host}: its certificate is not accepted"),
    broken.JSONDecodeError: (Unavailable, "What was answered at {host} cannot be read"),
    broken.TooManyRedirects: (
        AccountBroken,
        "{host} points to another address; check domain, instance_url and base_url",
    ),
    broken.InvalidURL: (AccountBroken, "The address {host} is none; check domain, instance_url and base_url"),
    broken.InvalidHeader: (AccountBroken, "The account's session cannot be sent; check session_id"),
}
"""By requests' kind of failure, the first that fits; whatever else happens has broken the connection."""
BROKEN = "The connection to Salesforce at {host} broke before its answer was complete"


def failure(error: requests.RequestException) -> ProviderError:
    """Return what a failed way there or back means; requests' own texts name the whole address, lead ids included."""
    asked = error.request.url if error.request is not None else None
    host = urlsplit(str(asked or "")).netloc or "of the account"
    usual = CANNOT_CONNECT if _never_connected(error) else BROKEN
    kinds = (meaning for kind, meaning in FAILURES.items() if isinstance(error, kind))
    raises, sentence = next(kinds, (Unavailable, usual))
    return raises(f"{sentence.format(host=host)}.")


def _never_connected(error: requests.RequestException) -> bool:
    """Whether requests wraps urllib3's word that no connection was made: refused, or the name is not known."""
    return any(isinstance(getattr(cause, "reason", None), NewConnectionError) for cause in error.args)
