"""``clarion check``: runs the preflight with a progress line, and prints what it found."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.text import Text

from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import ClarionError
from clarion.settings import Settings
from starter.checking.preflight import Preflight, Rejected, preflight
from starter.cli.frame import err, out
from starter.terminal.preflight_view import preflight_view
from starter.wiring import has_database, open_store

BETWEEN_UPDATES = 0.2
"""Seconds."""


def run_check(spec: CampaignSpec, settings: Settings, *, show_rows: bool, as_json: bool) -> bool:
    """Check a campaign and print the result; return whether anybody would be contacted. Raises BadInput."""
    stderr = err()
    listed = Listing(as_json=as_json) if show_rows else None
    with do_not_contact(settings, stderr) as suppressed, reading(stderr) as on_progress:
        found = preflight(
            spec,
            settings,
            suppressed=suppressed,
            on_rejected=listed.add if listed else lambda _: None,
            on_progress=on_progress,
        )
    if as_json:
        print_found_json(found, listed)
    else:
        console = out()
        console.print(preflight_view(found, time.time()))
    return found.accepted > 0


class Listing:
    """Writes rows that are left out as they come, so that memory stays flat however many there are."""

    def __init__(self, *, as_json: bool) -> None:
        self.begun = False
        self._as_json = as_json

    def add(self, row: Rejected) -> None:
        """Write one."""
        if self._as_json:
            typer.echo(('{"rows": [' if not self.begun else ",") + "\n  " + row.model_dump_json(), nl=False)
        else:
            typer.echo(f"row {row.row}: {row.outcome.replace('_', ' ')}: {row.detail}")
        self.begun = True


def print_found_json(found: Preflight, listed: Listing | None) -> None:
    """Print the result as JSON; rows that were listed stand before the rest of the same object."""
    if listed is None:
        typer.echo(found.model_dump_json(indent=2))
        return
    rest = json.dumps(found.model_dump(mode="json"), indent=2, ensure_ascii=False)
    typer.echo(("\n]," if listed.begun else '{"rows": [],') + rest.removeprefix("{"))


@contextmanager
def do_not_contact(settings: Settings, console: Console) -> Iterator[Callable[[Collection[str]], set[str]]]:
    """Give what looks into the do-not-contact list; without a database nothing, and a word about it."""
    if not has_database(settings):
        yield lambda _: set()
        return
    try:
        store = open_store(settings)
    except ClarionError as error:
        console.print(Text(f"the do-not-contact list is not consulted: {error}", "yellow"))
        yield lambda _: set()
        return
    try:
        yield lambda addresses: store.suppressions.among(settings.tenant, addresses) if addresses else set()
    finally:
        store.close()


@contextmanager
def reading(console: Console) -> Iterator[Callable[[int], None]]:
    """Show how many rows have been read, where there is a terminal to show it on."""
    if not console.is_terminal:
        yield lambda _: None
        return
    shown_at = 0.0
    with console.status("reading the audience") as status:

        def update(rows: int) -> None:
            nonlocal shown_at
            if time.monotonic() - shown_at >= BETWEEN_UPDATES:
                status.update(f"{rows:,} rows checked")
                shown_at = time.monotonic()

        yield update
