"""Campaigns to look at: with targets in every state, without any worker."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from clarion.audience.checks import RowChecker
from clarion.audience.source import open_audience
from clarion.domain.campaign import parse_spec
from clarion.store.ledger import LedgerPage
from starter.drafts import parse_uploaded
from tests.starter.installation import CALLS, DELIVERED, LANDLINE, LOST, NOW, SENT, UNDELIVERED, OneCampaign
from tests.starter.rest.doorway import NORTH, Doorway, sms

HEAD = ["first_name", "phone"]
ANN = "+14155552000"


def rows(count: int) -> list[list[str]]:
    """Rows that are all in order, below their header."""
    return [HEAD, *([f"Ann{n}", f"+1415555{2_000 + n}"] for n in range(count))]


async def draft(door: Doorway, campaign_id: str = "spring", tenant: str = NORTH, **keys: object) -> str:
    """Make a draft without contacts."""
    spec = parse_uploaded(sms(account="main" if tenant == NORTH else "south", **keys))
    return (await door.of(tenant).drafts.create(spec, campaign_id)).ref.campaign_id


def imported(
    door: Doorway, given: Sequence[Sequence[str]], campaign_id: str = "spring", tenant: str = NORTH, **keys: object
) -> OneCampaign:
    """Make a campaign and import its audience, as a worker would."""
    path = Path(f"{campaign_id}.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(given)
    audience = {"file": path.name, "address": "phone"}
    spec = parse_spec(sms(**{"audience": audience, **keys}))
    ref = door.store.campaigns.create(tenant, campaign_id, spec, NOW)
    file_id = door.store.files.keep(ref.key, path)
    with open_audience(path) as reader:
        checker = RowChecker(spec, reader.columns, NOW, seed=ref.key)
        door.store.importing.add(ref.key, file_id, [checker.check(row) for row in reader.rows()], 0, NOW)
    door.store.files.finish(door.store.files.get(file_id), len(given) - 1, NOW)
    one = OneCampaign(door.store, ref, LedgerPage(door.store.database, {}, grace=15.0))
    one.run()
    return one


def mixed(door: Doorway, campaign_id: str = "spring", tenant: str = NORTH) -> OneCampaign:
    """Eight rows of a campaign of texts, in as many states as there are."""
    given = [*rows(6), ["Bob", "12"], ["Ann0", ANN]]
    one = imported(door, given, campaign_id, tenant, retry={"attempts": 3, "delay": "30m"}, limits={"per_second": 10})
    one.contact(DELIVERED, SENT, UNDELIVERED, LANDLINE, LOST)
    return one


def calling(door: Doorway, count: int = 4, campaign_id: str = "calls") -> OneCampaign:
    """A campaign of calls of which nobody has been called."""
    return imported(door, rows(count), campaign_id, NORTH, **CALLS, account="voice")
