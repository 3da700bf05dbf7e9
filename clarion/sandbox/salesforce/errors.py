"""Words Salesforce's errors: a list of them for REST, a SOAP fault, or OAuth's pair (its REST API and SOAP guides)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from xml.sax.saxutils import escape

from clarion.sandbox.vendor import Answer, Json

_FAULT = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    "<soapenv:Body><soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {message}</faultstring>"
    '<detail><sf:{kind} xsi:type="sf:{kind}"><sf:exceptionCode>{code}</sf:exceptionCode>'
    "<sf:exceptionMessage>{message}</sf:exceptionMessage></sf:{kind}></detail>"
    "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
)
TOO_MANY_REQUESTS = "TotalRequests Limit exceeded."
TOO_MANY_AT_ONCE = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."


class Problem(ValueError):
    """A request that Salesforce refuses as a whole."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code

    @property
    def answer(self) -> Answer:
        """What goes over the wire."""
        return problem(self.status, self.code, str(self))


def problem(status: int, code: str, message: str) -> Answer:
    """Word an error of the REST API."""
    return Answer(status, json.dumps([{"message": message, "errorCode": code}]).encode())


def soap_fault(code: str, message: str, status: int = 500) -> Answer:
    """Word an error of the SOAP login."""
    kind = "LoginFault" if code == "INVALID_LOGIN" else "UnexpectedErrorFault"
    body = _FAULT.format(code=code, message=escape(message), kind=kind)
    return Answer(status, body.encode(), content_type="text/xml")


def oauth_error(error: str, description: str, status: int = 400) -> Answer:
    """Word an error of the token endpoint."""
    return Answer(status, json.dumps({"error": error, "error_description": description}).encode())


def record_error(code: str, message: str, fields: Sequence[str] = ()) -> dict[str, Json]:
    """Word why one record of several was not saved."""
    return {"statusCode": code, "message": message, "fields": list(fields)}
