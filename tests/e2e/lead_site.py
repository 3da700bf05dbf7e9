"""Analyses of leads on a site: leads nobody else has used, what the sandbox has counted, and what stands in reports."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

from clarion.domain.campaign import CampaignSpec, parse_spec
from clarion.domain.lead_id import checksum
from clarion.store.lead_lines import LeadLine
from starter.amending import amended
from starter.launching import workflow_id
from starter.local.rehearsal import ask, dig
from starter.looking import Looking
from starter.looking_leads import lead_lines
from tests.e2e.site import NAME, TEXT, Run, Site

COLUMN = "Lead ID"
PRICES = (0.25, 2.0)
"""Money for a million tokens of questions, and of answers, on an account that says nothing about it."""

_BLOCKS = itertools.count(1)


class Counted(NamedTuple):
    """What the sandbox has counted since it began, for all campaigns."""

    answers: int
    input_tokens: int
    output_tokens: int
    crm_requests: int
    written: int
    """Fields of leads that were written."""

    def since(self, earlier: Counted) -> Counted:
        """What was counted after an earlier look."""
        return Counted(*(now - before for now, before in zip(self, earlier, strict=True)))


class Analysis(Run):
    """One analysis of leads on a site."""

    async def lines(self) -> list[LeadLine]:
        """Every row of the input and what became of it."""
        key = await self.key()
        looking = Looking(self.site.store, self.site.settings.tenant)
        return await asyncio.to_thread(lambda: list(lead_lines(looking, key)))

    async def by_lead(self) -> dict[str, LeadLine]:
        """The same by the id of the lead."""
        return {line.address: line for line in await self.lines() if line.address is not None}

    async def answered(self) -> Counter[int]:
        """By the row's position: how often the AI has really answered for this campaign."""
        key, targets = await self.key(), dig(await effects(self.site), "openai", "targets")
        found: Counter[int] = Counter()
        for attempt, times in targets.items() if isinstance(targets, dict) else ():
            campaign, position, _ = attempt.split(".")
            if int(campaign) == key:
                found[int(position)] += times
        return found

    async def reasons(self) -> dict[str, int]:
        """Why leads have no answer, as `clarion errors` says it: how many for each outcome."""
        looking = Looking(self.site.store, self.site.settings.tenant)
        groups = await asyncio.to_thread(looking.errors, self.id)
        assert all(group.meaning and group.rows for group in groups), groups
        found: Counter[str] = Counter()
        for group in groups:
            found[group.outcome] += group.count
        return dict(found)

    async def follower(self) -> Analysis:
        """The one campaign that follows this one."""
        (name,) = await asyncio.to_thread(Looking(self.site.store, self.site.settings.tenant).followers, self.id)
        return await follow(self.site, name)


async def follow(site: Site, campaign_id: str) -> Analysis:
    """Look at a campaign that something else has started."""
    workflow = workflow_id(await site.campaigns.find(campaign_id))
    if workflow not in site.started:
        site.started.append(workflow)
    return Analysis(site, campaign_id)


async def analyse(
    site: Site, ids: Iterable[str] | Path, *, fresh: bool = False, write_back: bool = False, **keys: object
) -> Analysis:
    """Start an analysis of these leads, or of a workbook; ``keys`` as in a campaign file."""
    campaign_id = f"run-{len(site.started)}"
    path = ids if isinstance(ids, Path) else write_leads(site.stack.home / f"{campaign_id}.csv", list(ids))
    if not isinstance(ids, Path):
        site.addresses |= set(ids)
    wanted = amended(parse_spec(usual(path, campaign_id, **keys)), fresh=fresh, write_back=write_back)
    return await begin(site, wanted, campaign_id)


async def begin(site: Site, spec: CampaignSpec, campaign_id: str) -> Analysis:
    """Start a campaign."""
    await site.campaigns.start(spec, campaign_id=campaign_id)
    return await follow(site, campaign_id)


def usual(path: Path, name: str, **keys: object) -> dict[str, object]:
    """Return what a campaign's file would say: what is usual here, and in each of its groups ``keys``."""
    groups: dict[str, Mapping[str, object]] = {
        "audience": {"file": str(path), "lead_id": COLUMN},
        "assess": {"instructions": f"We sell a {TEXT}.", "max_output_tokens": 500},
        "limits": {"concurrency": 20},
        "retry": {"attempts": 3, "delay": "0.5s", "backoff": 1},
    }
    for group, own in groups.items():
        given = keys.pop(group, {})
        assert isinstance(given, dict)
        groups[group] = {**own, **given}
    return {"name": name, "channel": "lead_analysis", **groups, **keys}


def new_leads(count: int) -> list[str]:
    """Ids that nobody else has used and that mean nothing to the sandbox."""
    block = next(_BLOCKS)
    return [_id(block, f"{n:04}") for n in range(count)]


def magic_leads(*endings: str) -> list[str]:
    """Unused ids whose 15 characters end so that the sandbox knows what to do."""
    block = next(_BLOCKS)
    return [_id(block, ending) for ending in endings]


def ending_of(lead_id: str) -> str:
    """The part of an id that means something to the sandbox."""
    return lead_id[11:15]


def _id(block: int, ending: str) -> str:
    id15 = f"00Q5g00{block:04}{ending}"
    return id15 + checksum(id15)


def write_leads(path: Path, ids: Sequence[str]) -> Path:
    """Write an audience."""
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow([COLUMN, "Told by"])
        lines.writerows([lead_id, f"{NAME}{n}"] for n, lead_id in enumerate(ids))
    return path


async def effects(site: Site) -> object:
    """All that really happened."""
    return await asyncio.to_thread(ask, f"{site.sandbox}/_sandbox/effects?detail=1")


async def counted(site: Site) -> Counted:
    """What the sandbox has counted so far."""
    seen = await effects(site)
    requests, fields = dig(seen, "salesforce", "requests"), dig(seen, "salesforce", "fields_written")
    return Counted(
        _number(seen, "openai", "accepted"),
        _number(seen, "openai", "tokens", "input"),
        _number(seen, "openai", "tokens", "output"),
        sum(requests.values()) if isinstance(requests, dict) else 0,
        sum(fields.values()) if isinstance(fields, dict) else 0,
    )


def _number(seen: object, *path: str) -> int:
    found = dig(seen, *path)
    assert isinstance(found, int), path
    return found


async def faults(site: Site, **by_vendor: Mapping[str, object]) -> None:
    """Put these faults in force; vendors that are not named keep theirs."""
    await site.tell_sandbox("faults", by_vendor)


async def at_the_crm(site: Site, lead_id: str, *fields: str) -> list[object]:
    """What these fields of a lead hold in the CRM now."""
    url = f"{site.sandbox}/services/data/v60.0/sobjects/Lead/{lead_id}?fields={','.join(fields)}"
    request = Request(url, headers={"Authorization": "Bearer of-the-tests"})  # noqa: S310 - an address of ours

    def look() -> list[object]:
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            found: dict[str, object] = json.loads(answer.read())
        return [found[field] for field in fields]

    return await asyncio.to_thread(look)
