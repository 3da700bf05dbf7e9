"""Salesforce's side of the wire: what is asked in the wrong way, at the wrong time or too often, and what faults do."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings
from tests.sandbox.salesforce_parties import DATA, RETRIEVE, UPDATE, Visitor, code, lead

SOAP = "/services/Soap/u/59.0"
OAUTH = "/services/oauth2/token"
USUAL = {"ids": [lead("1")], "fields": ["Id"]}


@pytest.fixture
async def visitor(sandbox: Sandbox) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession() as http:
        yield Visitor(sandbox, http)


async def test_a_collection_is_answered_in_the_order_of_its_ids(visitor: Visitor) -> None:
    account = "0015e00000A1b2C"
    ids = [lead("2"), account, lead("9401"), lead("1")[:15], lead("9402"), "rubbish", lead("2").lower(), lead("2")]
    found = await visitor.fetch(ids, "id", "NAME", "IsConverted")
    assert [one and one["Id"] for one in found] == [lead("2"), None, None, lead("1"), None, None, None, lead("2")]
    assert list(found[0]) == ["attributes", "Id", "Name", "IsConverted"]
    assert found[0]["attributes"] == {"type": "Lead", "url": f"{DATA}/sobjects/Lead/{lead('2')}"}
    assert visitor.headers["Sforce-Limit-Info"] == "api-usage=1/100000"


async def test_a_collection_can_be_asked_for_in_the_address(visitor: Visitor) -> None:
    status, found = await visitor.ask("GET", f"{RETRIEVE}?ids={lead('1')},{lead('9401')}&fields=Id,Company")
    assert (status, found[0]["Id"], found[1]) == (200, lead("1"), None)


async def test_two_thousand_at_once_and_no_more(visitor: Visitor) -> None:
    ids = [lead(f"{number:04}") for number in range(2_001)]
    assert len(await visitor.fetch(ids[:2_000])) == 2_000
    refused = await visitor.ask("POST", RETRIEVE, {"ids": ids, "fields": ["Id"]})
    assert code(refused) == (400, "EXCEEDED_ID_LIMIT")
    assert "2000" in refused[1][0]["message"]
    assert (await visitor.counted())["leads_fetched"] == 2_000


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", RETRIEVE, {"ids": [lead("1")], "fields": ["Id", "Nonsense"]}, (400, "INVALID_FIELD")),
        ("POST", RETRIEVE, {"ids": [lead("1")], "fields": ["Account.Name"]}, (400, "INVALID_FIELD")),
        ("POST", RETRIEVE, {"ids": [lead("1")]}, (400, "MISSING_ARGUMENT")),
        ("POST", RETRIEVE, {"ids": [], "fields": ["Id"]}, (400, "MISSING_ARGUMENT")),
        ("POST", RETRIEVE, None, (400, "JSON_PARSER_ERROR")),
        ("POST", f"{DATA}/composite/sobjects/Account", USUAL, (404, "NOT_FOUND")),
        ("POST", "/services/data/v5/composite/sobjects/Lead", USUAL, (404, "NOT_FOUND")),
        ("DELETE", f"{DATA}/sobjects/Lead/{lead('1')}", None, (404, "NOT_FOUND")),
        ("GET", f"{DATA}/query", None, (400, "MALFORMED_QUERY")),
        ("GET", f"{DATA}/query/01gSand00000099AAA-2000", None, (400, "INVALID_QUERY_LOCATOR")),
        ("PATCH", UPDATE, {"records": []}, (400, "MISSING_ARGUMENT")),
        ("PATCH", UPDATE, {"records": [{"id": lead("1"), "Rating": "Hot"}]}, (400, "INVALID_INPUT")),
        ("PATCH", UPDATE, {"records": [{"attributes": {"type": "Account"}}]}, (400, "INVALID_TYPE")),
        ("PATCH", UPDATE, {"records": [{"attributes": {"type": "Lead"}}] * 201}, (400, "EXCEEDED_ID_LIMIT")),
    ],
)
async def test_what_is_asked_in_the_wrong_way_is_refused_as_a_whole(
    visitor: Visitor, method: str, path: str, body: object, expected: tuple[int, str]
) -> None:
    assert code(await visitor.ask(method, path, body)) == expected
    assert (await visitor.counted())["refused"] == {expected[1]: 1}


@pytest.mark.parametrize(
    ("soql", "expected"),
    [
        ("SELECT Id FROM Lead WHERE Id = '00Q5e0000'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Lead", "MALFORMED_QUERY"),
        ("SELECT Id FROM Account WHERE Id = '00Q5e00000A1b2C'", "INVALID_TYPE"),
        ("SELECT Nonsense FROM Lead WHERE Id = '00Q5e00000A1b2C'", "INVALID_FIELD"),
        ("SELECT Id FROM Lead WHERE Id IN ('00Q5e00000A1b2C'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Id = '00Q5e00000A1b2C' GROUP BY Id", "MALFORMED_QUERY"),
        ("SELECT Id FROM Lead WHERE Id = '00Q5e00000A1b2C", "MALFORMED_QUERY"),
        ("DELETE FROM Lead", "MALFORMED_QUERY"),
    ],
)
async def test_queries_that_are_none_are_refused(visitor: Visitor, soql: str, expected: str) -> None:
    assert code(await visitor.query(soql)) == (400, expected)


async def test_a_query_keeps_to_its_conditions(visitor: Visitor) -> None:
    ids = ", ".join(f"'{lead(end)[:15]}'" for end in ("2", "1", "9403", "9402", "9401", "1"))
    begin = f"select id from lead where id in ({ids})"  # noqa: S608 -- asked of the sandbox, which keeps no tables
    for more, expected in {
        "": ["1", "2", "9403"],
        " and isconverted = true": ["9403"],
        " AND IsConverted = false ORDER BY Id LIMIT 1": ["1"],
    }.items():
        _, found = await visitor.query(begin + more)
        assert [one["Id"] for one in found["records"]] == [lead(end) for end in expected]
        assert (found["totalSize"], found["done"]) == (len(expected), True)
    _, found = await visitor.query(begin, "queryAll")
    assert [one["Id"] for one in found["records"]] == [lead(end) for end in ("1", "2", "9402", "9403")]


async def test_an_address_can_be_too_long(visitor: Visitor) -> None:
    def asking(count: int) -> str:
        return f"{RETRIEVE}?fields=Id&ids=" + ",".join(lead(f"{number:04}") for number in range(count))

    assert (await visitor.ask("GET", asking(800)))[0] == 200
    assert code(await visitor.ask("GET", asking(900))) == (414, "URI_TOO_LONG")
    refused = await visitor.ask("GET", asking(800), headers={"X-Much": "x" * 2_000})
    assert code(refused) == (431, "REQUEST_HEADER_FIELDS_TOO_LARGE")


async def test_without_a_session_nothing_is_told(visitor: Visitor) -> None:
    assert code(await visitor.ask("POST", RETRIEVE, USUAL, token=None)) == (401, "INVALID_AUTH_HEADER")
    for token in ("wrong", "00D58000000Sand!never-given-out", ""):
        assert code(await visitor.ask("POST", RETRIEVE, USUAL, token=token)) == (401, "INVALID_SESSION_ID")
    counted = await visitor.counted()
    assert (counted["api_usage"]["used"], counted["requests"], counted["expired_sessions"]) == (0, {}, 3)


@pytest.mark.parametrize("settings", [{"session_requests": 2}, {"session_seconds": 0.2}])
async def test_a_session_ends_by_itself(visitor: Visitor, settings: dict[str, float]) -> None:
    await visitor.control("POST", "settings", {"salesforce": settings})
    statuses = []
    for _ in range(3):
        statuses.append((await visitor.ask("GET", f"{DATA}/limits"))[0])
        await asyncio.sleep(0.15 if "session_seconds" in settings else 0)
    assert statuses == [200, 200, 401]


async def test_the_days_allowance_is_used_up_until_it_is_raised(visitor: Visitor) -> None:
    await visitor.control("POST", "settings", {"salesforce": {"daily_requests": 2}})
    for used in (1, 2):
        assert (await visitor.ask("GET", f"{DATA}/limits"))[1]["DailyApiRequests"] == {"Max": 2, "Remaining": 2 - used}
    refused = await visitor.ask("POST", RETRIEVE, USUAL)
    assert code(refused) == (403, "REQUEST_LIMIT_EXCEEDED")
    assert refused[1][0]["message"].startswith("TotalRequests")
    assert visitor.headers["Sforce-Limit-Info"] == "api-usage=2/2"
    await visitor.control("POST", "settings", {"salesforce": {"daily_requests": 3}})
    assert len(await visitor.fetch([lead("1")])) == 1


async def test_the_versions_are_told_to_anybody(visitor: Visitor) -> None:
    status, told = await visitor.ask("GET", "/services/data/", token=None)
    assert status == 200
    assert {"label", "url", "version"} == set(told[0])
    assert "59.0" in {one["version"] for one in told}


@pytest.mark.parametrize(
    ("faults", "expected", "says"),
    [
        ({"rate_limited": 1.0}, (403, "REQUEST_LIMIT_EXCEEDED"), "ConcurrentRequests"),
        ({"server_error": 1.0}, (500, "UNKNOWN_EXCEPTION"), "unexpected"),
        ({"account_suspended": True}, (403, "API_DISABLED_FOR_ORG"), "not enabled"),
    ],
)
async def test_faults_strike_before_anything_is_told(
    visitor: Visitor, faults: dict[str, object], expected: tuple[int, str], says: str
) -> None:
    await visitor.control("POST", "faults", {"salesforce": faults})
    refused = await visitor.ask("POST", RETRIEVE, USUAL)
    assert code(refused) == expected
    assert says in refused[1][0]["message"]
    counted = await visitor.counted()
    assert (counted["leads_fetched"], counted["refused"]) == (0, {expected[1]: 1})


@pytest.mark.parametrize(
    ("faults", "soap", "oauth"),
    [
        ({"rate_limited": 1.0}, "REQUEST_LIMIT_EXCEEDED", "login rate exceeded"),
        ({"server_error": 1.0}, "UNKNOWN_EXCEPTION", "retry your request"),
        ({"account_suspended": True}, "ORG_LOCKED", "inactive_org"),
    ],
)
async def test_faults_strike_logins_in_the_words_of_each(
    visitor: Visitor, faults: dict[str, object], soap: str, oauth: str
) -> None:
    await visitor.control("POST", "faults", {"salesforce": faults})
    for path, words in ((SOAP, soap), (OAUTH, oauth)):
        async with visitor.http.post(visitor.sandbox.url + path, data="grant_type=password") as answer:
            assert answer.status >= 400
            assert words in await answer.text()
    assert (await visitor.counted())["logins"] == 0


async def test_an_answer_can_get_lost_although_the_request_counted(visitor: Visitor) -> None:
    await visitor.control("POST", "faults", {"salesforce": {"dropped": 1.0}})
    with pytest.raises(aiohttp.ClientConnectionError):
        await visitor.fetch([lead("1")])
    with pytest.raises(aiohttp.ClientConnectionError):
        await visitor.write({"id": lead("1"), "Rating": "Hot"})
    counted = await visitor.counted()
    assert counted["requests"] == {"retrieve": 1, "update": 1}
    assert (counted["leads_fetched"], counted["leads_written"]) == (1, 1)


async def test_too_many_requests_at_once_are_refused_over_all_sessions(visitor: Visitor) -> None:
    await visitor.control("POST", "settings", {"latency_ms": 200, "max_concurrent": 2})
    answers = await asyncio.gather(
        *(visitor.ask("POST", RETRIEVE, USUAL, token=f"session-{number}") for number in range(5))
    )
    assert sorted(status for status, _ in answers) == [200, 200, 403, 403, 403]


async def test_what_is_no_login_is_refused(visitor: Visitor) -> None:
    envelope = "<Envelope><Body><login><username>ann</username><password>p</password></login></Body></Envelope>"
    for path, sent, headers, words in (
        (SOAP, "<not xml", {"SOAPAction": "login"}, "UNKNOWN_EXCEPTION"),
        (SOAP, envelope, {}, "SOAPAction"),
        (SOAP, envelope.replace("ann", ""), {"SOAPAction": "login"}, "INVALID_LOGIN"),
        (OAUTH, "grant_type=authorization_code", {}, "unsupported_grant_type"),
        (OAUTH, "grant_type=client_credentials", {"Authorization": "Basic !"}, "invalid_client_id"),
        (OAUTH, "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b", {}, "invalid_grant"),
    ):
        async with visitor.http.post(visitor.sandbox.url + path, data=sent, headers=headers) as answer:
            assert answer.status in {400, 500}
            assert words in await answer.text()
    assert (await visitor.counted())["failed_logins"] == 6


async def test_reset_forgets_writings_counts_and_sessions(visitor: Visitor) -> None:
    await visitor.write({"id": lead("1"), "Score__c": 5})
    await visitor.control("POST", "salesforce/expire")
    await visitor.control("POST", "reset")
    assert (await visitor.fetch([lead("1")], "Score__c"))[0]["Score__c"] is None
    counted = await visitor.counted()
    assert (counted["requests"], counted["leads_written"]) == ({"retrieve": 1}, 0)


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ({"salesforce": {"daily": 1}}, "daily"),
        ({"salesforce": {"session_seconds": 0}}, "session_seconds"),
        ({"mix": {"salesforce": {"lost": 0.1}}}, "lost"),
        ({"mix": {"salesforce": {"deleted": 0.7, "hidden": 0.7}}}, "1.4"),
    ],
)
async def test_settings_that_cannot_be_are_refused(visitor: Visitor, payload: object, says: str) -> None:
    async with visitor.http.post(f"{visitor.sandbox.url}/_sandbox/settings", json=payload) as answer:
        assert answer.status == 400
        assert says in (await answer.json())["error"]
    assert len(await visitor.fetch([lead("1")])) == 1


async def test_large_exchanges_push_out_older_ones(monkeypatch: pytest.MonkeyPatch, visitor: Visitor) -> None:
    monkeypatch.setattr("clarion.sandbox.exchanges.KEPT_BYTES", 20_000)
    ids = [lead(f"{number:03}") for number in range(300)]
    for _ in range(3):
        await visitor.fetch([lead("1")])
    await visitor.fetch(ids)
    (kept,) = await visitor.control("GET", "exchanges")
    assert (kept["provider"], len(kept["response"])) == ("salesforce", 300)
    await visitor.fetch([lead("1")])
    assert [len(one["response"]) for one in await visitor.control("GET", "exchanges")] == [1]


async def test_a_body_of_some_megabytes_is_taken(visitor: Visitor) -> None:
    records = [
        {"attributes": {"type": "Lead"}, "id": lead(f"{number:03}"), "Description": "x" * 15_000}
        for number in range(200)
    ]
    body = io.BytesIO(json.dumps({"records": records}).encode())
    headers = {"Authorization": "Bearer x"}
    async with visitor.http.patch(visitor.sandbox.url + UPDATE, data=body, headers=headers) as answer:
        assert [one["success"] for one in await answer.json()] == [True] * 200


async def test_latency_holds_for_updates_as_well() -> None:
    sandbox = Sandbox(settings=Settings(latency_ms=300))
    await sandbox.start()
    async with aiohttp.ClientSession() as http:
        visitor = Visitor(sandbox, http)
        writing = asyncio.create_task(visitor.write({"id": lead("1"), "Rating": "Hot"}))
        while not (await visitor.counted())["leads_written"]:
            await asyncio.sleep(0.01)
        assert not writing.done()
        await writing
    await sandbox.stop()
