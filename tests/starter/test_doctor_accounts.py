"""What the doctor finds out about accounts: accepted or not, what is used of them, and what their webhooks need."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import SecretStr

from clarion.settings import Account, Settings
from starter.doctor_accounts import account_findings
from starter.findings import Finding, Health
from starter.local.rehearsal import ask
from starter.local.stack import Stack
from tests.starter.web_door import PUBLIC

NUMBER = "+15005550006"
SECRET = "hidden-word"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with Stack(tmp_path_factory.mktemp("doctor")) as stack:
        yield await stack.start_sandbox()


def accounts(base_url: str, *, secret: bool = True, key: str = "good") -> dict[str, Account]:
    """One account with each vendor."""
    usual: dict[str, object] = {"auth_token": key, "base_url": base_url, "from_number": NUMBER}
    kept = {"webhook_secret": SECRET} if secret else {}
    own: dict[str, dict[str, object]] = {
        "alpha": {"provider": "twilio", "sid": "AC" + "0" * 32},
        "beta": {"provider": "retell"},
        "gamma": {"provider": "elevenlabs", "phone_number_id": "phnum_1", "from_number": None, **kept},
        "delta": {"provider": "exotel", "sid": "s", "api_key": "k", **kept},
        "epsilon": {"provider": "openai", "from_number": None},
        "zeta": {
            "provider": "salesforce",
            "from_number": None,
            "client_id": "app",
            "client_secret": key,
            "domain": "acme.my",
        },
    }
    return {name: Account.model_validate(usual | given) for name, given in own.items()}


async def found(given: dict[str, Account], public_url: str | None = PUBLIC) -> dict[str, Finding]:
    findings = await account_findings(Settings(accounts=given, public_url=public_url))
    return {finding.part: finding for finding in findings}


async def test_an_account_of_each_vendor_is_asked_whether_it_is_accepted(sandbox: str) -> None:
    looked = await found(accounts(sandbox))
    for name, provider, what in (
        ("alpha", "twilio", "texts and calls come from +15005550006"),
        ("beta", "retell", "calls come from +15005550006"),
        ("gamma", "elevenlabs", "calls come from phnum_1"),
        ("delta", "exotel", "calls come from +15005550006"),
        ("epsilon", "openai", "leads are assessed at 0.25 and 2 per million tokens asked and answered"),
    ):
        finding = looked[f"account {name}"]
        assert (finding.health, finding.detail) == (
            Health.OK,
            f"{provider} at {sandbox} accepts the credentials, {what}",
        )


async def test_a_salesforce_account_shows_how_much_of_its_api_is_used(sandbox: str) -> None:
    looked = await found({"zeta": accounts(sandbox)["zeta"]})
    finding = looked["account zeta"]
    assert finding.health is Health.OK
    assert re.fullmatch(
        f"salesforce at {sandbox} accepts the credentials, leads can be read; "
        r"[1-9]\d* of 100,000 API requests of 24 hours are used",
        finding.detail,
    )


async def test_a_key_that_is_refused_is_a_problem_of_its_account_alone(sandbox: str) -> None:
    bad = {"refused_tokens": ["bad"]}
    await asyncio.to_thread(ask, f"{sandbox}/_sandbox/settings", bad)
    mixed = accounts(sandbox) | {
        name: account for name, account in accounts(sandbox, key="bad").items() if name != "beta"
    }
    looked = await found(mixed)
    health = {name: looked[f"account {name}"].health for name in mixed}
    assert health == {name: "ok" if name == "beta" else "problem" for name in mixed}


async def test_a_salesforce_account_that_cannot_be_used_says_what_to_change(sandbox: str) -> None:
    given = accounts(sandbox)["zeta"]
    looked = await found({"zeta": given.model_copy(update={"domain": "login"})})
    assert looked["account zeta"].health is Health.PROBLEM
    assert "set domain to your My Domain" in looked["account zeta"].detail


async def test_vendors_with_a_console_have_to_be_told_the_address(sandbox: str) -> None:
    looked = await found(accounts(sandbox))
    assert looked["webhooks of beta"].detail == (
        f"Retell has to be told their address: {PUBLIC}/webhooks/retell/beta/call"
    )
    assert f"{PUBLIC}/webhooks/elevenlabs/gamma/call" in looked["webhooks of gamma"].detail
    assert "webhooks of alpha" not in looked
    assert "webhooks of delta" not in looked


async def test_a_missing_secret_is_told_with_the_setting_that_takes_it(sandbox: str) -> None:
    looked = await found(accounts(sandbox, secret=False))
    for name in ("gamma", "delta"):
        finding = looked[f"webhooks of {name}"]
        assert finding.health is Health.NOTE
        assert f"CLARION_ACCOUNTS__{name.upper()}__WEBHOOK_SECRET" in finding.detail
        assert "asked for every 20 s" in finding.detail


async def test_no_secret_is_shown(sandbox: str) -> None:
    told = " ".join(finding.detail for finding in (await found(accounts(sandbox))).values())
    assert SECRET not in told


async def test_without_a_public_address_no_webhooks_are_spoken_of(sandbox: str) -> None:
    assert not [part for part in await found(accounts(sandbox), None) if part.startswith("webhooks")]


async def test_a_messaging_service_texts_and_does_not_call(sandbox: str) -> None:
    service = Account(sid="AC" + "0" * 32, auth_token=SecretStr("good"), messaging_service="MG1", base_url=sandbox)
    looked = await found({"main": service})
    assert "texts go through MG1, calls need a number" in looked["account main"].detail
