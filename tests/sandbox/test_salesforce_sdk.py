"""The real simple-salesforce client, unchanged but for the address, gets along with the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from simple_salesforce.api import Salesforce, SFType
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql

from clarion.sandbox.server import Sandbox
from tests.sandbox.parties import Sender
from tests.sandbox.salesforce_parties import lead, session_to

Logins = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def key() -> str:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def logins(key: str) -> Logins:
    user = {"username": "ann@clarion.example", "password": "open & <sesame>"}
    app = {"consumer_key": "3MVG9", "consumer_secret": "shh"}
    return {
        "soap": {**user, "security_token": "tok"},
        "soap by network": {**user, "organizationId": "00D58000000Sand"},
        "password": {**user, **app},
        "client credentials": {**app, "domain": "clarion.my"},
        "jwt": {"username": user["username"], "consumer_key": "3MVG9", "privatekey": key},
        "session": {"session_id": "given", "instance_url": "https://clarion.my.salesforce.com"},
    }


async def connect(sandbox: Sandbox, **login: Any) -> Salesforce:  # noqa: ANN401 -- the client's own arguments
    return await asyncio.to_thread(Salesforce, session=session_to(sandbox), **login)


async def asked(act: Callable[..., Any], *args: Any, **more: Any) -> Any:  # noqa: ANN401 -- the client's own
    return await asyncio.to_thread(act, *args, **more)


async def soap(sandbox: Sandbox) -> Salesforce:
    return await connect(sandbox, username="ann@clarion.example", password="sesame", security_token="tok")


@pytest.mark.parametrize("way", [*logins("")])
async def test_every_way_to_log_in_leads_to_the_leads(sandbox: Sandbox, sender: Sender, key: str, way: str) -> None:
    client = await connect(sandbox, **logins(key)[way])
    found = await asked(
        client.restful,
        "composite/sobjects/Lead",
        method="POST",
        json={"ids": [lead("1"), lead("9401")], "fields": ["Id", "Name", "Company"]},
    )
    assert [one and one["Id"] for one in found] == [lead("1"), None]
    assert client.api_usage["api-usage"].used == 1
    counted = (await sender.control("GET", "effects"))["salesforce"]
    assert counted["logins"] == (0 if way == "session" else 1)


@pytest.mark.parametrize(
    ("way", "wrong", "code"),
    [
        ("soap", {"password": "wrong"}, "INVALID_LOGIN"),
        ("soap", {"security_token": "wrong"}, "INVALID_LOGIN"),
        ("password", {"password": "wrong"}, "invalid_grant"),
        ("password", {"consumer_secret": "wrong"}, "invalid_client"),
        ("client credentials", {"consumer_key": "wrong"}, "invalid_client_id"),
        ("client credentials", {"consumer_secret": "wrong"}, "invalid_client"),
        ("jwt", {"username": "wrong"}, "invalid_grant"),
        ("jwt", {"consumer_key": "wrong"}, "invalid_client_id"),
    ],
)
@pytest.mark.filterwarnings(r"ignore:\s+If your connected app policy:UserWarning")
async def test_wrong_credentials_are_refused_in_the_vendors_words(
    sandbox: Sandbox, sender: Sender, key: str, way: str, wrong: dict[str, str], code: str
) -> None:
    with pytest.raises(SalesforceAuthenticationFailed) as raised:
        await connect(sandbox, **{**logins(key)[way], **wrong})
    assert raised.value.code == code
    counted = (await sender.control("GET", "effects"))["salesforce"]
    assert (counted["logins"], counted["failed_logins"]) == (0, 1)


async def test_the_client_renews_a_session_that_has_ended(sandbox: Sandbox, sender: Sender) -> None:
    client = await soap(sandbox)
    before = client.session_id
    assert await sender.control("POST", "salesforce/expire") == {"expired": 1}
    assert (await asked(client.limits))["DailyApiRequests"]["Max"] == 100_000
    assert client.session_id != before
    counted = (await sender.control("GET", "effects"))["salesforce"]
    assert (counted["logins"], counted["expired_sessions"]) == (2, 1)


async def test_a_session_from_elsewhere_ends_for_good(sandbox: Sandbox, sender: Sender) -> None:
    client = await connect(sandbox, session_id="given", instance_url="https://clarion.my.salesforce.com")
    await asked(client.limits)
    await sender.control("POST", "salesforce/expire")
    with pytest.raises(SalesforceExpiredSession) as raised:
        await asked(client.limits)
    assert raised.value.content[0]["errorCode"] == "INVALID_SESSION_ID"  # type: ignore[index]  # typed as bytes


async def test_queries_page_through(sandbox: Sandbox) -> None:
    client = await soap(sandbox)
    ids = [lead(f"{number:03}") for number in range(450)]
    wanted = format_soql("SELECT Id, Owner.Name FROM Lead WHERE Id IN {}", ids)
    first = await asked(client.query, wanted, headers={"Sforce-Query-Options": "batchSize=200"})
    assert (first["totalSize"], first["done"], len(first["records"])) == (450, False, 200)
    second = await asked(client.query_more, first["nextRecordsUrl"], identifier_is_url=True)
    last = await asked(client.query_more, second["nextRecordsUrl"], identifier_is_url=True)
    assert last["done"]
    found = [one["Id"] for page in (first, second, last) for one in page["records"]]
    assert found == sorted(ids)
    assert (await asked(client.query_all, wanted))["totalSize"] == 450
    assert first["records"][0]["Owner"]["Name"]


async def test_the_recycle_bin_is_asked_for_by_query_all(sandbox: Sandbox) -> None:
    client = await soap(sandbox)
    ids = [lead("1"), lead("9401"), lead("9402")]
    wanted = format_soql("SELECT Id FROM Lead WHERE Id IN {} AND IsDeleted = true", ids)
    assert (await asked(client.query, wanted))["records"] == []
    found = await asked(client.query, wanted, include_deleted=True)
    assert [one["Id"] for one in found["records"]] == [lead("9402")]


async def test_one_lead_and_what_a_lead_is(sandbox: Sandbox) -> None:
    leads = (await soap(sandbox)).Lead
    assert isinstance(leads, SFType)
    assert (await asked(leads.get, lead("1")[:15]))["Id"] == lead("1")
    for gone in ("9401", "9402"):
        with pytest.raises(SalesforceResourceNotFound):
            await asked(leads.get, lead(gone))
    described = {one["name"]: one for one in (await asked(leads.describe))["fields"]}
    assert (described["Title"]["length"], described["Title"]["updateable"]) == (128, True)
    assert not described["Name"]["updateable"]


async def test_errors_become_the_clients_own(sandbox: Sandbox, sender: Sender) -> None:
    client = await soap(sandbox)
    with pytest.raises(SalesforceMalformedRequest) as malformed:
        await asked(client.query, "SELECT Nonsense FROM Lead WHERE Id = '00Q5e00000A1b2C'")
    assert malformed.value.content[0]["errorCode"] == "INVALID_FIELD"  # type: ignore[index]  # typed as bytes
    await sender.control("POST", "settings", {"salesforce": {"daily_requests": 1}})
    with pytest.raises(SalesforceRefusedRequest) as refused:
        await asked(client.limits)
    assert refused.value.content[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"  # type: ignore[index]  # typed as bytes


async def test_writing_back(sandbox: Sandbox, sender: Sender) -> None:
    client = await soap(sandbox)
    records = [
        {"attributes": {"type": "Lead"}, "id": lead(end), "Score__c": 71, "Rating": "Hot"} for end in ("1", "9403")
    ]
    body = {"allOrNone": False, "records": records}
    written = await asked(client.restful, "composite/sobjects", method="PATCH", json=body)
    assert [one["success"] for one in written] == [True, False]
    again = await asked(client.query, format_soql("SELECT Score__c, Rating FROM Lead WHERE Id = {}", lead("1")))
    assert (again["records"][0]["Score__c"], again["records"][0]["Rating"]) == (71, "Hot")
    counted = (await sender.control("GET", "effects"))["salesforce"]
    assert (counted["leads_written"], counted["fields_written"]) == (1, {"Score__c": 1, "Rating": 1})
