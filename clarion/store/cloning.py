"""Copies of campaigns: the same words and the same audience files, copied inside the database."""

from __future__ import annotations

from sqlalchemy import Connection, func, insert, literal, select

from clarion.contracts import CampaignRef
from clarion.domain.campaign import CampaignSpec
from clarion.domain.errors import Conflict
from clarion.store.creating import Origin, add_campaign, id_taken
from clarion.store.database import Database
from clarion.store.schema import audience_files, audience_parts


class Cloning:
    """Makes campaigns out of campaigns. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def copy(
        self,
        source: CampaignRef,
        campaign_id: str,
        spec: CampaignSpec,
        now: float,
        *,
        template: bool = False,
        files: bool = True,
    ) -> CampaignRef:
        """Add a draft with the audience files of ``source``, all of it or nothing; ``template``: only to be cloned.

        Without ``files`` it has no contacts yet. Raises Conflict when the id is taken, or when the bytes of a file are
        not there any more.
        """
        with self._database.write() as connection:
            origin = Origin(source.key, template=template)
            key = add_campaign(connection, source.tenant, campaign_id, spec, now, origin=origin)
            if key is None:
                raise id_taken(campaign_id)
            if files:
                copy_files(connection, source, key)
        return CampaignRef(tenant=source.tenant, campaign_id=campaign_id, key=key)


def copy_files(connection: Connection, source: CampaignRef, key: int) -> None:
    """Give campaign ``key`` copies of the audience files of ``source``. Raises Conflict when bytes are missing."""
    c = audience_files.c
    of_source = select(c.id, c.name, c.size, c.sha256).where(c.campaign_key == source.key).order_by(c.id)
    for file in connection.execute(of_source).all():
        row = {"campaign_key": key, "name": file.name, "size": file.size, "sha256": file.sha256}
        new_id = connection.execute(insert(audience_files).values(row).returning(c.id)).scalar_one()
        _copy_bytes(connection, source, file.id, file.size, new_id)


def _copy_bytes(connection: Connection, source: CampaignRef, file_id: int, size: int, new_id: int) -> None:
    p = audience_parts.c
    of_file = p.file_id == file_id
    there = connection.execute(select(func.coalesce(func.sum(func.length(p.data)), 0)).where(of_file)).scalar_one()
    if there != size:
        message = (
            f'the audience files of campaign "{source.campaign_id}" are not kept any more, since it was imported by an '
            "older version; start it from its campaign file again, with another --id"
        )
        raise Conflict(message)
    numbers = connection.execute(select(p.number).where(of_file).order_by(p.number)).scalars().all()
    for number in numbers:  # one at a time: the database moves a piece, not the whole file
        piece = select(literal(new_id), p.number, p.data).where(of_file, p.number == number)
        connection.execute(insert(audience_parts).from_select(["file_id", "number", "data"], piece))
