"""How Salesforce is logged in to, what its refusals become, and how a session that has ended is renewed once."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Mapping
from threading import Lock
from typing import cast
from xml.etree import ElementTree as ET

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clarion.domain.errors import BadInput
from clarion.providers.ports import AccountBroken, RateLimited, Unavailable
from clarion.providers.salesforce import open_salesforce
from tests.providers.scripted import Step, hangs, says
from tests.providers.scripted_salesforce import (
    ANN,
    CLIENT,
    ENDED,
    GIVEN,
    INSTANCE,
    PASSWORD,
    SOAP,
    account,
    crm_to,
    grants,
    grants_over_soap,
    in_threads,
    refuses,
)

NOTHING = says(200, {"done": True, "records": []})
TOKEN_PATH = "/services/oauth2/token"
SECRETS = ("pass<&>word", "sectoken", "conceal")


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class CountedLock:
    """A lock that knows how many have come to it."""

    def __init__(self) -> None:
        self.came = 0
        self._lock = Lock()

    def __enter__(self) -> None:
        self.came += 1
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def read_xml(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 -- written by our own side


def soap_fault(code: str, status: int = 500, words: str = "pass and token") -> Step:
    detail = f"<sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{words}</sf:exceptionMessage>"
    return says(status, f'<Envelope xmlns:sf="urn:fault"><Body><Fault>{detail}</Fault></Body></Envelope>')


def refuses_oauth(error: str, words: str = "no", status: int = 400) -> Step:
    return says(status, {"error": error, "error_description": words})


async def test_logs_in_over_soap() -> None:
    async with crm_to(grants_over_soap("00Dxx!soap"), NOTHING, login=SOAP) as (crm, salesforce):
        await asyncio.to_thread(crm.check)
    login, asked = salesforce.asked
    assert (login.path, login.headers["Host"]) == ("/services/Soap/u/59.0", "login.salesforce.com")
    said = {part.tag.rpartition("}")[2]: part.text for part in read_xml(login.text).iter()}
    assert (said["username"], said["password"]) == ("ann@example.com", "pass<&>wordsectoken")
    assert (asked.headers["Authorization"], asked.headers["Host"]) == ("Bearer 00Dxx!soap", INSTANCE)


async def test_logs_in_with_a_password_of_oauth() -> None:
    login = {**PASSWORD, "domain": "test"}
    async with crm_to(grants("00Dxx!oauth"), NOTHING, login=login) as (crm, salesforce):
        await asyncio.to_thread(crm.check)
    assert (salesforce.asked[0].path, salesforce.asked[0].headers["Host"]) == (TOKEN_PATH, "test.salesforce.com")
    assert salesforce.asked[0].form == {
        "grant_type": "password",
        "client_id": "key",
        "client_secret": "conceal",
        "username": "ann@example.com",
        "password": "pass<&>word",
    }
    assert salesforce.asked[1].headers["Authorization"] == "Bearer 00Dxx!oauth"


async def test_logs_in_with_client_credentials() -> None:
    async with crm_to(grants(), NOTHING, login=CLIENT) as (crm, salesforce):
        await asyncio.to_thread(crm.check)
    asked = salesforce.asked[0]
    assert (asked.path, asked.headers["Host"]) == (TOKEN_PATH, "acme.my.salesforce.com")
    assert asked.form == {"grant_type": "client_credentials"}
    assert asked.headers["Authorization"] == "Basic " + base64.b64encode(b"key:conceal").decode()


@pytest.mark.parametrize("written", ["as a file", "as one line"])
async def test_logs_in_with_a_signed_token(private_key: str, written: str) -> None:
    key = private_key if written == "as a file" else private_key.replace("\n", "\\n")
    login = {"username": "ann@example.com", "client_id": "key", "private_key": key}
    async with crm_to(grants(), NOTHING, login=login) as (crm, salesforce):
        await asyncio.to_thread(crm.check)
    form = salesforce.asked[0].form
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = json.loads(base64.urlsafe_b64decode(form["assertion"].split(".")[1] + "=="))
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("key", "ann@example.com", "https://login.salesforce.com")


async def test_a_session_that_was_given_needs_no_login() -> None:
    async with crm_to(NOTHING) as (crm, salesforce):
        await asyncio.to_thread(crm.check)
    assert salesforce.paths == ["query/"]


@pytest.mark.parametrize(
    "domain", ["acme.my", "https://acme.my.salesforce.com/", "acme.my.salesforce.com", " acme.my "]
)
async def test_the_domain_may_be_written_out(domain: str) -> None:
    async with crm_to(grants(), NOTHING, login={**CLIENT, "domain": domain}) as (crm, salesforce):
        await asyncio.to_thread(crm.check)
    assert salesforce.asked[0].headers["Host"] == "acme.my.salesforce.com"


@pytest.mark.parametrize("domain", ["acme.lightning.force.com", "http://acme", "a/b", "example.com", "-"])
def test_a_domain_that_is_none_is_refused_at_once(domain: str) -> None:
    with pytest.raises(BadInput, match="give login, test or your My Domain"):
        open_salesforce(account(None, {**SOAP, "domain": domain}))


@pytest.mark.parametrize("domain", ["login", "test"])
def test_client_credentials_need_a_domain_of_ones_own(domain: str) -> None:
    with pytest.raises(BadInput, match="set domain to your My Domain"):
        open_salesforce(account(None, {**CLIENT, "domain": domain}))


@pytest.mark.parametrize("key", ["none", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
async def test_a_key_that_is_none_is_told_before_anything_is_sent(key: str) -> None:
    login = {"username": "ann@example.com", "client_id": "key", "private_key": key}
    async with crm_to(grants(), login=login) as (crm, salesforce):
        with pytest.raises(AccountBroken, match="private_key of the account is not an RSA key"):
            await asyncio.to_thread(crm.check)
    assert salesforce.asked == []


@pytest.mark.parametrize(
    ("login", "step", "expected", "words"),
    [
        (SOAP, soap_fault("INVALID_LOGIN"), AccountBroken, r"password or security token.*\(INVALID_LOGIN\)\."),
        (SOAP, soap_fault("LOGIN_MUST_USE_SECURITY_TOKEN"), AccountBroken, "security_token"),
        (SOAP, soap_fault("API_DISABLED_FOR_ORG"), AccountBroken, "API Enabled"),
        (SOAP, soap_fault("INVALID_OPERATION"), AccountBroken, "client credentials or JWT"),
        (SOAP, soap_fault("SOMETHING_NEW", 403), AccountBroken, "does not accept the login"),
        (SOAP, soap_fault("SERVER_UNAVAILABLE"), Unavailable, "not available"),
        (SOAP, soap_fault("UNKNOWN_EXCEPTION"), Unavailable, "internal error"),
        (SOAP, soap_fault("REQUEST_LIMIT_EXCEEDED"), RateLimited, "used up its API requests"),
        (
            SOAP,
            soap_fault("REQUEST_LIMIT_EXCEEDED", words="ConcurrentRequests Limit exceeded."),
            RateLimited,
            "at once",
        ),
        (SOAP, says(503, "<html>down"), Unavailable, "no clear answer"),
        (SOAP, says(503, "<html>down</html>"), Unavailable, "no clear answer"),
        (SOAP, says(200, "<html>down"), Unavailable, "cannot be read"),
        (SOAP, says(200, "<Envelope/>"), Unavailable, "no clear answer"),
        (CLIENT, refuses_oauth("invalid_grant"), AccountBroken, r"does not accept the login.*\(invalid_grant\)\."),
        (CLIENT, refuses_oauth("invalid_grant", "login rate exceeded"), RateLimited, "logs in too often"),
        (CLIENT, refuses_oauth("invalid_client", status=401), AccountBroken, "client_secret"),
        (CLIENT, refuses_oauth("something_new"), AccountBroken, "does not accept the login"),
        (CLIENT, refuses_oauth("something_new", status=500), Unavailable, "no clear answer"),
        (CLIENT, says(429, {"error": "something_new"}, Retry_After="9"), RateLimited, "slower pace"),
        (CLIENT, says(503, "<html>"), Unavailable, "no clear answer"),
        (CLIENT, says(200, "<html>"), Unavailable, "no clear answer"),
        (CLIENT, says(400, []), Unavailable, "cannot be read"),
        (CLIENT, says(200, {"access_token": "x"}), Unavailable, "cannot be read"),
        (CLIENT, says(200, {"instance_url": "https://x"}), Unavailable, "cannot be read"),
        (CLIENT, says(307, "", Location="/elsewhere"), AccountBroken, "points to another address"),
        (CLIENT, hangs, Unavailable, "in time"),
    ],
)
async def test_a_login_that_fails_says_how(
    login: Mapping[str, object], step: Step, expected: type[Exception], words: str
) -> None:
    async with crm_to(step, login=login, patience=0.5) as (crm, salesforce):
        with pytest.raises(expected, match=words) as caught:
            await asyncio.to_thread(crm.check)
    assert len(salesforce.asked) == 1
    told = f"{caught.value!r} {caught.value.__cause__!r} {vars(crm)!r} {vars(crm._logins)!r}"
    assert not [secret for secret in SECRETS if secret in told]


async def test_a_user_who_has_not_allowed_the_app_is_a_broken_account() -> None:
    refusal = refuses_oauth("invalid_grant", "user hasn't approved this consumer")
    async with crm_to(refusal, login=CLIENT) as (crm, _):
        with pytest.warns(UserWarning, match="authorize"), pytest.raises(AccountBroken, match="the app allows this"):
            await asyncio.to_thread(crm.check)


async def test_an_ended_session_is_renewed_and_the_question_asked_again() -> None:
    script = (grants("one"), says(200, [None]), ENDED, grants("two"), says(200, [None]))
    async with crm_to(*script, login=CLIENT) as (crm, salesforce):
        for _ in range(3):
            assert await asyncio.to_thread(crm.fetch, [ANN], ["Name"]) == [None]
    asked = [one.headers["Authorization"] for one in salesforce.asked if one.path != TOKEN_PATH]
    assert asked == ["Bearer one", "Bearer one", "Bearer two", "Bearer two"]
    assert salesforce.asked[2].text == salesforce.asked[4].text


async def test_threads_that_find_the_session_ended_log_in_once() -> None:
    together = asyncio.Barrier(20)

    async def ends_for_all(request: web.Request) -> web.StreamResponse:
        if request.path == TOKEN_PATH:
            return await grants("new" if ended else "old")(request)
        if request.headers["Authorization"] == "Bearer new":
            return await says(200, [None])(request)
        await together.wait()
        ended.append(1)
        return await ENDED(request)

    ended: list[int] = []
    async with crm_to(ends_for_all, login=CLIENT) as (crm, salesforce):
        async with asyncio.timeout(20):
            assert await in_threads(20, lambda: crm.fetch([ANN], ["Name"])) == [[None]] * 20
    assert [one.path for one in salesforce.asked].count(TOKEN_PATH) == 2


async def test_threads_that_wait_while_a_login_fails_do_not_try_the_password_again() -> None:
    waiting = asyncio.Event()

    async def refuses_late(request: web.Request) -> web.StreamResponse:
        await waiting.wait()
        return await soap_fault("INVALID_LOGIN")(request)

    async with crm_to(refuses_late, login=SOAP) as (crm, salesforce):
        lock = CountedLock()
        crm._logins._lock = cast("Lock", lock)
        asks = asyncio.create_task(in_threads(8, crm.check))
        async with asyncio.timeout(20):
            while lock.came < 8:
                await asyncio.sleep(0.01)
            waiting.set()
            failures = await asks
    assert [type(failure) for failure in failures] == [AccountBroken] * 8
    assert len(salesforce.asked) == 1


async def test_after_a_failed_login_the_next_question_tries_again() -> None:
    async with crm_to(says(503, ""), grants(), NOTHING, login=CLIENT) as (crm, _):
        with pytest.raises(Unavailable):
            await asyncio.to_thread(crm.check)
        await asyncio.to_thread(crm.check)


async def test_a_session_that_was_given_cannot_be_renewed() -> None:
    async with crm_to(ENDED, login=GIVEN) as (crm, salesforce):
        with pytest.raises(AccountBroken, match="set a fresh session_id, or credentials"):
            await asyncio.to_thread(crm.check)
    assert len(salesforce.asked) == 1


async def test_new_sessions_that_are_refused_again_and_again_break_the_account() -> None:
    async def takes_no_session(request: web.Request) -> web.StreamResponse:
        return await (grants() if request.path == TOKEN_PATH else refuses(401, "INVALID_SESSION_ID"))(request)

    async with crm_to(takes_no_session, login=CLIENT) as (crm, salesforce):
        for _ in range(2):
            with pytest.raises(Unavailable, match="ended a new session at once"):
                await asyncio.to_thread(crm.check)
        with pytest.raises(AccountBroken, match="refuses every new session"):
            await asyncio.to_thread(crm.check)
    assert len(salesforce.asked) == 1 + 3 * 3
