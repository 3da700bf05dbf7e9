"""Every use case of drafts, once: building a campaign up piece by piece, checking it, and taking it away again."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from clarion.domain.campaign import CampaignSpec, CampaignStatus, parse_spec
from clarion.domain.errors import BadInput, Conflict
from clarion.settings import Settings
from clarion.store.campaigns import Campaign
from clarion.store.store import Store
from starter.campaigns import Campaigns, checked_id, new_id
from starter.checking.preflight import AudiencePart, Preflight, Rejected, preflight
from starter.checking.startable import account_problems, check_audience, check_words

UPLOADED = "uploaded"
"""Stands for the audience's file in campaigns whose contacts come through a front door."""

NAMED = 100
"""Rows that a check names one by one, unless somebody wants more."""

Contact = Mapping[str, object]
"""A flat object, whose keys are the columns that the campaign names."""


class Checked(Preflight):
    """What would happen if a draft were started now, and the first rows that would be left out."""

    files: tuple[str, ...]
    """The names of its audience files."""
    rejected_rows: tuple[Rejected, ...]


SWEEP = 0.5
"""Seconds for which a deletion is waited for; what a process leaves over goes with the next one."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """Builds up the drafts of one tenant."""

    settings: Settings
    store: Store
    campaigns: Campaigns

    async def create(self, spec: CampaignSpec, campaign_id: str | None = None) -> Campaign:
        """Store a campaign that has no contacts yet. Raises BadInput for what cannot work, Conflict for a taken id."""
        now = time.time()
        self._require_possible(spec, now)
        name = checked_id(campaign_id or new_id(spec.name))
        await asyncio.to_thread(self.store.campaigns.create, self.settings.tenant, name, spec, now)
        return await self.campaigns.find(name)

    async def put(
        self,
        spec: CampaignSpec,
        campaign_id: str | None = None,
        contacts: Sequence[Contact] = (),
        *,
        start: bool = False,
        again: bool = False,
    ) -> Campaign:
        """Store a campaign with its contacts, and start it if wanted; all is checked before anything is stored.

        ``again``: an earlier try may have come part of the way, and is carried on where it stopped. Raises BadInput,
        Conflict for a taken id, Unreachable; a campaign that Temporal did not take stays a draft.
        """
        if start and not contacts:
            raise BadInput(
                "contacts is missing, and without any there is nothing to start; give some, or leave start out"
            )
        self._require_possible(spec, time.time())
        if start:
            await self.campaigns.connect()
        if not contacts:
            return await self._created(spec, campaign_id, again=again)
        with tempfile.TemporaryDirectory(prefix="clarion-") as folder:
            path = Path(folder) / "contacts.jsonl"
            await asyncio.to_thread(_write, path, contacts)
            return await self.put_file(spec, path, path.name, campaign_id, start=start, again=again)

    async def put_file(
        self,
        spec: CampaignSpec,
        path: Path,
        name: str,
        campaign_id: str | None = None,
        *,
        start: bool = False,
        again: bool = False,
    ) -> Campaign:
        """Store a campaign with its audience file, and start it if wanted. Raises as ``put`` does."""
        self._require_possible(spec, time.time())
        await asyncio.to_thread(check_audience, _reading(spec, path), time.time(), name)
        if start:
            await self.campaigns.connect()
        campaign = await self._created(spec, campaign_id, again=again)
        key = campaign.ref.key
        if campaign.status is CampaignStatus.DRAFT and not await asyncio.to_thread(self.store.files.of_campaign, key):
            await asyncio.to_thread(self.store.files.keep_for_draft, key, path, name)
        return await self.campaigns.launch(campaign.ref.campaign_id, again=again) if start else campaign

    async def upload(self, campaign_id: str, path: Path, name: str) -> int:
        """Add an audience file to a draft, or to a campaign that runs; ``name`` is what the person calls it.

        Returns the file's number in the store. Raises BadInput for what cannot be read, NotFound, Conflict.
        """
        campaign = await self.campaigns.find(campaign_id)
        if campaign.status is CampaignStatus.DRAFT:
            await asyncio.to_thread(check_audience, _reading(campaign.spec, path), time.time(), name)
            kept = await asyncio.to_thread(self.store.files.keep_for_draft, campaign.ref.key, path, name)
            if kept is not None:
                return kept
        return await self.campaigns.add_file(campaign_id, path, name)

    async def add(self, campaign_id: str, contacts: Iterable[Contact]) -> int:
        """Add contacts; returns the number of the file that they are kept as. Raises as ``upload`` does."""
        with tempfile.TemporaryDirectory(prefix="clarion-") as folder:
            path = Path(folder) / "contacts.jsonl"
            await asyncio.to_thread(_write, path, list(contacts))
            return await self.upload(campaign_id, path, path.name)

    async def update(self, campaign_id: str, changes: Mapping[str, object]) -> Campaign:
        """Change what a draft says, by a JSON Merge Patch (RFC 7396): null takes a key away.

        The whole is checked as a new campaign is, and against the files that the draft has already. Raises BadInput,
        NotFound, Conflict when it is a draft no more.
        """
        campaign = await self.campaigns.find(campaign_id)
        require_draft(campaign, "changed as a whole")
        spec = _merged(campaign.spec, changes)
        if campaign.template and spec.schedule != campaign.spec.schedule:
            raise Conflict(f'remove the schedule of template "{campaign_id}" and give it another one instead')
        self._require_possible(spec, time.time())
        await asyncio.to_thread(self._require_fitting, campaign, spec)
        if not await asyncio.to_thread(self.store.campaigns.update_draft, campaign.ref.key, spec, time.time()):
            require_draft(await self.campaigns.find(campaign_id), "changed as a whole")
        return await self.campaigns.find(campaign_id)

    async def delete(self, campaign_id: str) -> None:
        """Delete a draft, or a campaign that has ended, with everything kept of it. Raises NotFound, Conflict.

        Of a large campaign the rows are still being deleted when this returns.
        """
        campaign = await self.campaigns.find(campaign_id)
        if campaign.template and campaign.spec.schedule is not None:
            message = f'"{campaign_id}" has a schedule; remove that first with `clarion schedule remove {campaign_id}`'
            raise Conflict(message)
        await asyncio.to_thread(self.store.removal.hide, campaign.ref)
        sweeping = asyncio.ensure_future(asyncio.to_thread(self.store.removal.sweep))
        done, _ = await asyncio.wait({sweeping}, timeout=SWEEP)
        for swept in done:
            swept.result()

    async def check(self, campaign_id: str, *, rows: int = NAMED) -> Checked:
        """Say what would happen if a draft were started now; contacts nobody. Names the first ``rows`` rejected rows.

        Raises BadInput for what would stop it as a whole, NotFound, Conflict for what is no draft.
        """
        campaign = await self.campaigns.find(campaign_id)
        require_draft(campaign, "checked any more")
        return await asyncio.to_thread(self._check, campaign, rows)

    def _check(self, campaign: Campaign, rows: int) -> Checked:
        rejected: list[Rejected] = []
        with self._files(campaign) as files:
            if not files:
                raise BadInput(
                    f'campaign "{campaign.ref.campaign_id}" has no contacts yet; add some and check it again'
                )
            found = preflight(
                campaign.spec,
                self.settings,
                files=files,
                suppressed=lambda numbers: self.store.suppressions.among(self.settings.tenant, numbers),
                on_rejected=lambda row: rejected.append(row) if len(rejected) < rows else None,
            )
            names = tuple(part.name for part in files)
        known = {name: getattr(found, name) for name in Preflight.model_fields}
        return Checked(**known | {"file": names[0]}, files=names, rejected_rows=tuple(rejected))

    def _require_possible(self, spec: CampaignSpec, now: float) -> None:
        check_words(spec, now)
        if problems := account_problems(spec, self.settings):
            raise BadInput("\n".join(problems))

    def _require_fitting(self, campaign: Campaign, spec: CampaignSpec) -> None:
        with self._files(campaign) as files:
            for path, name in files:
                try:
                    check_audience(_reading(spec, path), time.time(), name)
                except BadInput as problem:
                    raise BadInput(f"{name}, which the draft has already, would not fit any more: {problem}") from None

    @contextmanager
    def _files(self, campaign: Campaign) -> Iterator[list[AudiencePart]]:
        """Lay out the audience files of a campaign in a folder, in the order they came."""
        with tempfile.TemporaryDirectory(prefix="clarion-") as folder:
            parts = []
            for file in self.store.files.of_campaign(campaign.ref.key):
                path = Path(folder) / f"{file.id}{Path(file.name).suffix}"
                self.store.files.write_to(file.id, path)
                parts.append(AudiencePart(path, file.name))
            yield parts

    async def _created(self, spec: CampaignSpec, campaign_id: str | None, *, again: bool) -> Campaign:
        try:
            return await self.create(spec, campaign_id)
        except Conflict:
            if campaign_id is None or not again:
                raise
            there = await self.campaigns.find(campaign_id)
            if there.spec != spec:
                raise
            return there


def parse_uploaded(data: Mapping[str, object]) -> CampaignSpec:
    """Check a campaign whose contacts are uploaded. Raises BadInput; a file of this machine is none of its business.

    ``audience`` may be left out: then the column ``phone`` (``lead_id`` where leads are assessed) holds the addresses.
    """
    audience = data.get("audience", {})
    if not isinstance(audience, dict):
        raise BadInput("audience is a group of keys such as address and time_zone, which name columns of the contacts")
    if audience.get("file", UPLOADED) != UPLOADED:
        raise BadInput("audience.file would be a file of the server; leave it out and upload the contacts instead")
    column = "lead_id" if data.get("channel") == "lead_analysis" else "phone"
    usual = {} if {"address", "lead_id"} & audience.keys() else {"address": column}
    return parse_spec({**data, "audience": {**usual, **audience, "file": UPLOADED}})


def require_draft(campaign: Campaign, verb: str) -> None:
    """Raise Conflict for a campaign that was started already and therefore cannot be ``verb``."""
    if campaign.status is not CampaignStatus.DRAFT:
        message = (
            f'campaign "{campaign.ref.campaign_id}" is {campaign.status} and cannot be {verb}; only a draft can; '
            "clone it to make another one"
        )
        raise Conflict(message)


def _merged(spec: CampaignSpec, changes: Mapping[str, object]) -> CampaignSpec:
    """Apply a merge patch to a campaign. Raises BadInput."""
    same_channel = changes.get("channel", spec.channel.value) == spec.channel.value
    # Another channel has other defaults: what nobody has changed is left to it.
    told = spec.model_dump(mode="json", by_alias=True, exclude_defaults=not same_channel)
    file = spec.audience.file
    told["audience"] = {key: value for key, value in told["audience"].items() if key != "file"}
    patch = changes.get("audience")
    if isinstance(patch, Mapping):
        if patch.get("file") == file:
            changes = {**changes, "audience": {key: value for key, value in patch.items() if key != "file"}}
        if "lead_id" in patch:
            told["audience"].pop("address", None)
    merged = _patched(told, changes)
    found = parse_uploaded({key: value for key, value in merged.items() if value is not None})
    return found.model_copy(update={"audience": found.audience.model_copy(update={"file": file})})


def _patched(target: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """Return what RFC 7396 makes of the two."""
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            result[key] = _patched(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def _reading(spec: CampaignSpec, path: Path) -> CampaignSpec:
    return spec.model_copy(update={"audience": spec.audience.model_copy(update={"file": str(path)})})


def _write(path: Path, contacts: Sequence[Contact]) -> None:
    """Write contacts as JSON Lines; the first one with every column that any has, as it names the columns."""
    columns = dict.fromkeys(name for contact in contacts for name in contact)
    with path.open("w", encoding="utf-8") as file:
        for n, contact in enumerate(contacts):
            row = contact if n else {**dict.fromkeys(columns), **contact}
            file.write(json.dumps(dict(row)) + "\n")
