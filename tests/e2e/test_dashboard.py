"""A person in a real browser: uploads bad rows, checks, starts, steers, reads a transcript, takes the report."""

from __future__ import annotations

import csv
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, Page, async_playwright, expect

from clarion.domain.campaign import CampaignStatus
from clarion.domain.rights import Rights
from starter.keys import Keys
from tests.e2e.site import PATIENCE, Run, Site, magic, numbers

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ID = "from-browser"
PHONE = 375
"""Pixels."""
SLOW = PATIENCE * 1_000
"""Milliseconds to wait for what has to come."""


@dataclass
class Screen:
    """A page of a browser, and what it did that it should not have done."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note errors of scripts, what the policy forbade, and every request that leaves the installation."""
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda said: self.faults.append(said.text) if said.type == "error" else None)
        self.page.on(
            "request", lambda asked: None if asked.url.startswith(self.address) else self.faults.append(asked.url)
        )

    async def overflows(self) -> bool:
        """Whether the page is wider than the screen."""
        wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(await self.page.evaluate(wider))


@pytest_asyncio.fixture(loop_scope="session")
async def screen(leads: Site) -> AsyncIterator[Screen]:
    """A browser at the dashboard, signed in with a key that may operate."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"there is no Chromium here, by none of the names {', '.join(NAMES)}")
    address = leads.settings.public_url or ""
    _, key = Keys(leads.store).make(leads.settings.tenant, "browser", Rights.OPERATE, time.time())
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = await browser.new_page(viewport={"width": 1280, "height": 900}, accept_downloads=True)
        page.set_default_timeout(SLOW)
        opened = Screen(page, address)
        opened.watch()
        await page.goto(f"{address}/")
        await page.get_by_label("API key").fill(key)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Campaigns")).to_be_visible()
        yield opened
        await browser.close()


def write_contacts(path: Path, good: list[str], bad: list[str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["phone", "first_name"])
        lines.writerows([number, "Zebulon"] for number in [*good, *bad])
    return path


def figure(page: Page, name: str) -> Locator:
    """The figure beside a name."""
    return page.locator(f"dl.facts div:has(dt:text-is('{name}')) dd")


async def fill_in(page: Page, contacts: Path) -> None:
    """Describe a campaign of calls and upload its contacts."""
    await page.get_by_role("link", name="New campaign").click()
    await page.get_by_label("Contacts").set_input_files(contacts)
    await page.get_by_label("Name", exact=True).fill("Calls from the browser")
    await page.get_by_label("AI phone call").check()
    await page.get_by_label("Account").select_option("retell")
    await page.get_by_label("What is said first").fill("Hello {{ first_name }}")
    await page.get_by_label("Numbers without a country code").fill("US")
    await page.get_by_text("Limits, retries, budget").click()
    await page.get_by_label("Tries each").fill("1")
    await page.get_by_label("At once").fill("3")
    await page.get_by_text("Id", exact=True).click()
    await page.get_by_label("Id of the campaign").fill(ID)
    await page.get_by_role("button", name="Upload and check").click()


async def test_a_person_runs_a_campaign_of_calls_in_the_browser(leads: Site, screen: Screen, tmp_path: Path) -> None:
    page, people = screen.page, [*magic("9110", "9111", "9103"), *numbers(7)]
    await fill_in(page, write_contacts(tmp_path / "people.csv", people, ["12", "", people[0]]))
    await expect(figure(page, "Accepted")).to_have_text("10", timeout=SLOW)
    await expect(figure(page, "Rejected")).to_have_text("3")
    await expect(page.get_by_role("row").filter(has_text="invalid phone")).to_contain_text("12")
    await expect(page.get_by_role("row").filter(has_text="duplicate")).to_contain_text("14")

    await page.get_by_role("button", name="Start…").click()
    await page.get_by_role("dialog").get_by_text("10 people are contacted").wait_for()
    await page.keyboard.press("Escape")
    assert (await leads.campaigns.find(ID)).status is CampaignStatus.DRAFT
    await page.get_by_role("button", name="Start…").click()
    await page.keyboard.press("Enter")

    await page.get_by_role("button", name="Pause").click()
    status, books = page.locator("#live .pill").first, page.locator(".books li")
    await expect(status).to_have_text("paused", timeout=SLOW)
    await page.get_by_role("button", name="Resume").click()
    await expect(status).to_have_text("completed", timeout=SLOW)
    await expect(books.filter(has_text="succeeded")).to_contain_text("9")
    await expect(books.filter(has_text="skipped")).to_contain_text("3")
    await expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    await Run(leads, ID).end()

    await page.get_by_role("link", name="Transcripts").click()
    await expect(page.locator(".turns").first).to_contain_text("Zebulon")
    await page.get_by_role("link", name="Overview").click()
    async with page.expect_download() as coming:
        await page.get_by_role("link", name="CSV").click()
    report = (await (await coming.value).path()).read_text(encoding="utf-8-sig")
    assert len(list(csv.DictReader(report.splitlines()))) == len(people) + 3
    assert not screen.faults


async def test_pages_fit_a_phone_and_are_used_with_the_keyboard(leads: Site, screen: Screen) -> None:
    page = screen.page
    await page.set_viewport_size({"width": PHONE, "height": 780})
    await page.emulate_media(color_scheme="dark")
    of_all = ("", "new", "single", "templates", "schedules", "schedules/new", "analytics", "accounts", "hooks")
    for path in (*of_all, "do-not-contact", f"campaigns/{ID}"):
        await page.goto(f"{screen.address}/dashboard/{path}")
        assert not await screen.overflows(), path
    await page.goto(f"{screen.address}/dashboard/")
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.get_by_role("button", name="Light").press("Enter")
    await expect(page.get_by_role("button", name="Light")).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    assert not screen.faults
