"""Twilio's errors as data: HTTP status and wording per code (its error dictionary; wording changes there)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from clarion.sandbox.vendor import Answer

ERRORS: Mapping[int, tuple[int, str]] = {
    10004: (429, "Call concurrency limit exceeded"),
    20001: (400, "Invalid parameter {what}"),
    20003: (401, "Authenticate"),
    20004: (405, "Method not allowed"),
    20005: (403, "Account {what} is not active"),
    20009: (409, "Cannot delete message {what}: it has not been completed"),
    20404: (404, "The requested resource {what} was not found"),
    20429: (429, "Too Many Requests"),
    20500: (500, "Internal Server Error"),
    20503: (503, "Service Unavailable"),
    21201: (400, "No 'To' number is specified"),
    21205: (400, "Url is not a valid URL: {what}"),
    21211: (400, "Invalid 'To' Phone Number: {what}"),
    21212: (400, "Invalid From Number: {what}"),
    21213: (400, "'From' phone number is required to create a call"),
    21214: (400, "'To' phone number {what} cannot be reached"),
    21215: (400, "Account not authorized to call {what}: geo-permission configuration is not permitting call"),
    21216: (400, "Account not allowed to call {what}"),
    21217: (400, "Phone number does not appear to be valid: {what}"),
    21218: (400, "Invalid ApplicationSid: {what}"),
    21220: (400, "Call {what} is not in-progress. Cannot redirect or end it."),
    21266: (400, "'To' and 'From' number cannot be the same: {what}"),
    21408: (400, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {what}"),
    21602: (400, "Message body is required."),
    21603: (400, "A 'From' phone number is required."),
    21604: (400, "A 'To' phone number is required."),
    21606: (400, "The 'From' phone number {what} is not a valid, SMS-capable number or short code for your account."),
    21609: (400, "The StatusCallback URL {what} is not a valid URL."),
    21610: (400, "Attempt to send to unsubscribed recipient"),
    21611: (400, "This 'From' number {what} has exceeded the maximum number of queued messages"),
    21612: (400, "The 'To' phone number: {what}, is not currently reachable via SMS from this 'From' number."),
    21614: (400, "To number: {what}, is not a mobile number"),
    21617: (400, "The concatenated message body exceeds the 1600 character limit"),
    21701: (404, "The Messaging Service {what} does not exist"),
    30409: (400, "This message cannot be canceled"),
    35118: (400, "MessagingServiceSid is required to schedule a message"),
}
RECEIPT_ERRORS: Mapping[int, str] = {
    30001: "Queue overflow",
    30002: "Account suspended",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Carrier violation",
    30008: "Unknown error",
}
NEVER_LEFT = frozenset({30001, 30002, 30010, 30018, 30022, 30023, 30024, 30027, 30032, 30033, 30034, 30035, 30036})
"""Receipt codes that end in ``failed`` (not billed); all others end in ``undelivered``."""


def problem(code: int, what: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    """Word an error the way Twilio does."""
    status, wording = ERRORS[code]
    body = {
        "code": code,
        "message": wording.format(what=what),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return Answer(status, json.dumps(body).encode(), headers)
