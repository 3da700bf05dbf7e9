"""Taking campaigns away with everything that was kept of them.

A campaign of a million targets has millions of rows. To delete them at once would hold up every other writer for
minutes, so the campaign disappears first, and its rows follow piece by piece. What a crash leaves over goes with the
next one.
"""

from __future__ import annotations

from contextlib import suppress
from threading import Event

from sqlalchemy import Connection, Table, delete, func, select, update

from clarion.contracts import CampaignRef
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict, NotFound
from clarion.store.database import Database
from clarion.store.lead_schema import assessments, batches, lead_counts, leads, phases
from clarion.store.pace import campaign_pace
from clarion.store.schema import (
    attempts,
    audience_files,
    audience_parts,
    books,
    calls,
    campaigns,
    chunks,
    conversations,
    events,
    pace,
    targets,
    ticks,
)
from clarion.store.tail import forget_campaign

PIECE = 5_000
"""Targets, or lines of a log, that one transaction deletes."""

BREATH = 0.1
"""Seconds between two of them: who waits for SQLite's lock looks as often as that whether it is free."""

GONE = ""
"""The tenant of campaigns whose rows are still to follow; nobody's name is empty."""

BY_POSITION = (calls, attempts, leads, targets)
WHOLE = (chunks, books, ticks, batches, phases, lead_counts)


class _EndedEarly(Exception):
    """The process is about to end."""


class Removal:
    """Deletes campaigns. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database
        self._ending = Event()

    def remove(self, ref: CampaignRef) -> None:
        """Delete a draft, or a campaign that has ended. Raises NotFound, and Conflict for one that still lives."""
        self.hide(ref)
        self.sweep()

    def hide(self, ref: CampaignRef) -> None:
        """Have a campaign disappear; its rows stay until the next ``sweep``. Raises as ``remove`` does."""
        with self._database.write() as connection:
            _hide(connection, ref)

    def sweep(self) -> None:
        """Delete the rows of all campaigns that have been taken away."""
        with self._database.read() as connection:
            gone = connection.execute(select(campaigns.c.key).where(campaigns.c.tenant == GONE)).scalars().all()
        with suppress(_EndedEarly):
            for key in gone:
                self._delete(key)

    def end(self) -> None:
        """Have sweeps end after the piece they are at, as the process is about to end; the next one goes on."""
        self._ending.set()

    def _breathe(self) -> None:
        if self._ending.wait(BREATH):
            raise _EndedEarly

    def _delete(self, key: int) -> None:
        for table in BY_POSITION:
            self._delete_by_position(table, key)
        self._delete_lines(key)
        self._delete_files(key)
        with self._database.write() as connection:
            connection.execute(select(campaigns.c.key).where(campaigns.c.key == key).with_for_update())
            connection.execute(update(campaigns).where(campaigns.c.parent_key == key).values(parent_key=None))
            connection.execute(update(campaigns).where(campaigns.c.origin_key == key).values(origin_key=None))
            connection.execute(delete(pace).where(pace.c.key == campaign_pace(key)))
            _unlink(connection, key)
            for table in WHOLE:
                connection.execute(delete(table).where(table.c.campaign_key == key))
            forget_campaign(connection, key)
            connection.execute(delete(campaigns).where(campaigns.c.key == key, campaigns.c.tenant == GONE))

    def _delete_by_position(self, table: Table, key: int) -> None:
        c = table.c
        while True:
            with self._database.write() as connection:
                of_piece = select(c.position).where(c.campaign_key == key).order_by(c.position).limit(PIECE)
                last = connection.execute(select(func.max(of_piece.subquery().c.position))).scalar()
                if last is None:
                    return
                connection.execute(delete(table).where(c.campaign_key == key, c.position <= last))
            self._breathe()

    def _delete_lines(self, key: int) -> None:
        """Delete the log but for the end, which `forget_campaign` has its own way with."""
        c = events.c
        while True:
            with self._database.write() as connection:
                of_piece = select(c.id).where(c.campaign_key == key).order_by(c.id).limit(PIECE + 1)
                ids = connection.execute(of_piece).scalars().all()
                if len(ids) <= PIECE:
                    return
                connection.execute(delete(events).where(c.campaign_key == key, c.id < ids[-1]))
            self._breathe()

    def _delete_files(self, key: int) -> None:
        p = audience_parts.c
        with self._database.read() as connection:
            files = connection.execute(select(audience_files.c.id).where(audience_files.c.campaign_key == key))
            ids = files.scalars().all()
        for file_id in ids:
            with self._database.write() as connection:
                connection.execute(delete(audience_parts).where(p.file_id == file_id))
                connection.execute(delete(audience_files).where(audience_files.c.id == file_id))


def _hide(connection: Connection, ref: CampaignRef) -> None:
    c = campaigns.c
    found = connection.execute(select(c.status).where(c.key == ref.key, c.tenant == ref.tenant).with_for_update())
    status = found.scalar()
    if status is None:
        raise NotFound(f'there is no campaign "{ref.campaign_id}" any more')
    if status != CampaignStatus.DRAFT and not CampaignStatus(status).is_final:
        message = f'campaign "{ref.campaign_id}" is {status} and cannot be deleted; cancel it, and delete it afterwards'
        raise Conflict(message)
    follows = select(c.campaign_id, c.tenant).where(c.parent_key == ref.key)
    follower = connection.execute(follows.where(c.tenant == ref.tenant).order_by(c.key).limit(1)).scalar()
    if follower is not None:
        raise Conflict(f'campaign "{follower}" follows campaign "{ref.campaign_id}"; delete that one first')
    parent = campaigns.alias("parent")
    of_parent = select(parent.c.campaign_id, parent.c.status).join(campaigns, c.parent_key == parent.c.key)
    above = connection.execute(of_parent.where(c.key == ref.key)).one_or_none()
    if above is not None and not CampaignStatus(above.status).is_final:
        message = (
            f'campaign "{ref.campaign_id}" follows campaign "{above.campaign_id}", which is {above.status} and may '
            "still send it targets; delete it when that one has ended"
        )
        raise Conflict(message)
    hidden = {"tenant": GONE, "campaign_id": f"{ref.key}", "open": False}
    connection.execute(update(campaigns).where(c.key == ref.key).values(hidden))


def _unlink(connection: Connection, key: int) -> None:
    """Keep what is not the campaign's alone: what people wrote to us, and answers that other campaigns use."""
    c = conversations.c
    connection.execute(update(conversations).where(c.campaign_key == key).values(campaign_key=None, position=None))
    used = select(leads.c.assessment).where(leads.c.reused, leads.c.assessment.is_not(None))
    a = assessments.c
    connection.execute(delete(assessments).where(a.campaign_key == key, a.attempt.not_in(used)))
