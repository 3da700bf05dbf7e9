"""The demo's choices: whom calls go through, and how long it waits for the campaigns that follow."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from clarion.domain.campaign import CampaignStatus, then_campaign
from clarion.domain.errors import BadInput, Unreachable
from clarion.settings import load_settings
from clarion.store.campaigns import Campaign
from starter.campaign_file import read_campaign_file
from starter.checking.startable import account_problems, check_startable
from starter.local import demo
from starter.local.part import Part
from starter.local.stack import Stack, analysing_environment, calling_environment, sandbox_environment
from starter.terminal import views
from starter.wiring import Installation
from tests.starter.installation import OneCampaign, Place, people


@pytest.mark.parametrize(
    ("provider", "account"),
    [(None, "retell"), ("retell", "retell"), ("twilio", "main"), ("exotel", "exotel"), ("elevenlabs", "elevenlabs")],
)
def test_the_example_can_be_called_through_every_vendor(
    place: Place, monkeypatch: pytest.MonkeyPatch, provider: str | None, account: str
) -> None:
    spec = demo.through(read_campaign_file(demo.example_campaign("call")), provider)
    assert spec.account == account
    for name, value in (sandbox_environment("http://x", "http://y") | calling_environment("http://x")).items():
        monkeypatch.setenv(name, value)
    assert account_problems(spec, load_settings()) == ()


def test_the_example_of_leads_can_be_started_and_followed_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = demo.through(read_campaign_file(demo.example_campaign("lead_analysis")), None)
    for name, value in (sandbox_environment("http://x", "http://y") | analysing_environment("http://x")).items():
        monkeypatch.setenv(name, value)
    check_startable(spec, load_settings(), 1.0)
    following = then_campaign(spec, "demo-lead_analysis")
    assert account_problems(following, load_settings()) == ()
    assert following.receipts.wait < demo.FOLLOWERS_WITHIN, "the demo sees its end"


@pytest.mark.parametrize(("channel", "provider"), [("sms", "retell"), ("call", "vonage"), ("lead_analysis", "retell")])
def test_a_provider_that_cannot_be_is_refused(channel: str, provider: str) -> None:
    with pytest.raises(BadInput, match="provider"):
        demo.through(read_campaign_file(demo.example_campaign(channel)), provider)


def test_a_channel_without_a_demo_names_those_that_have_one() -> None:
    with pytest.raises(BadInput, match="use sms, call, lead_analysis"):
        demo.example_campaign("letter")


def end_of(place: Place, campaign: OneCampaign) -> tuple[bool, str]:
    """Show the end of a demo; return whether it was good, and what was shown."""
    console = Console(file=io.StringIO(), width=120, _environ={})

    async def show() -> bool:
        async with Installation.open(load_settings()) as opened:
            found: Campaign = place.store.campaigns.get(campaign.ref.key)
            return await demo.show_calls(opened.campaigns, found, console)

    good = asyncio.run(show())
    assert isinstance(console.file, io.StringIO)
    return good, console.file.getvalue()


def with_texts(place: Place) -> tuple[OneCampaign, str]:
    fallback = {"on": ["no_answer"], "message": "Hi {{ first_name }}", "account": "main"}
    campaign = place.calls(people(1), fallback=fallback)
    return campaign, campaign.texts()


def test_the_demo_ends_when_the_texts_have(place: Place) -> None:
    campaign, texts = with_texts(place)
    key = place.store.campaigns.find("default", texts).ref.key
    place.store.campaigns.set_status(key, CampaignStatus.COMPLETED, "", 1.0)
    good, shown = end_of(place, campaign)
    assert good
    assert "texts to those who were not reached" in shown


def test_the_demo_waits_for_texts_no_longer_than_it_says(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "FOLLOWERS_WITHIN", 0.3)
    monkeypatch.setattr(views, "BETWEEN_LOOKS", 0.02)
    campaign, texts = with_texts(place)
    key = place.store.campaigns.find("default", texts).ref.key
    place.store.campaigns.set_status(key, CampaignStatus.RUNNING, "", 1.0, open_=True)
    good, shown = end_of(place, campaign)
    assert not good
    assert "the demo waits no longer" in shown


def test_calls_without_texts_end_at_once(place: Place) -> None:
    campaign = place.calls(people(1))
    good, shown = end_of(place, campaign)
    assert good
    assert "texts to" not in shown


async def test_a_worker_that_cannot_start_ends_the_demo_with_what_it_said(tmp_path: Path) -> None:
    async def at_once() -> bool:
        return True

    command = [sys.executable, "-c", "import sys; sys.exit('no account of this name')"]
    stack = Stack(tmp_path)
    stack.parts["worker-1"] = Part("worker-1", command, {}, tmp_path / "worker-1.log", at_once)
    await stack.parts["worker-1"].start()
    with pytest.raises(Unreachable, match=r"worker-1 ended by itself(.|\n)*no account of this name"):
        await demo.while_all_parts_live(stack, asyncio.sleep(60))
    assert await demo.while_all_parts_live(Stack(tmp_path), asyncio.sleep(0, "done")) == "done"
