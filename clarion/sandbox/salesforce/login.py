"""The doors to a session: SOAP with a password, and OAuth's token endpoint in the three ways that need no browser."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit
from xml.etree import ElementTree as ET

from clarion.sandbox.salesforce.errors import oauth_error, soap_fault
from clarion.sandbox.salesforce.sessions import ORGANIZATION
from clarion.sandbox.vendor import Answer, Call, Json

HOST = "clarion-sandbox.my.salesforce.com"
"""The instance that every login leads to; whoever came through an address of ours comes back through it."""
USER = "00558000000SandIAM"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LONGEST_JWT = 300.0
"""Seconds from now at which a JWT may expire at the latest, some for clocks that differ included."""
_GRANTED = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
    "<loginResponse><result><metadataServerUrl>https://{host}/services/Soap/m/{version}/{org}</metadataServerUrl>"
    "<passwordExpired>false</passwordExpired><sandbox>true</sandbox>"
    "<serverUrl>https://{host}/services/Soap/u/{version}/{org}</serverUrl>"
    "<sessionId>{session}</sessionId><userId>{user}</userId></result></loginResponse></soapenv:Body></soapenv:Envelope>"
)
BAD_LOGIN = "Invalid username, password, security token; or user locked out."


@dataclass(frozen=True, slots=True)
class Granted:
    """Somebody may come in; the answer is worded once there is a session."""

    soap_version: str | None = None

    def answer(self, session: str) -> Answer:
        """Tell the session and where to go with it."""
        if self.soap_version is not None:
            body = _GRANTED.format(
                host=HOST, version=self.soap_version, org=ORGANIZATION, session=session, user=USER
            )  # fmt: skip
            return Answer(200, body.encode(), content_type="text/xml", effect=True)
        told: dict[str, Json] = {
            "access_token": session,
            "instance_url": f"https://{HOST}",
            "id": f"https://login.salesforce.com/id/{ORGANIZATION}/{USER}",
            "token_type": "Bearer",
            "issued_at": str(round(time.time() * 1000)),
            "signature": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        return Answer(200, json.dumps(told).encode(), effect=True)


def soap_login(call: Call, refused: Collection[str]) -> Granted | Answer:
    """Check a SOAP login; its password ends with the security token, if there is one."""
    try:
        envelope = ET.fromstring(call.body)  # noqa: S314 -- written by whoever uses this sandbox, on loopback
    except ET.ParseError:
        return soap_fault("UNKNOWN_EXCEPTION", "Premature end of file.")
    if not call.headers.get("SOAPAction"):
        return soap_fault("UNKNOWN_EXCEPTION", "SOAPAction HTTP header missing")
    said = {part.tag.rpartition("}")[2]: (part.text or "").strip() for part in envelope.iter()}
    if not said.get("username") or not said.get("password") or _is_refused(said["password"], refused):
        return soap_fault("INVALID_LOGIN", BAD_LOGIN)
    return Granted(soap_version=call.path.rstrip("/").rpartition("/")[2])


def token(call: Call, refused: Collection[str], now: float) -> Granted | Answer:
    """Check a request to OAuth's token endpoint."""
    form = dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))
    match form.get("grant_type"):
        case "password":
            return _by_password(form, refused)
        case "client_credentials":
            return _by_client(call, form, refused)
        case grant if grant == JWT:
            return _by_jwt(form.get("assertion", ""), refused, now)
        case _:
            return oauth_error("unsupported_grant_type", "grant type not supported")


def _by_password(form: Mapping[str, str], refused: Collection[str]) -> Granted | Answer:
    problem = _client_problem(form.get("client_id", ""), form.get("client_secret", ""), refused)
    if problem is not None:
        return problem
    if not form.get("username") or not form.get("password") or _is_refused(form["password"], refused):
        return oauth_error("invalid_grant", "authentication failure")
    return Granted()


def _by_client(call: Call, form: Mapping[str, str], refused: Collection[str]) -> Granted | Answer:
    key, secret = form.get("client_id", ""), form.get("client_secret", "")
    scheme, _, encoded = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            key = secret = ""
    return _client_problem(key, secret, refused) or Granted()


def _by_jwt(assertion: str, refused: Collection[str], now: float) -> Granted | Answer:
    """Check everything about a JWT but its signature: the sandbox knows no certificates."""
    try:
        head, claims = (_part(part) for part in assertion.split(".")[:2])
        expires = float(str(claims.get("exp")))
    except ValueError:
        return oauth_error("invalid_grant", "invalid assertion")
    whole = head.get("alg") == "RS256" and assertion.count(".") == 2 and not assertion.endswith(".")
    client, user = str(claims.get("iss") or "wrong"), str(claims.get("sub") or "wrong")
    audience = urlsplit(str(claims.get("aud"))).hostname or ""
    known = client not in {"wrong", *refused}
    checks = (
        (whole, "invalid_grant", "invalid assertion"),
        (known, "invalid_client_id", "client identifier invalid"),
        (audience.endswith(".salesforce.com"), "invalid_grant", "audience is invalid"),
        (now < expires <= now + LONGEST_JWT, "invalid_grant", "expired authorization code"),
        (user not in {"wrong", *refused}, "invalid_grant", "user hasn't approved this consumer"),
    )
    return next((oauth_error(error, why) for passed, error, why in checks if not passed), Granted())


def _part(encoded: str) -> Mapping[str, object]:
    """Read a part of a JWT. Raises ValueError for what is none."""
    read = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    return read if isinstance(read, dict) else {}


def _client_problem(key: str, secret: str, refused: Collection[str]) -> Answer | None:
    if not key or key in refused:
        return oauth_error("invalid_client_id", "client identifier invalid")
    if not secret or secret in refused:
        return oauth_error("invalid_client", "invalid client credentials")
    return None


def _is_refused(password: str, refused: Collection[str]) -> bool:
    """Whether a password is a refused one, with or without a security token after it."""
    return any(password.startswith(word) or password.endswith(word) for word in refused)
