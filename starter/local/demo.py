"""Everything on this machine: ``demo`` runs one campaign on the sandbox and leaves nothing, ``up`` stays."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from clarion import temporal
from clarion.domain.call import CALLERS
from clarion.domain.campaign import CampaignSpec, CampaignStatus, Channel
from clarion.domain.errors import BadInput, ClarionError, Unreachable, did_you_mean
from clarion.domain.rights import Rights
from clarion.domain.target import Outcome
from clarion.settings import RUNNING_FILE, Settings
from clarion.store.campaigns import Campaign
from clarion.store.migrate import migrate
from starter.campaign_file import read_campaign_file
from starter.campaigns import Campaigns
from starter.keys import Keys
from starter.local.rehearsal import ask
from starter.local.stack import (
    CALLING,
    HOST,
    Stack,
    analysing_environment,
    calling_environment,
    free_port,
    sandbox_environment,
    webhook_settings,
)
from starter.looking import Looking
from starter.terminal import views
from starter.terminal.call_views import summary_view, transcript_view
from starter.wiring import Installation, new_store

T = TypeVar("T")

EXAMPLES = {"sms": "reminder.yaml", "call": "calls.yaml", "lead_analysis": "leads.yaml"}

TIME_SCALE = {"sms": 1.0, "call": 0.05, "lead_analysis": 1.0}
"""A call of a minute lasts three seconds in the demo."""

QUICK = {"CLARION_UNKNOWN_GRACE": "2", "CLARION_INTENT_SLACK": "2", "CLARION_HOOKS_TO_PRIVATE": "true"}
"""The sandbox answers in milliseconds, so a demo need not wait as long for what is unknown; and hooks may stay here."""

REHEARSAL_SCALE = 0.2
"""In `clarion up --sandbox` a call of a minute lasts twelve seconds."""

REHEARSAL_KEY = 86_400.0
"""Seconds for which the key opens the door that `clarion up --sandbox` shows."""

BETWEEN_LOOKS = 1.0
"""Seconds between two looks at whether the parts still run."""

FOLLOWERS_WITHIN = 90.0
"""Seconds after a campaign in which those that follow it must have ended."""


async def run_demo(channel: str, *, provider: str | None = None, as_json: bool = False) -> int:
    """Run the example campaign of a channel from start to end, calls through ``provider``; return the exit code.

    Raises BadInput for a channel without a demo, or a provider that places no calls.
    """
    example = example_campaign(channel)
    spec = through(read_campaign_file(example), provider)
    console = Console(stderr=as_json)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clarion-demo-", ignore_cleanup_errors=True) as folder:
        async with Stack(Path(folder)) as stack:
            stack.environment["CLARION_DATABASE_URL"] = f"sqlite:///{folder}/clarion.db"
            ports = (free_port(), free_port(), free_port())
            await start_parts(stack, ports, sandbox=True, say=console.print, time_scale=TIME_SCALE[channel])
            async with Installation.open(stack.settings()) as installation:
                campaigns = installation.campaigns
                campaign = await campaigns.start(spec, campaign_id=f"demo-{channel}")
                console.print(f"[dim]campaign[/] {campaign.ref.campaign_id} [dim]from[/] {example}\n")
                following = views.follow(campaigns, campaign.ref.campaign_id, console=console)
                progress = await while_all_parts_live(stack, following)
                await views.print_report(campaigns, campaign.ref.campaign_id, console=console)
                good = progress.books.balanced and progress.status is CampaignStatus.COMPLETED
                if spec.channel is Channel.CALL:
                    good &= await show_calls(campaigns, campaign, console)
                elif spec.channel is Channel.LEAD_ANALYSIS:
                    good &= await follow_followers(campaigns, campaign, console, "those whom the assessment picked")
    console.print(f"\n[dim]{time.monotonic() - began:.0f} s in all; everything that was started has been stopped.[/]")
    if as_json:
        sys.stdout.write(progress.model_dump_json(indent=2) + "\n")
    return 0 if good else 1


async def while_all_parts_live(stack: Stack, doing: Coroutine[object, object, T]) -> T:
    """Do it to the end. Raises Unreachable when a part ends by itself, as nothing would ever come of it then."""
    task = asyncio.ensure_future(doing)
    try:
        while not task.done():
            await asyncio.wait([task], timeout=BETWEEN_LOOKS)
            for part in stack.parts.values():
                if not part.alive and not task.done():
                    message = f"{part.name} ended by itself; nothing can go on. The end of its log:\n{part.last_words}"
                    raise Unreachable(message)
        return task.result()
    finally:
        task.cancel()


def through(spec: CampaignSpec, provider: str | None) -> CampaignSpec:
    """Let a campaign call through the sandbox's account with ``provider``. Raises BadInput."""
    if provider is None:
        return spec
    if spec.channel is not Channel.CALL:
        raise BadInput(f"--provider is for the demo of calls; the one of {spec.channel} has one provider")
    if provider not in CALLERS:
        near = did_you_mean(provider, CALLERS)
        raise BadInput(f'"{provider}" is not a provider of calls{near}; give {", ".join(CALLERS)}')
    return spec.model_copy(update={"account": provider if provider in CALLING else "main"})


async def show_calls(campaigns: Campaigns, campaign: Campaign, console: Console) -> bool:
    """Show what the calls came to, one of them word by word, and the texts that follow; whether these went well."""
    name = campaign.ref.campaign_id
    looking = Looking(campaigns.store, campaigns.settings.tenant)
    console.print()
    console.print(summary_view(await asyncio.to_thread(looking.call_summary, name)))
    spoken = (line for line in looking.transcripts(name) if line.outcome == Outcome.ANSWERED and line.turns)
    if example := next(spoken, None):
        console.print(f"\n[dim]one of them; all:[/] clarion transcripts {name}")
        console.print(transcript_view(example), crop=False)
    return await follow_followers(campaigns, campaign, console, "texts to those who were not reached")


async def follow_followers(campaigns: Campaigns, campaign: Campaign, console: Console, whom: str) -> bool:
    """Show the campaigns that follow one until they end; whether they went well."""
    looking, good = Looking(campaigns.store, campaigns.settings.tenant), True
    for name in await asyncio.to_thread(looking.followers, campaign.ref.campaign_id):
        console.print(f"\n[dim]{whom}:[/]")
        good &= await _follow_to_the_end(campaigns, name, console)
    return good


async def _follow_to_the_end(campaigns: Campaigns, name: str, console: Console) -> bool:
    try:
        async with asyncio.timeout(FOLLOWERS_WITHIN):
            progress = await views.follow(campaigns, name, console=console)
    except TimeoutError:
        console.print(f"[red]They have not ended within {FOLLOWERS_WITHIN:.0f} s, and the demo waits no longer.[/]")
        return False
    return progress.books.balanced and progress.status is CampaignStatus.COMPLETED


async def run_up(settings: Settings, *, sandbox: bool = False) -> int:
    """Start all parts and keep them running until Ctrl-C; return the exit code."""
    console = Console()
    home = settings.folder
    running = home / RUNNING_FILE
    async with Stack(home) as stack:
        stack.environment["CLARION_DATABASE_URL"] = settings.database
        ports = (settings.temporal_port, settings.temporal_ui_port, settings.web_port)
        await start_parts(stack, ports, sandbox=sandbox, say=console.print, time_scale=REHEARSAL_SCALE)
        if not stack.settings().accounts:
            console.print(
                "[yellow]No account is set up, nothing can be sent:[/] set CLARION_ACCOUNTS__MAIN__SID and the rest, "
                "or rehearse with `clarion up --sandbox`."
            )
        running.touch(mode=0o600)
        lines = [f"{name}={value}" for name, value in stack.environment.items() if name.startswith("CLARION_")]
        running.write_text("\n".join(lines) + "\n", encoding="utf-8")
        _tell_dashboard(stack.settings(), ports[2], console, sandbox=sandbox)
        console.print(
            "\nRunning; Ctrl-C stops everything. In another terminal: [bold]clarion start campaign.yaml --follow[/]"
        )
        try:
            await _keep_running(stack, console)
        finally:
            running.unlink(missing_ok=True)
            console.print("stopping: chunks under way end by themselves")
    return 0


def _tell_dashboard(settings: Settings, port: int, console: Console, *, sandbox: bool) -> None:
    """Say where the dashboard is, and how to get in: a rehearsal's key may stand on the screen, it contacts nobody."""
    console.print(f"[dim]Dashboard[/]  http://{HOST}:{port}/dashboard")
    if not sandbox:
        console.print("[dim]           sign in with a key: clarion keys create NAME --rights admin[/]")
        return
    store = new_store(settings)
    try:
        now = time.time()
        _, key = Keys(store).make(settings.tenant, "rehearsal", Rights.ADMIN, now, expires_at=now + REHEARSAL_KEY)
    finally:
        store.close()
    console.print(f"[dim]           sign in with[/] {key} [dim](for a day)[/]", soft_wrap=True)


async def start_parts(
    stack: Stack,
    ports: tuple[int, int, int],
    *,
    sandbox: bool,
    say: Callable[[str], object],
    time_scale: float = 1.0,
) -> None:
    """Start Temporal (unless a cluster is configured), the sandbox if wanted, the web door and a worker.

    ``ports``: Temporal's, its Web UI's, the web door's. ``time_scale``: how long the sandbox's world takes for things.
    """
    port, ui_port, web_port = ports
    if temporal.is_configured() and not sandbox:
        say("[dim]Temporal[/]   as TEMPORAL_ADDRESS and its configuration say")
    else:
        address = await stack.start_temporal(port, ui_port)
        say(f"[dim]Temporal[/]   {address}   [dim]Web UI[/] http://{HOST}:{ui_port}")
    web = f"http://{HOST}:{web_port}"
    if sandbox:
        inbound = f"{web}/webhooks/twilio/main/inbound"
        options = ["--inbound-url", inbound, "--time-scale", f"{time_scale:g}"]
        url = await stack.start_sandbox(seed=1, options=options)
        await asyncio.to_thread(ask, f"{url}/_sandbox/settings", webhook_settings(web))
        # Accounts of somebody's own, too: whatever a rehearsal's campaign names, nobody is contacted.
        own = {f"CLARION_ACCOUNTS__{name.upper()}__BASE_URL": url for name in stack.settings().accounts}
        stack.environment |= (
            own | sandbox_environment(url, web) | calling_environment(url) | analysing_environment(url) | QUICK
        )
        say(f"[dim]Sandbox[/]    {url}")
    await asyncio.to_thread(_migrate, stack.settings())
    await stack.start_web(web_port)
    say(f"[dim]Web door[/]   {web}")
    worker = await stack.start_worker()
    say(f"[dim]Worker[/]     process {worker.pid}")


def example_campaign(channel: str) -> Path:
    """Find the example campaign of a channel, in the checkout or in the installed package. Raises BadInput."""
    if channel not in EXAMPLES:
        message = f'there is no demo for "{channel}" yet; use {", ".join(EXAMPLES)}'
        raise BadInput(message)
    here = Path(__file__).parents[1]
    found = [folder / EXAMPLES[channel] for folder in (here / "examples", here.parent / "examples")]
    return next((path for path in found if path.exists()), found[0])


def _migrate(settings: Settings) -> None:
    from clarion.store.database import Database

    database = Database(settings.database)
    try:
        migrate(database)
    finally:
        database.close()


async def _keep_running(stack: Stack, console: Console) -> None:
    stop = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stop.set)
    while not stop.is_set():
        for part in stack.parts.values():
            if not part.alive:
                console.print(f"[yellow]{part.name} ended by itself and is started again; its log: {part.log}[/]")
                try:
                    await part.start()
                except ClarionError as error:
                    console.print(f"[red]{error}[/]")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), BETWEEN_LOOKS)
