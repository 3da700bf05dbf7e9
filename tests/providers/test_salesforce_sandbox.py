"""Our Salesforce client against our sandbox: two independent readings of Salesforce's documentation."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from clarion.domain.lead import USUAL_FIELDS, LeadValue
from clarion.providers.lead_ports import ApiUsage, CrmError, WriteResult
from clarion.providers.ports import AccountBroken, ProviderError, RateLimited, Unavailable
from clarion.providers.salesforce import SalesforceCrm, open_salesforce
from clarion.sandbox.faults import Faults
from clarion.sandbox.salesforce.api import SalesforceApi
from clarion.sandbox.salesforce.settings import SalesforceSettings
from clarion.sandbox.server import Sandbox
from clarion.sandbox.vendor import Settings as SandboxSettings
from tests.providers.scripted_salesforce import CLIENT, GIVEN, PASSWORD, SOAP, account, in_threads
from tests.sandbox.parties import started
from tests.sandbox.salesforce_parties import lead

ONE, TWO, NOBODY, DELETED, CONVERTED = lead("0001"), lead("0002"), lead("9401"), lead("9402"), lead("9403")
REFUSING, LOCKED = lead("9407"), lead("9408")


def sandbox_with(**settings: object) -> AbstractAsyncContextManager[Sandbox]:
    return started(SandboxSettings(latency_ms=0, salesforce=SalesforceSettings.model_validate(settings)))


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with sandbox_with() as sandbox:
        yield sandbox


@contextmanager
def crm_of(sandbox: Sandbox, login: Mapping[str, object] = SOAP, *, patience: float = 5.0) -> Iterator[SalesforceCrm]:
    crm = open_salesforce(account(sandbox.url, login, patience=patience))
    yield crm
    crm.close()


@pytest.fixture
def crm(sandbox: Sandbox) -> Iterator[SalesforceCrm]:
    with crm_of(sandbox) as crm:
        yield crm


def breaks(sandbox: Sandbox, **faults: float | bool) -> None:
    sandbox.worlds["salesforce"].faults.set(Faults.model_validate(faults))


def vendor(sandbox: Sandbox) -> SalesforceApi:
    found = sandbox.vendors["salesforce"]
    assert isinstance(found, SalesforceApi)
    return found


def tally(sandbox: Sandbox) -> Mapping[str, object]:
    return vendor(sandbox).tally(detail=True)


def ends_sessions(sandbox: Sandbox) -> None:
    vendor(sandbox).commands["expire"]()


@pytest.fixture(scope="module")
def jwt_login() -> Mapping[str, object]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {"username": "ann@example.com", "client_id": "key", "private_key": pem}


async def test_leads_are_fetched_and_the_missing_are_told_apart(crm: SalesforceCrm, sandbox: Sandbox) -> None:
    ids = [ONE, NOBODY, CONVERTED, DELETED, TWO]
    found = await asyncio.to_thread(crm.fetch, ids, USUAL_FIELDS)
    assert [one.id if one else None for one in found] == [ONE, None, CONVERTED, None, TWO]
    assert [one.converted for one in found if one] == [False, True, False]
    assert all(tuple(one.fields) == USUAL_FIELDS and one.fields["Company"] for one in found if one)
    assert await asyncio.to_thread(crm.deleted, [NOBODY, DELETED]) == {DELETED}
    assert tally(sandbox)["requests"] == {"retrieve": 1, "query": 1}
    assert crm.usage == ApiUsage(2, 100_000)


async def test_two_thousand_leads_are_one_request(crm: SalesforceCrm, sandbox: Sandbox) -> None:
    ids = [lead(f"{number:04}", begin="00Q5e00000B") for number in range(2000)]
    found = await asyncio.to_thread(crm.fetch, ids, USUAL_FIELDS)
    assert [one.id for one in found if one] == ids
    assert tally(sandbox)["requests"] == {"retrieve": 1}


async def test_four_hundred_ids_fit_into_one_look_at_the_bin(crm: SalesforceCrm) -> None:
    ids = [lead(f"{number:04}", begin="00Q5e00000B") for number in range(399)]
    assert await asyncio.to_thread(crm.deleted, [*ids, DELETED]) == {DELETED}


async def test_a_field_that_there_is_not_is_named() -> None:
    async with sandbox_with(missing_fields=["industry"]) as sandbox:
        with crm_of(sandbox) as crm, pytest.raises(CrmError, match=r"\(field Industry\) \(INVALID_FIELD\)"):
            await asyncio.to_thread(crm.fetch, [ONE], ["Name", "Industry"])


async def test_answers_are_written_each_for_itself(crm: SalesforceCrm, sandbox: Sandbox) -> None:
    answers: dict[str, dict[str, LeadValue]]
    answers = {one: {"Rating": "Hot", "Score__c": 83} for one in (ONE, REFUSING, LOCKED, NOBODY, DELETED, CONVERTED)}
    results = await asyncio.to_thread(crm.write, answers)
    assert [result.id for result in results] == list(answers)
    why = {result.id: result.error or "" for result in results if result.error is not None}
    assert sorted(why) == sorted([REFUSING, NOBODY, DELETED, CONVERTED])
    assert "closed for changes by its owner" in why[REFUSING]
    assert "no such lead" in why[NOBODY]
    assert "has been deleted" in why[DELETED]
    assert "has been converted" in why[CONVERTED]
    (written,) = await asyncio.to_thread(crm.fetch, [ONE], ["Rating", "Score__c"])
    assert written is not None
    assert written.fields == {"Rating": "Hot", "Score__c": 83}
    assert tally(sandbox)["leads_written_again"] == 0


async def test_an_answer_that_does_not_fit_its_field_is_told_with_the_field(crm: SalesforceCrm) -> None:
    results = await asyncio.to_thread(crm.write, {ONE: {"Title": "x" * 300}, TWO: {"NumberOfEmployees": "many"}})
    assert results == [
        WriteResult(ONE, "Not written: the answer is longer than the field takes (field Title; STRING_TOO_LONG)."),
        WriteResult(
            TWO,
            "Not written: the answer is of another type than the field "
            "(field NumberOfEmployees; INVALID_TYPE_ON_FIELD_IN_RECORD).",
        ),
    ]


@pytest.mark.parametrize("way", ["session", "jwt", "soap", "password", "client"])
async def test_every_way_to_log_in_is_taken(sandbox: Sandbox, jwt_login: Mapping[str, object], way: str) -> None:
    login = {"session": GIVEN, "jwt": jwt_login, "soap": SOAP, "password": PASSWORD, "client": CLIENT}[way]
    with crm_of(sandbox, login) as crm:
        await asyncio.to_thread(crm.check)
        await asyncio.to_thread(crm.fetch, [ONE], ["Name"])
    assert tally(sandbox)["logins"] == (0 if way == "session" else 1)


@pytest.mark.parametrize("refused", ["pass<&>word", "key", "conceal"])
async def test_a_login_that_is_refused_breaks_the_account(refused: str) -> None:
    settings = SandboxSettings(latency_ms=0, refused_tokens=(refused,))
    login = SOAP if refused == SOAP["password"] else CLIENT
    async with started(settings) as sandbox:
        with crm_of(sandbox, login) as crm, pytest.raises(AccountBroken) as caught:
            await asyncio.to_thread(crm.check)
        assert refused not in str(caught.value).split()
        assert tally(sandbox)["failed_logins"] == 1


async def test_a_session_that_ends_in_between_is_renewed_once_for_all_threads(
    sandbox: Sandbox, crm: SalesforceCrm
) -> None:
    await asyncio.to_thread(crm.check)
    ends_sessions(sandbox)
    async with asyncio.timeout(20):
        found = await in_threads(30, lambda: crm.fetch([ONE], ["Name"]))
    assert all(isinstance(one, list) and one[0] for one in found)
    assert tally(sandbox)["logins"] == 2


async def test_sessions_that_last_for_one_request_still_fetch_everything() -> None:
    async with sandbox_with(session_requests=1) as sandbox:
        with crm_of(sandbox) as crm:
            for number in range(5):
                assert await asyncio.to_thread(crm.fetch, [lead(f"{number:04}")], ["Name"])
        assert tally(sandbox)["logins"] == 5


async def test_a_session_that_was_given_ends_for_good(sandbox: Sandbox) -> None:
    with crm_of(sandbox, GIVEN) as crm:
        await asyncio.to_thread(crm.check)
        ends_sessions(sandbox)
        with pytest.raises(AccountBroken, match="set a fresh session_id"):
            await asyncio.to_thread(crm.fetch, [ONE], ["Name"])


async def test_requests_that_are_used_up_are_waited_for() -> None:
    async with sandbox_with(daily_requests=1) as sandbox:
        with crm_of(sandbox) as crm:
            await asyncio.to_thread(crm.check)
            with pytest.raises(RateLimited) as caught:
                await asyncio.to_thread(crm.fetch, [ONE], ["Name"])
            assert caught.value.retry_after == 300.0
            assert crm.usage == ApiUsage(1, 1)


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ({"rate_limited": 1.0}, RateLimited),
        ({"server_error": 1.0}, Unavailable),
        ({"outage": 60.0}, Unavailable),
        ({"account_suspended": True}, AccountBroken),
    ],
)
@pytest.mark.parametrize("login", [SOAP, CLIENT])
async def test_faults_are_told_alike_before_and_after_the_login(
    sandbox: Sandbox, login: Mapping[str, object], faults: dict[str, float], expected: type[ProviderError]
) -> None:
    with crm_of(sandbox, login) as crm:
        breaks(sandbox, **faults)
        with pytest.raises(expected):
            await asyncio.to_thread(crm.check)
        breaks(sandbox)
        await asyncio.to_thread(crm.check)
        breaks(sandbox, **faults)
        with pytest.raises(expected):
            await asyncio.to_thread(crm.fetch, [ONE], ["Name"])


@pytest.mark.parametrize("faults", [{"dropped": 1.0}, {"server_error_after": 1.0}])
async def test_a_write_whose_answer_was_lost_can_be_written_again(
    sandbox: Sandbox, crm: SalesforceCrm, faults: dict[str, float]
) -> None:
    await asyncio.to_thread(crm.check)
    breaks(sandbox, **faults)
    with pytest.raises(Unavailable):
        await asyncio.to_thread(crm.write, {ONE: {"Rating": "Hot"}})
    breaks(sandbox)
    assert await asyncio.to_thread(crm.write, {ONE: {"Rating": "Hot"}}) == [WriteResult(ONE)]


async def test_an_answer_that_comes_too_late_is_asked_for_again(sandbox: Sandbox) -> None:
    with crm_of(sandbox, GIVEN, patience=0.05) as crm:
        breaks(sandbox, slow=1.0, slow_seconds=3.0)
        with pytest.raises(Unavailable, match="in time"):
            await asyncio.to_thread(crm.fetch, [ONE], ["Name"])
        breaks(sandbox)
        assert await asyncio.to_thread(crm.fetch, [ONE], ["Name"])
