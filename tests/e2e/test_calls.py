"""Real campaigns of calls on real parts: every vendor's calls come to what their numbers say, however they are told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest
import pytest_asyncio

from clarion.account_contracts import AccountLimits
from clarion.contracts import AccountRef
from clarion.domain.campaign import CampaignStatus
from starter.accounts import Accounts
from starter.local.rehearsal import ask, dig
from starter.local.stack import Stack, calling_environment, sandbox_environment, webhook_settings
from starter.looking import Looking
from starter.wiring import Connection
from tests.e2e.conftest import Ground
from tests.e2e.site import NAME, TEXT, Run, Site, clarion, closed, magic, numbers, open_site
from tests.e2e.test_campaigns import assert_discreet

pytestmark = pytest.mark.asyncio(loop_scope="session")

TIME_SCALE = "0.02"
"""A call of a minute lasts 1.2 seconds."""

OWN = {"CLARION_TENANT": "calls", "CLARION_TASK_QUEUE": "calls"}
FASTER = {"POLL_AFTER": "1", "CALLS_PER_SECOND": "20", "CALLS_PER_MINUTE": "1200", "CALLS_PER_HOUR": "72000"}
ACCOUNTS = {"retell": "retell", "elevenlabs": "elevenlabs", "twilio": "main", "exotel": "exotel"}
"""By provider."""

ENDINGS: Mapping[str, tuple[str, str, int]] = {
    "9101": ("failed", "voicemail", 1),
    "9102": ("succeeded", "answered", 2),
    "9103": ("failed", "no_answer", 2),
    "9104": ("succeeded", "answered", 2),
    "9105": ("failed", "busy", 2),
    "9106": ("failed", "failed", 2),
    "9108": ("succeeded", "answered", 1),
    "9109": ("succeeded", "answered", 1),
    "9110": ("succeeded", "answered", 1),
    "9111": ("succeeded", "answered", 1),
    "9114": ("failed", "busy", 2),
}
"""State, outcome and number of calls by the last four digits, with two tries."""

EXCEPTIONS: Mapping[tuple[str, str], tuple[str, str, int]] = {
    ("exotel", "9101"): ("succeeded", "answered", 1),  # without machine detection it cannot tell
}
"""What differs at a vendor."""

LONG = (
    "Hello {{ first_name }}, this is a test that speaks for long enough to find out whether a machine has answered, as "
    "whoever hangs up sooner will never know; please stay on the line until it is over, and thank you for your time."
)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def calls(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """An installation of another tenant, whose sandbox plays calls quickly; numbers without a meaning are answered."""
    home = tmp_path_factory.mktemp("calls")
    environment = {**ground.stack.environment, **OWN, "CLARION_DATABASE_URL": f"sqlite:///{home / 'clarion.db'}"}
    async with Stack(home, environment) as stack:
        sandbox = await stack.start_sandbox(seed=1, options=["--time-scale", TIME_SCALE])
        stack.environment |= calling_environment(sandbox)
        more = sandbox_environment(sandbox, "", "twilio2")
        stack.environment |= {name: value for name, value in more.items() if "TWILIO2" in name}
        for name in (*ACCOUNTS.values(), "twilio2"):
            stack.environment |= {f"CLARION_ACCOUNTS__{name.upper()}__{key}": value for key, value in FASTER.items()}
        async with open_site(stack, sandbox) as site:
            settings = webhook_settings(site.settings.public_url or "")
            await site.tell_sandbox("settings", {**settings, "mix": {"calls": {}}})
            yield site


async def call(site: Site, provider: str, addresses: Sequence[str], **keys: object) -> Run:
    """Start a campaign of calls through a provider."""
    usual: dict[str, object] = {
        "channel": "call",
        "account": ACCOUNTS[provider],
        "message": None,
        "call": {"first_message": LONG, "max_minutes": 2},
        "limits": {"concurrency": 12},
        "retry": {"attempts": 2, "delay": "1s", "backoff": 1, "on": ["no_answer", "busy", "failed"]},
        "breaker": {"share": 1, "of": 50, "at_least": 50},
    }
    return await site.start(addresses, **{**usual, **keys})


async def effects(site: Site) -> object:
    """All that really happened."""
    return await asyncio.to_thread(ask, f"{site.sandbox}/_sandbox/effects?detail=1")


async def called(site: Site, provider: str) -> dict[str, int]:
    """How often each number was really called."""
    found = dig(await effects(site), provider, "calls", "targets")
    return {str(to): int(n) for to, n in found.items()} if isinstance(found, dict) else {}


@pytest.mark.parametrize("provider", sorted(ACCOUNTS))
async def test_every_number_comes_to_what_it_must(calls: Site, provider: str) -> None:
    odd, plain = magic(*ENDINGS), numbers(4)
    run = await call(calls, provider, [*plain, *odd, *magic("9107"), "12"])
    done = await run.end()
    outcomes, really = await run.outcomes(odd), await called(calls, provider)
    found = {number[-4:]: (*outcomes[number], really.get(number, 0)) for number in odd}
    assert found == {ending: EXCEPTIONS.get((provider, ending), fate) for ending, fate in ENDINGS.items()}
    assert [really[number] for number in plain] == [1] * 4
    assert (done.status, done.books.total, done.books.skipped) == (CampaignStatus.COMPLETED, 17, 1)
    assert done.books.succeeded == sum(state == "succeeded" for state, _, _ in found.values()) + 4


async def test_what_was_said_is_kept_and_summed_up(calls: Site) -> None:
    run = await call(calls, "elevenlabs", numbers(3))
    await run.end()
    looking = Looking(calls.store, calls.settings.tenant)
    told = await asyncio.to_thread(lambda: list(looking.transcripts(run.id)))
    assert [line.position for line in told] == [1, 2, 3]
    assert all(any(NAME in turn.text for turn in line.turns) for line in told)
    summary = await asyncio.to_thread(looking.call_summary, run.id)
    assert (summary.calls, summary.outcomes) == (3, {"answered": 3})
    assert summary.total_duration > 0
    assert summary.cost == pytest.approx((await run.progress()).spent)


async def test_a_pause_lets_calls_end_and_a_resume_calls_everybody_else_once(calls: Site) -> None:
    people = numbers(12)
    run = await call(calls, "retell", people, limits={"concurrency": 3})
    await run.until(lambda progress: progress.books.succeeded >= 3)
    await calls.campaigns.pause(run.id, "lunch")
    paused = await run.until(lambda progress: progress.status is CampaignStatus.PAUSED)
    assert (paused.reason, paused.books.active, paused.under_way) == ("lunch", 0, 0)
    begun = await called(calls, "retell")
    reached = sum(begun.get(number, 0) for number in people)
    assert reached == paused.books.succeeded < 12
    await asyncio.sleep(1)
    assert await called(calls, "retell") == begun
    await calls.campaigns.resume(run.id)
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=12)
    really = await called(calls, "retell")
    assert [really[number] for number in people] == [1] * 12


async def test_a_cancel_can_hang_up_on_people_who_would_talk_for_an_hour(calls: Site) -> None:
    talkers = [number for _ in range(5) for number in magic("9113")]
    words = {"first_message": LONG, "max_minutes": 60}
    run = await call(calls, "retell", talkers, call=words, limits={"concurrency": 2})
    await run.until(lambda progress: progress.stages.get("answered") == 2)
    await calls.campaigns.cancel(run.id, "wrong list", hang_up=True)
    done = await run.end()
    assert (done.status, done.books) == closed(CampaignStatus.CANCELLED, succeeded=2, cancelled=3)
    looking = Looking(calls.store, calls.settings.tenant)
    ended = await asyncio.to_thread(lambda: list(looking.last_calls(run.id)))
    assert [line.disconnection_reason for line in ended] == ["manual_stopped"] * 2
    assert dig(await effects(calls), "retell", "calls", "going") == 0


async def test_whoever_is_not_reached_gets_a_text(calls: Site) -> None:
    await calls.tell_sandbox("settings", {"mix": {"calls": {}, "twilio": {"delivered": 1.0}}})
    reached, missed = numbers(2), magic("9101", "9103")
    text = {
        "on": ["voicemail", "no_answer"],
        "message": f"Hi {{{{ first_name }}}}, your {TEXT} is due.",
        "account": "main",
    }
    run = await call(calls, "retell", [*reached, *missed], fallback=text)
    await run.end()
    (name,) = await asyncio.to_thread(Looking(calls.store, calls.settings.tenant).followers, run.id)
    calls.started.append(f"campaign/{calls.settings.tenant}/{name}")
    texts = Run(calls, name)
    assert (await texts.end()).books.succeeded == 2
    assert await texts.outcomes(missed) == dict.fromkeys(missed, ("succeeded", "delivered"))
    assert await calls.effects([*reached, *missed]) == [0, 0, 1, 1]


async def test_a_campaign_waits_as_queued_until_the_one_before_it_is_done(calls: Site) -> None:
    accounts = Accounts(calls.settings, Connection(calls.settings))
    await accounts.set_limits("twilio2", AccountLimits(campaigns=1, concurrency=2))
    first = await call(calls, "twilio", numbers(8), account="twilio2", limits={"concurrency": 5})
    await first.until(lambda progress: progress.status is CampaignStatus.RUNNING and progress.books.active > 0)
    second = await call(calls, "twilio", numbers(2), account="twilio2")
    waiting = await second.until(lambda progress: progress.status is CampaignStatus.QUEUED and bool(progress.reason))
    assert "1 campaign runs on account twilio2 already" in waiting.reason
    state = await accounts.lanes("twilio2")
    assert sum(holder.bound for holder in state.holders.values()) <= 2
    assert (await first.end()).books.succeeded == 8
    assert (await second.end()).books.succeeded == 2
    reset = await accounts.reset_limits("twilio2")
    assert (reset.limits.campaigns, reset.limits.concurrency) == (3, 50)


async def test_an_account_that_was_terminated_is_started_again_with_care(calls: Site) -> None:
    accounts = Accounts(calls.settings, Connection(calls.settings))
    await accounts.set_limits("twilio2", AccountLimits(concurrency=4))
    ref = AccountRef(tenant=calls.settings.tenant, account="twilio2")
    await calls.client.get_workflow_handle(ref.workflow_id).terminate("by mistake")
    again = await accounts.set_limits("twilio2", AccountLimits(concurrency=5))
    assert again.limits.concurrency == 5
    assert again.listens_until > 0, "campaigns may hold lanes that it does not know of"
    shown = await calls.client.get_workflow_handle(ref.workflow_id).describe()
    assert await shown.static_summary() == "lanes of account twilio2 · calls"


async def test_a_single_call_shows_what_was_said(calls: Site) -> None:
    (number,) = numbers(1)
    code, out, err = await clarion(
        calls, "call", number, "--account", "retell", "--first-message", "Hello {{ name }}!", "--var", "name=Quentin"
    )
    assert (code, err) == (0, "")
    assert "Hello Quentin!" in out
    assert "answered at" in out
    assert (await called(calls, "retell"))[number] == 1


async def test_a_single_call_that_reaches_nobody_says_so_and_fails(calls: Site) -> None:
    (busy,) = magic("9105")
    code, out, _ = await clarion(calls, "call", busy, "--account", "retell", "--first-message", "Hello", "--json")
    told = json.loads(out)
    assert (code, told["state"], told["outcome"]) == (1, "failed", "busy")
    assert told["call"]["disconnection_reason"] == "dial_busy"
    assert (await called(calls, "retell"))[busy] == 1


async def test_no_targets_data_is_in_any_history_or_log_of_calls(calls: Site) -> None:
    accounts = {AccountRef(tenant=calls.settings.tenant, account=name).workflow_id for name in ACCOUNTS.values()}
    calls.started.extend(sorted(accounts))
    await assert_discreet(calls)
