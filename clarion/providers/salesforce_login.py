"""Logging in to Salesforce, in the five ways that an account can be set up, and renewing a session that has ended."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeAlias
from urllib.parse import urlsplit
from xml.parsers.expat import ExpatError

import requests
from jwt import PyJWTError
from pydantic import SecretStr
from simple_salesforce.exceptions import SalesforceAuthenticationFailed
from simple_salesforce.login import SalesforceLogin

from clarion.domain.errors import BadInput
from clarion.providers.exchange import checked_base, read_retry_after
from clarion.providers.ports import AccountBroken, ProviderError, Unavailable
from clarion.providers.salesforce_errors import login_refusal
from clarion.providers.salesforce_transport import Web, failure
from clarion.settings import Account

USUAL_DOMAIN = "login"
SHARED_DOMAINS = frozenset({"login", "test"})
HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")
OURS = ".salesforce.com"
PATIENCE_WITH_FRESH_SESSIONS = 3
"""New sessions refused one after the other, from which on it is no bad luck any more."""

Login: TypeAlias = Callable[[Web], tuple[str, str]]
"""Returns a session's id and the host that it is for."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a login gives."""

    id: str = field(repr=False)
    instance: str
    """Host, with its port where it has one."""


class Logins:
    """Holds the session that all threads use, and renews it once however many of them find that it has ended."""

    def __init__(self, account: Account) -> None:
        self._session = given_session(account)
        self._login = None if self._session else login_of(account)
        self._lock = Lock()
        self._failure: ProviderError | None = None
        self._refused = 0

    def session(self, web: Web) -> Session:
        """Return the session to use; log in when there is none yet. Raises AccountBroken, Unavailable, RateLimited."""
        return self._session or self.renewed(None, web)

    def renewed(self, ended: Session | None, web: Web) -> Session:
        """Return a session in place of one that has ended; somebody may have logged in meanwhile.

        Whoever waits while a login fails gets the same failure: wrong passwords, tried often enough, lock a user out.
        Raises AccountBroken, Unavailable or RateLimited.
        """
        seen = self._failure
        with self._lock:
            if self._session is not None and self._session is not ended:
                return self._session
            if self._failure is not None and self._failure is not seen:
                raise self._failure
            if self._login is None:
                raise AccountBroken(
                    "Salesforce no longer accepts the session of the account; set a fresh session_id, or credentials "
                    "with which Clarion can log in by itself."
                )
            try:
                self._session = _logged_in(self._login, web)
            except ProviderError as error:
                self._failure = error
                raise
            return self._session

    def accepted(self) -> None:
        """Note that a session works."""
        self._refused = 0

    def refused_anew(self) -> ProviderError:
        """Return the error to raise when a session is refused that was renewed just before."""
        self._refused += 1
        if self._refused < PATIENCE_WITH_FRESH_SESSIONS:
            return Unavailable("Salesforce ended a new session at once; it is asked again.")
        return AccountBroken(
            "Salesforce refuses every new session of the account; check its user's session settings and permissions."
        )


def given_session(account: Account) -> Session | None:
    """Return the session that an account was given, if any. Raises BadInput when its instance_url is no address."""
    if account.login != ("session_id", "instance_url"):
        return None
    try:
        address = urlsplit(checked_base(account.instance_url or "", "https://acme.my.salesforce.com"))
    except BadInput as error:
        raise BadInput(str(error).replace("base_url", "instance_url")) from None
    return Session(_shown(account.session_id), address.netloc)


def login_of(account: Account) -> Login:
    """Return how an account logs in. Raises BadInput when its domain cannot be one."""
    domain = host_of(account.domain)
    # Functions, as the text of a partial would show its secrets.
    match account.login:
        case ("username", "client_id", "private_key"):
            return lambda web: SalesforceLogin(
                session=web,
                domain=domain,
                username=account.username,
                consumer_key=account.client_id,
                privatekey=_shown(account.private_key).replace("\\n", "\n"),  # how one line of a .env holds a PEM key
            )
        case ("username", "password", "security_token"):
            return lambda web: SalesforceLogin(
                session=web,
                domain=domain,
                username=account.username,
                password=_shown(account.password),
                security_token=_shown(account.security_token),
            )
        case ("username", "password", "client_id", "client_secret"):
            return lambda web: SalesforceLogin(
                session=web,
                domain=domain,
                username=account.username,
                password=_shown(account.password),
                consumer_key=account.client_id,
                consumer_secret=_shown(account.client_secret),
            )
    if domain in SHARED_DOMAINS:
        message = f'client credentials are not taken at domain "{domain}"; set domain to your My Domain, as acme.my'
        raise BadInput(message)
    return lambda web: SalesforceLogin(
        session=web,
        domain=domain,
        consumer_key=account.client_id,
        consumer_secret=_shown(account.client_secret),
    )


def host_of(domain: str | None) -> str:
    """Return the part of the login host before .salesforce.com, also from a whole address. Raises BadInput."""
    given = (domain or USUAL_DOMAIN).strip()
    host = given.removeprefix("https://").rstrip("/").removesuffix(OURS)
    if not HOST.fullmatch(host) or host.endswith((".com", ".force")):
        message = f'domain "{given}" of the account is none; give login, test or your My Domain, as acme.my'
        raise BadInput(message)
    return host


def _logged_in(login: Login, web: Web) -> Session:
    """Log in once. Without a cause: the library's errors hold whole answers."""
    web.transport.forget()
    try:
        session, instance = login(web)
        if session and instance:
            return Session(session, instance.rstrip("/"))
        problem: ProviderError = Unavailable("What Salesforce answered to a login cannot be read; it is asked again.")
    except SalesforceAuthenticationFailed as error:
        wait = read_retry_after(web.transport.headers.get("Retry-After"), time.time())
        code = error.code if isinstance(error.code, str) else None
        problem = login_refusal(code, error.auth_message, web.transport.status, retry_after=wait)
    except requests.RequestException as error:
        problem = failure(error)
    except (PyJWTError, ValueError, TypeError, AttributeError, ExpatError):
        problem = (
            AccountBroken("private_key of the account is not an RSA key in PEM format without a passphrase.")
            if web.transport.status is None  # nothing was sent: the request could not be signed
            else Unavailable("What Salesforce answered to a login cannot be read; it is asked again.")
        )
    raise problem


def _shown(secret: SecretStr | None) -> str:
    return "" if secret is None else secret.get_secret_value()
