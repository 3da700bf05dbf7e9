"""New campaigns as rows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from clarion.domain.campaign import CampaignSpec, CampaignStatus, spacing_of
from clarion.domain.errors import Conflict
from clarion.store.call_rows import MILLION
from clarion.store.database import insert_into
from clarion.store.posting import Posting
from clarion.store.schema import campaigns


@dataclass(frozen=True, slots=True)
class Origin:
    """What a campaign was made from, unless somebody has written it."""

    key: int | None = None
    """Number of the campaign or template that it is a clone of."""
    template: bool = False
    """Whether it is only there to be cloned."""


def add_campaign(
    connection: Connection,
    tenant: str,
    campaign_id: str,
    spec: CampaignSpec,
    now: float,
    *,
    parent_key: int | None = None,
    origin: Origin | None = None,
) -> int | None:
    """Add a campaign as a draft; return its number, or None when the id is taken.

    ``parent_key``: the campaign that feeds it.
    """
    row = {
        "tenant": tenant,
        "campaign_id": campaign_id,
        **words_of(spec),
        "status": CampaignStatus.DRAFT,
        "parent_key": parent_key,
        "origin_key": origin.key if origin is not None else None,
        "template": origin is not None and origin.template,
        "created_at": now,
        "updated_at": now,
    }
    new = insert_into(campaigns, connection.dialect.name).values(row).on_conflict_do_nothing()
    key: int | None = connection.execute(new.returning(campaigns.c.key)).scalar()
    if key is not None:
        posting = Posting(connection, now)
        posting.event(key, None, "created", spec.name)
        posting.flush()
    return key


def words_of(spec: CampaignSpec) -> dict[str, object]:
    """Return the columns that say what a campaign is."""
    return {
        "name": spec.name,
        "channel": spec.channel,
        "account": spec.account,
        "spec": spec.model_dump_json(by_alias=True),
        "lanes": spec.limits.concurrency,
        "spacing": spacing_of(spec),
        "budget": None if spec.budget is None else round(spec.budget * MILLION),
    }


def id_taken(campaign_id: str) -> Conflict:
    """Say that there is a campaign of this id, and what helps."""
    return Conflict(
        f'campaign "{campaign_id}" exists already; give another --id, or look at it with `clarion show {campaign_id}`'
    )
