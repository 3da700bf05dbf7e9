"""``clarion show``: everything about one campaign on one page."""

from __future__ import annotations

import time
from collections.abc import Iterator

import typer
import yaml
from pydantic import BaseModel
from rich.console import RenderableType
from rich.text import Text

from clarion.domain.campaign import CampaignSpec, CampaignStatus, Channel
from clarion.domain.errors import ClarionError
from clarion.store.campaigns import Campaign
from starter.cli.frame import out
from starter.launching import web_ui, workflow_id
from starter.looking import EventLine, Looking
from starter.progress import Progress
from starter.terminal.panels import Sight, campaign_panel
from starter.terminal.tables import new_table
from starter.times import clock
from starter.wiring import Installation

LINES = 20


class Page(BaseModel):
    """A campaign, its rules, how it stands, and what happened to it as a whole."""

    progress: Progress
    account: str
    parent: str | None
    """The campaign that this one follows."""
    texts: str | None
    """The campaign of texts that follows these calls."""
    then: str | None = None
    """The campaign that follows with some of these leads."""
    spec: CampaignSpec
    workflow_id: str
    web_ui: str | None
    temporal: str
    """What is wrong in Temporal, if anything is."""
    events: list[EventLine]


async def show_campaign(opened: Installation, campaign_id: str, *, as_json: bool) -> None:
    """Print a campaign's page. Raises NotFound."""
    look = Looking(opened.store, opened.settings.tenant)
    campaign = look.find(campaign_id)
    temporal, namespace = await _word_of_temporal(opened, campaign)
    follower = next(iter(look.followers(campaign_id)), None)
    page = Page(
        progress=look.progress(campaign_id),
        account=campaign.account,
        parent=campaign.spec.feed.campaign if campaign.spec.feed else None,
        texts=follower if campaign.spec.then is None else None,
        then=follower if campaign.spec.then is not None else None,
        spec=campaign.spec,
        workflow_id=workflow_id(campaign),
        web_ui=web_ui(opened.settings, campaign, namespace),
        temporal=temporal,
        events=look.history(campaign_id),
    )
    if as_json:
        typer.echo(page.model_dump_json(indent=2))
        return
    console = out()
    now = time.time()
    console.print(campaign_panel(Sight(page.progress, (), now, warning=page.temporal), width=console.width))
    console.print()
    for line in _lineage(page):
        console.print(line)
    console.print()
    console.print(_rules(page), soft_wrap=True)  # a link that is broken can be followed by nobody
    console.print()
    console.print(_log(page, now))


async def _word_of_temporal(opened: Installation, campaign: Campaign) -> tuple[str, str]:
    """Return what is wrong with the campaign in Temporal, if anything is, and the namespace."""
    if campaign.status is CampaignStatus.DRAFT:
        return "", "default"
    try:
        client = await opened.campaigns.connect()
        return await opened.campaigns.ended_in_temporal(campaign.ref.campaign_id), client.namespace
    except ClarionError as error:
        return str(error), "default"


def _lineage(page: Page) -> Iterator[Text]:
    """Say through which account, and what campaign comes before or after this one."""
    name = page.account
    how = f"; who holds its lanes: clarion account {name}" if page.spec.channel is Channel.CALL else ""
    yield Text.assemble(("account ", "dim"), name, (how, "dim"))
    if page.spec.lead is not None:
        yield Text.assemble(("leads from account ", "dim"), page.spec.lead.account)
    feed = page.spec.feed
    if page.parent is not None and feed is not None and feed.when is not None:
        yield Text.assemble(("takes the leads of ", "dim"), (page.parent, "bold"), (f" with {feed.when}", "dim"))
    elif page.parent is not None and feed is not None:
        reasons = " or ".join(outcome.replace("_", " ") for outcome in feed.outcomes)
        yield Text.assemble(("texts those whom ", "dim"), (page.parent, "bold"), (f" did not reach: {reasons}", "dim"))
    if page.texts is not None:
        yield Text.assemble(("texts to those not reached ", "dim"), (page.texts, "bold"))
    if page.then is not None and page.spec.then is not None:
        yield Text.assemble(("then ", "dim"), (page.then, "bold"), (f" with leads of {page.spec.then.when}", "dim"))


def _rules(page: Page) -> Text:
    rules = page.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    text = yaml.safe_dump(rules, sort_keys=False, allow_unicode=True, width=100).rstrip()
    shown = Text.assemble(("rules\n", "dim"), text)
    shown.append(f"\n\nworkflow {page.workflow_id}", "dim")
    if page.web_ui:
        shown.append(f"\n{page.web_ui}", "dim")
    return shown


def _log(page: Page, now: float) -> RenderableType:
    table = new_table("at", "what", "")
    for event in page.events[-LINES:]:
        table.add_row(clock(event.at, now), event.kind, Text(event.detail))
    return table
