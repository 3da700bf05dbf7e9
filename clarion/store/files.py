"""Audience files, kept in the store from the moment they are given until their campaign is deleted.

So every worker on every machine reads the same bytes, an import resumes on exactly the file it began with, it does not
matter what becomes of the original, and a clone of the campaign contacts exactly the same people.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, insert, select, update

from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import NotFound
from clarion.store.database import Database, storable
from clarion.store.posting import Posting
from clarion.store.schema import audience_files, audience_parts, campaigns

PART = 1024 * 1024


@dataclass(frozen=True, slots=True)
class AudienceFile:
    """A stored file and how far its import has come."""

    id: int
    campaign_key: int
    name: str
    size: int
    sha256: str
    rows_read: int
    imported_at: float | None


class Files:
    """Keeps and returns audience files. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def keep(self, campaign_key: int, path: Path, name: str | None = None) -> int:
        """Copy a file into the store in pieces; return its id. ``name`` is what the person calls it."""
        digest = _digest(path)
        with self._database.write() as connection:
            return _copy(connection, campaign_key, path, digest, name)

    def keep_for_draft(self, campaign_key: int, path: Path, name: str | None = None) -> int | None:
        """Do so while the campaign is a draft; None when it is one no more.

        A start reads which files there are after the status has changed, so none can come in between and be forgotten.
        """
        digest = _digest(path)
        with self._database.write() as connection:
            status = select(campaigns.c.status).where(campaigns.c.key == campaign_key).with_for_update()
            if connection.execute(status).scalar() != CampaignStatus.DRAFT:
                return None
            return _copy(connection, campaign_key, path, digest, name)

    def get(self, file_id: int) -> AudienceFile:
        """Return what is known of a file. Raises NotFound."""
        with self._database.read() as connection:
            row = connection.execute(select(audience_files).where(audience_files.c.id == file_id)).one_or_none()
        if row is None:
            message = f"there is no audience file number {file_id} in this database; upload it with `clarion add`"
            raise NotFound(message)
        return AudienceFile(*row)

    def of_campaign(self, campaign_key: int) -> list[AudienceFile]:
        """Return the files of a campaign, in the order they came."""
        query = (
            select(audience_files).where(audience_files.c.campaign_key == campaign_key).order_by(audience_files.c.id)
        )
        with self._database.read() as connection:
            return [AudienceFile(*row) for row in connection.execute(query)]

    def write_to(self, file_id: int, path: Path) -> None:
        """Write a stored file to ``path``, a piece at a time."""
        with path.open("wb") as sink, self._database.read() as connection:
            query = select(audience_parts.c.number).where(audience_parts.c.file_id == file_id)
            for (number,) in connection.execute(query.order_by(audience_parts.c.number)).all():
                piece = select(audience_parts.c.data).where(
                    audience_parts.c.file_id == file_id, audience_parts.c.number == number
                )
                sink.write(connection.execute(piece).scalar_one())

    def finish(self, file: AudienceFile, rows: int, now: float) -> None:
        """Mark a file as imported: its ``rows`` are targets now. The bytes stay, for clones of the campaign."""
        with self._database.write() as connection:
            posting = Posting(connection, now)
            posting.lock([file.campaign_key])
            posting.event(file.campaign_key, None, "imported", f"{file.name}: {rows} rows")
            posting.flush()
            connection.execute(update(audience_files).where(audience_files.c.id == file.id).values(imported_at=now))


def _digest(path: Path) -> str:
    """Tell a file's SHA-256. Before the copy, during which nobody else can write on SQLite."""
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _copy(connection: Connection, campaign_key: int, path: Path, digest: str, name: str | None) -> int:
    called = (storable(name) or path.name)[-255:]
    row = {"campaign_key": campaign_key, "name": called, "size": path.stat().st_size, "sha256": digest}
    file_id = connection.execute(insert(audience_files).values(row).returning(audience_files.c.id)).scalar_one()
    with path.open("rb") as source:
        number = 0
        while data := source.read(PART):
            connection.execute(insert(audience_parts).values(file_id=file_id, number=number, data=data))
            number += 1
    return int(file_id)
