"""Leads in Salesforce: simple-salesforce behind our Crm port.

Only its generic requests are used: the library's own ways to log in again know no end in places, so each of its
clients here has a session and no credentials, and `Logins` renews that session.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError, SalesforceExpiredSession
from simple_salesforce.format import format_soql

from clarion.domain.lead import Lead, LeadValue
from clarion.providers.exchange import checked_base, read_retry_after
from clarion.providers.lead_ports import ApiUsage, Crm, WriteResult
from clarion.providers.ports import ProviderError, Unavailable
from clarion.providers.salesforce_errors import refusal
from clarion.providers.salesforce_login import Logins, Session
from clarion.providers.salesforce_records import (
    LOCKED,
    OBJECT,
    UNREADABLE,
    WriteFault,
    asked_fields,
    read_leads,
    read_results,
    write_body,
    write_result,
)
from clarion.providers.salesforce_transport import Transport, Web, Webs, failure, timeouts
from clarion.settings import Account

EXAMPLE = "https://acme.my.salesforce.com"
COLLECTIONS = "composite/sobjects"
ONE_LEAD = "SELECT Id FROM Lead WHERE Id = {}"
NO_LEAD = "00Q000000000000EAA"
"""An id as leads have them, and no lead's."""
IN_THE_BIN = "SELECT Id FROM Lead WHERE IsDeleted = true AND Id IN {}"
USAGE_HEADER = "Sforce-Limit-Info"
LONG = 12
"""Times the account's timeout that whatever handles leads may take: usually 120 s, as long as a query may."""

T = TypeVar("T")


def open_salesforce(account: Account) -> SalesforceCrm:
    """Prepare an account's connection to Salesforce; it logs in when it is first used.

    Raises BadInput when base_url, instance_url or domain cannot be one.
    """
    base_url = checked_base(account.base_url, EXAMPLE) if account.base_url else None
    return SalesforceCrm(Logins(account), base_url, account.timeout)


class SalesforceCrm(Crm):
    """Knows leads of one Salesforce organization. May be used from many threads; never retries by itself.

    ``timeout`` is in seconds: a login and a check wait as long for an answer, whatever handles leads `LONG` times as
    long, at least a minute with the usual settings.
    """

    def __init__(self, logins: Logins, base_url: str | None, timeout: float) -> None:
        self._logins = logins
        self._timeout = timeout
        self._usage: ApiUsage | None = None
        self._webs = Webs(lambda: Web(Transport(base_url, timeout, self._note_usage)))

    @property
    def usage(self) -> ApiUsage | None:
        """What the last answer said about the API requests of the organization in the last 24 hours."""
        return self._usage

    def fetch(self, ids: Sequence[str], fields: Sequence[str]) -> list[Lead | None]:
        """Fetch up to 2,000 leads by ids of 18 characters, in their order; None where there is none for us.

        A field that is made of parts, as Address, comes as ``Address.city`` and so on. One API request.
        Raises as the port says.
        """
        if not ids:
            return []
        question = {"ids": list(ids), "fields": asked_fields(fields)}

        def asks(client: Salesforce) -> list[Lead | None]:
            answer = client.restful(f"{COLLECTIONS}/{OBJECT}", method="POST", json=question, timeout=self._patience)
            return read_leads(answer, ids, fields)

        return self._answer(asks, fields)

    def deleted(self, ids: Sequence[str]) -> set[str]:
        """Say which of up to 400 ids are in the recycle bin: more would not fit into an address.

        Raises as the port says.
        """
        if not ids:
            return set()
        soql = format_soql(IN_THE_BIN, list(ids))

        def asks(client: Salesforce) -> set[str]:
            found = client.query_all_iter(soql, include_deleted=True, timeout=self._patience)
            return {str(record["Id"]) for record in found}

        return self._answer(asks)

    def write(self, answers: Mapping[str, Mapping[str, LeadValue]]) -> list[WriteResult]:
        """Set fields of up to 200 leads, given by id; each succeeds or fails by itself.

        Those that somebody else was changing at that moment are written a second time. Raises as the port says.
        """
        faults = self._write(answers)
        locked = [id18 for id18, fault in faults.items() if fault is not None and fault.statusCode == LOCKED]
        faults |= self._write({id18: answers[id18] for id18 in locked})
        return [write_result(id18, fault) for id18, fault in faults.items()]

    def _write(self, answers: Mapping[str, Mapping[str, LeadValue]]) -> dict[str, WriteFault | None]:
        if not answers:
            return {}
        body, ids = write_body(answers), list(answers)

        def asks(client: Salesforce) -> dict[str, WriteFault | None]:
            return read_results(client.restful(COLLECTIONS, method="PATCH", json=body, timeout=self._patience), ids)

        return self._answer(asks, list({name: None for values in answers.values() for name in values}))

    def check(self) -> None:
        """Prove that the credentials are accepted and that Leads can be read. One API request."""
        soql = format_soql(ONE_LEAD, NO_LEAD)
        self._answer(lambda client: client.query(soql, timeout=timeouts(self._timeout)))

    def close(self) -> None:
        """Close the connections."""
        self._webs.close()

    @property
    def _patience(self) -> tuple[float, float]:
        return timeouts(self._timeout * LONG)

    def _answer(self, asks: Callable[[Salesforce], T], fields: Sequence[str] = ()) -> T:
        """Ask with a session that is good, renewing it once. Raises as the port says."""
        with self._webs.one() as web:
            session = self._logins.session(web)
            found = _asked(asks, session, web, fields)
            if found is None:
                found = _asked(asks, self._logins.renewed(session, web), web, fields)
        if found is None:
            raise self._logins.refused_anew()
        self._logins.accepted()
        return found

    def _note_usage(self, headers: Mapping[str, str]) -> None:
        told = Salesforce.parse_api_usage(headers.get(USAGE_HEADER) or "").get("api-usage")
        if told is not None:
            self._usage = ApiUsage(told.used, told.total)


def _asked(asks: Callable[[Salesforce], T], session: Session, web: Web, fields: Sequence[str]) -> T | None:
    """Ask once; None where the session has ended. Raises a ProviderError.

    It has no cause: the library's errors hold whole answers.
    """
    client = Salesforce(session_id=session.id, instance=session.instance, session=web, object_pairs_hook=None)
    del client.headers["X-PrettyPrint"]  # white space is a third of a long answer
    problem: ProviderError
    try:
        return asks(client)
    except SalesforceExpiredSession:
        return None
    except SalesforceError as error:
        wait = read_retry_after(web.transport.headers.get("Retry-After"), time.time())
        problem = refusal(error.status, error.content, fields=fields, retry_after=wait)
    except requests.RequestException as error:
        problem = failure(error)
    except (ValueError, TypeError, KeyError, AttributeError):
        problem = Unavailable(UNREADABLE)
    raise problem
