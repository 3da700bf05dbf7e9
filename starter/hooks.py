"""Every use case of webhooks of ours, once: adding, changing, looking, trying out, sending again."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from base64 import b64encode
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from clarion.domain.delivery import DeliveryState
from clarion.domain.errors import Conflict, Unreachable
from clarion.domain.hook import TEST, wanted_types
from clarion.domain.hook_address import checked_url
from clarion.hook_contracts import HookRef
from clarion.settings import Settings
from clarion.store.hook_rows import Delivery, Hook
from clarion.store.store import Store
from starter.hook_workflows import look_after

if TYPE_CHECKING:
    from temporalio.client import Client

    from starter.wiring import Installation

MOST = 100
"""Hooks of one tenant: each looks through the whole log by itself."""

SECRET_BYTES = 32


class HookState(StrEnum):
    """How a hook stands."""

    ACTIVE = "active"
    OFF = "off"
    """Switched off, by a person or because its receiver said so."""
    STOPPED = "stopped"
    """Nobody looks after it: no worker runs, or its workflow was ended from outside; resuming it starts that again."""


class View(BaseModel):
    """Base of what is shown."""

    model_config = ConfigDict(frozen=True)


class HookView(View):
    """A webhook of ours. Times are epoch seconds."""

    id: str
    url: str
    events: Annotated[tuple[str, ...], Field(description="What it is told of: groups or single types.")]
    campaign_id: Annotated[str | None, Field(description="Only of this campaign; null: of all.")]
    state: HookState
    reason: Annotated[str, Field(description="Why it is not active.")]
    created_at: float
    looked_at: Annotated[float | None, Field(description="When a worker looked after it last, to the minute.")]
    waiting: Annotated[int, Field(description="Deliveries that are due now or later.")]
    delivered: Annotated[int, Field(description="Deliveries of the last seven days.")]
    dead: Annotated[int, Field(description="Deliveries that were given up in the last thirty days.")]


class NewHookView(HookView):
    """A webhook just made."""

    secret: Annotated[str, Field(description="What signatures are checked with; told this once.")]


class DeliveryView(View):
    """One event on its way to one hook. Times are epoch seconds."""

    number: int
    id: Annotated[str, Field(description="What the receiver tells repetitions by: `webhook-id`.")]
    type: str
    state: DeliveryState
    tries: int
    due_at: Annotated[float, Field(description="When it is tried next; once it has ended, when that was.")]
    status: Annotated[int | None, Field(description="HTTP status of the last answer.")]
    error: Annotated[str | None, Field(description="Why the last try came to nothing.")]
    created_at: float
    ended_at: float | None
    event: Annotated[dict[str, Any], Field(description="What is sent.")]


@dataclass(frozen=True, slots=True)
class HookLooks:
    """Looks at the hooks of one tenant. Blocking."""

    store: Store
    tenant: str
    clock: Callable[[], float] = time.time

    def list(self) -> Sequence[HookView]:
        """All hooks, the oldest first."""
        found = self.store.hooks.list(self.tenant)
        return self._views(found)

    def show(self, hook_id: str) -> HookView:
        """One hook. Raises NotFound."""
        [view] = self._views([self.find(hook_id)])
        return view

    def deliveries(
        self, hook_id: str, state: DeliveryState | None = None, *, before: int | None = None, limit: int = 100
    ) -> Sequence[DeliveryView]:
        """What was sent and is to be sent to a hook, the newest first. Raises NotFound."""
        ref = self.find(hook_id).ref
        found = self.store.hooks.deliveries(ref, state, before=before, limit=limit)
        return [delivery_view(delivery) for delivery in found]

    def delivery(self, hook_id: str, number: int) -> DeliveryView:
        """One delivery. Raises NotFound."""
        return delivery_view(self.store.hooks.delivery(self.find(hook_id).ref, number))

    def find(self, hook_id: str) -> Hook:
        """Find a hook. Raises NotFound."""
        return self.store.hooks.find(self.tenant, hook_id)

    def _views(self, found: Sequence[Hook]) -> Sequence[HookView]:
        counts, now = self.store.hooks.counts([hook.ref.key for hook in found]), self.clock()
        return [HookView.model_validate({**_facts(hook, now), **counts[hook.ref.key]}) for hook in found]


@dataclass(frozen=True, slots=True)
class Hooks:
    """Changes the hooks of one tenant."""

    settings: Settings
    store: Store
    connect: Callable[[], asyncio.Future[Client]]
    """Gives the one connection to Temporal, made when it is first needed."""
    clock: Callable[[], float] = time.time

    @classmethod
    def of(cls, installation: Installation) -> Hooks:
        """The hooks of the tenant that an installation is for."""
        return cls(installation.settings, installation.store, installation.connection)

    @property
    def looks(self) -> HookLooks:
        """Looking at them."""
        return HookLooks(self.store, self.settings.tenant, self.clock)

    async def add(self, url: str, events: Collection[str], campaign_id: str | None = None) -> NewHookView:
        """Add a hook that is told of what happens from now on; its secret is told once.

        Raises BadInput, NotFound for the campaign, Conflict where there are too many, Unreachable without Temporal.
        """
        address = checked_url(url, to_private=self.settings.hooks_to_private)
        types = wanted_types(events)
        await asyncio.to_thread(self._require_room, campaign_id)
        await self.connect()
        secret = f"whsec_{b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}"
        hook = await asyncio.to_thread(
            self.store.hooks.add,
            self.settings.tenant,
            f"hook_{secrets.token_hex(6)}",
            url=address,
            secret=secret,
            types=types,
            campaign_id=campaign_id,
            now=self.clock(),
        )
        try:
            await self._wake(hook.ref)
        except Unreachable:
            await asyncio.to_thread(self.store.hooks.remove, hook.ref)  # nobody was told its secret
            raise
        view = await asyncio.to_thread(self.looks.show, hook.ref.hook_id)
        return NewHookView(**view.model_dump(), secret=secret)

    async def change(
        self,
        hook_id: str,
        *,
        url: str | None = None,
        events: Collection[str] | None = None,
        active: bool | None = None,
    ) -> HookView:
        """Change what is not None. A hook that becomes active goes on where it stopped, and is looked after again.

        Raises BadInput, NotFound, Unreachable without Temporal.
        """
        address = None if url is None else checked_url(url, to_private=self.settings.hooks_to_private)
        types = None if events is None else wanted_types(events)
        ref = (await asyncio.to_thread(self.looks.find, hook_id)).ref
        if active:
            await self.connect()
        reason = "switched off by hand"
        await asyncio.to_thread(self.store.hooks.change, ref, url=address, types=types, active=active, reason=reason)
        if active:
            await self._wake(ref)
        return await asyncio.to_thread(self.looks.show, hook_id)

    async def remove(self, hook_id: str) -> None:
        """Remove a hook and all that was to be sent to it; its workflow ends by itself. Raises NotFound."""
        hook = await asyncio.to_thread(self.looks.find, hook_id)
        await asyncio.to_thread(self.store.hooks.remove, hook.ref)

    async def resend(self, hook_id: str, number: int) -> DeliveryView:
        """Send one delivery again, as if it had never been tried. Raises NotFound, Unreachable without Temporal."""
        ref = (await asyncio.to_thread(self.looks.find, hook_id)).ref
        await self.connect()
        delivery = await asyncio.to_thread(self.store.hooks.resend, ref, number, self.clock())
        await self._wake(ref)
        return delivery_view(delivery)

    async def resend_dead(self, hook_id: str) -> int:
        """Send all dead deliveries again; returns how many. Raises NotFound, Unreachable without Temporal."""
        ref = (await asyncio.to_thread(self.looks.find, hook_id)).ref
        await self.connect()
        moved = await asyncio.to_thread(self.store.hooks.resend_dead, ref, self.clock())
        await self._wake(ref)
        return moved

    async def test(self, hook_id: str) -> DeliveryView:
        """Send something that means nothing. Raises NotFound, Conflict for a hook that is off, Unreachable."""
        hook = await asyncio.to_thread(self.looks.find, hook_id)
        if not hook.active:
            raise Conflict(f"hook {hook_id} is off ({hook.reason}); `clarion hooks resume {hook_id}` switches it on")
        await self.connect()
        message_id, now = f"test_{secrets.token_hex(8)}", self.clock()
        body = {
            "id": message_id,
            "type": TEST,
            "at": now,
            "tenant": self.settings.tenant,
            "campaign_id": None,
            "data": {"detail": "somebody tries out this hook"},
        }
        payload = json.dumps(body, separators=(",", ":"))
        delivery = await asyncio.to_thread(self.store.hooks.send, hook.ref, message_id, TEST, payload, now)
        await self._wake(hook.ref)
        return delivery_view(delivery)

    def _require_room(self, campaign_id: str | None) -> None:
        if campaign_id is not None:
            self.store.campaigns.find(self.settings.tenant, campaign_id)
        if len(self.store.hooks.list(self.settings.tenant)) >= MOST:
            raise Conflict(
                f"there are {MOST} hooks already, and each costs work; remove one with `clarion hooks remove`"
            )

    async def _wake(self, ref: HookRef) -> None:
        """Have a hook looked after: its workflow is told, and started where it does not run."""
        await look_after(self.connect, ref, self.settings.task_queue, wake=True)


def delivery_view(delivery: Delivery) -> DeliveryView:
    """Show a delivery."""
    return DeliveryView(
        number=delivery.number,
        id=delivery.message_id,
        type=delivery.type,
        state=delivery.state,
        tries=delivery.tries,
        due_at=delivery.due_at,
        status=delivery.status,
        error=delivery.error,
        created_at=delivery.created_at,
        ended_at=delivery.ended_at,
        event=json.loads(delivery.payload),
    )


def _facts(hook: Hook, now: float) -> dict[str, Any]:
    state, reason = HookState.ACTIVE, hook.reason
    if not hook.active:
        state = HookState.OFF
    elif hook.is_stopped(now):
        state, reason = HookState.STOPPED, "no worker has looked after it for some minutes; start one, or resume it"
    return {
        "id": hook.ref.hook_id,
        "url": hook.url,
        "events": hook.types,
        "campaign_id": hook.campaign_id,
        "state": state,
        "reason": reason,
        "created_at": hook.created_at,
        "looked_at": hook.looked_at,
    }
