"""Every use case of templates, once: campaigns that are only there to be cloned."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from clarion.domain.campaign import CampaignSpec, Channel
from clarion.domain.cloning import spec_of_clone
from clarion.domain.errors import BadInput, Conflict, NotFound
from clarion.domain.schedule import Schedule
from clarion.settings import Settings
from clarion.store.campaigns import Campaign
from clarion.store.store import Store
from starter.campaigns import checked_id, new_id
from starter.checking.startable import account_problems, check_audience, check_words
from starter.drafts import Contact, Drafts


class FileLine(BaseModel):
    """An audience file: what the person calls it, and its size in bytes."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: int


class TemplateView(BaseModel):
    """A template. Times are epoch seconds."""

    model_config = ConfigDict(frozen=True)

    template_id: str
    name: str
    channel: Channel
    account: str
    files: tuple[FileLine, ...]
    """Its contacts; a campaign without contacts cannot be started."""
    schedule: Schedule | None
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class Templates:
    """Keeps the templates of one tenant."""

    settings: Settings
    store: Store
    drafts: Drafts

    async def save(
        self, spec: CampaignSpec, template_id: str | None = None, audience: Path | None = None
    ) -> TemplateView:
        """Store the words of a campaign as a template, with the contacts in ``audience`` if there is one.

        Raises BadInput for what cannot work, Conflict for a taken id.
        """
        now = time.time()
        check_words(spec, now)
        if problems := account_problems(spec, self.settings):
            raise BadInput("\n".join(problems))
        if audience is not None:
            await asyncio.to_thread(check_audience, _reading(spec, audience), now)
        name = checked_id(template_id or new_id(spec.name))
        words = spec_of_clone(name, spec, now)
        ref = await asyncio.to_thread(self.store.templates.create, self.settings.tenant, name, words, now)
        if audience is not None:
            await asyncio.to_thread(self.store.files.keep, ref.key, audience)
        return await self.show(name)

    async def save_campaign(self, campaign_id: str, template_id: str | None = None) -> TemplateView:
        """Keep a copy of a campaign as a template. Raises NotFound, BadInput, Conflict as a clone does."""
        source, now = await self.drafts.campaigns.find(campaign_id), time.time()
        name = checked_id(template_id or new_id(source.name))
        words = spec_of_clone(campaign_id, source.spec, now)
        await asyncio.to_thread(self.store.cloning.copy, source.ref, name, words, now, template=True)
        return await self.show(name)

    async def list(self) -> Sequence[TemplateView]:
        """All templates, in the order of their ids."""
        return await asyncio.to_thread(self._list)

    async def show(self, template_id: str) -> TemplateView:
        """One template. Raises NotFound."""
        found = await self._find(template_id)
        return await asyncio.to_thread(self._view, found)

    async def start(
        self,
        template_id: str,
        *,
        campaign_id: str | None = None,
        draft: bool = False,
        audience: Path | None = None,
        name: str | None = None,
    ) -> Campaign:
        """Start a campaign like the template, or make a draft of it; contacts in ``audience`` replace the template's.

        ``name`` is what the person calls that file. Raises NotFound, BadInput, Conflict, Unreachable.
        """
        template, now = await self._find(template_id), time.time()
        made = checked_id(campaign_id or new_id(template.name))
        words = spec_of_clone(template_id, template.spec, now)
        if audience is not None:
            await asyncio.to_thread(check_audience, _reading(words, audience), now, name)
        elif not draft and not await asyncio.to_thread(self.store.files.of_campaign, template.ref.key):
            message = f'template "{template_id}" has no contacts; give some with --audience FILE, or make a --draft'
            raise Conflict(message)
        if not draft:
            await self.drafts.campaigns.connect()
        ref = await asyncio.to_thread(self.store.cloning.copy, template.ref, made, words, now, files=audience is None)
        if audience is not None:
            await asyncio.to_thread(self.store.files.keep, ref.key, audience, name)
        campaigns = self.drafts.campaigns
        return await campaigns.find(made) if draft else await campaigns.launch(made)

    async def start_with(
        self,
        template_id: str,
        contacts: Sequence[Contact],
        *,
        campaign_id: str | None = None,
        draft: bool = False,
    ) -> Campaign:
        """Start a campaign like the template over these contacts, or make a draft of it. Raises as ``start`` does."""
        template, now = await self._find(template_id), time.time()
        made = checked_id(campaign_id or new_id(template.name))
        words = spec_of_clone(template_id, template.spec, now)
        if not draft:
            await self.drafts.campaigns.connect()
        ref = await asyncio.to_thread(self.store.cloning.copy, template.ref, made, words, now, files=False)
        try:
            await self.drafts.add(made, contacts)
        except BaseException:
            await asyncio.to_thread(self.store.campaigns.delete_draft, ref)
            raise
        campaigns = self.drafts.campaigns
        return await campaigns.find(made) if draft else await campaigns.launch(made)

    async def remove(self, template_id: str) -> None:
        """Remove a template with its contacts; campaigns made of it stay. Raises NotFound, Conflict."""
        await self._find(template_id)
        await self.drafts.delete(template_id)

    async def _find(self, template_id: str) -> Campaign:
        found = await self.drafts.campaigns.find(template_id)
        if not found.template:
            message = (
                f'"{template_id}" is a campaign and no template; `clarion template save {template_id} --name NAME` '
                "makes one of it"
            )
            raise NotFound(message)
        return found

    def _list(self) -> Sequence[TemplateView]:
        keys = self.store.templates.keys(self.settings.tenant)
        return [self._view(self.store.campaigns.get(key)) for key in keys]

    def _view(self, template: Campaign) -> TemplateView:
        files = self.store.files.of_campaign(template.ref.key)
        return TemplateView(
            template_id=template.ref.campaign_id,
            name=template.name,
            channel=template.spec.channel,
            account=template.account,
            files=tuple(FileLine(name=file.name, size=file.size) for file in files),
            schedule=template.spec.schedule,
            created_at=template.created_at,
            updated_at=template.updated_at,
        )


def _reading(spec: CampaignSpec, audience: Path) -> CampaignSpec:
    return spec.model_copy(update={"audience": spec.audience.model_copy(update={"file": str(audience)})})
