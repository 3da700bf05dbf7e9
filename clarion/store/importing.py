"""Checked rows become targets: a batch and the place reached in the file are written together, so none comes twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import insert, update

from clarion.audience.checks import CheckedRow
from clarion.domain.attempt import NEVER
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict
from clarion.domain.target import SkipReason, TargetState
from clarion.store.database import Database, storable
from clarion.store.journal import suppressed_among
from clarion.store.lead_rows import FETCH
from clarion.store.phases import Phase, PhaseLine, add_phase
from clarion.store.posting import Posting
from clarion.store.rows import CampaignRow, rows_by_address
from clarion.store.schema import audience_files, campaigns, targets
from clarion.store.statements import Prepared, Values

_COLUMNS = (
    "campaign_key",
    "file_id",
    "updated_at",
    "tries",
    "attempts",
    "due_at",
    "reason",
    "position",
    "row",
    "address",
    "state",
    "outcome",
    "detail",
    "variables",
    "text",
    "time_zone",
    "segments",
    "variant",
)
_INSERT = Prepared(_COLUMNS, lambda _: insert(targets))
_PENDING, _SKIPPED = TargetState.PENDING.value, TargetState.SKIPPED.value
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch."""

    accepted: int
    skipped: dict[str, int]


class Importing:
    """Writes batches of rows. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def add(
        self,
        campaign_key: int,
        file_id: int,
        rows: Sequence[CheckedRow],
        already_read: int,
        now: float,
        *,
        seconds: float = 0.0,
    ) -> BatchResult:
        """Add the rows that follow the first ``already_read`` of a file; reading and checking them took ``seconds``.

        Finds duplicates within the campaign and people who opted out. Raises Conflict when another importer has been
        here meanwhile, or when the campaign is over.
        """
        # Not durable against a power cut, but in order: rows and place are lost together or not at all.
        with self._database.write(durable=False) as connection:
            if not self._database.is_sqlite:
                # Until PostgreSQL has looked at a new audience by itself, it guesses that reading all is the best way.
                connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            posting = Posting(connection, now)
            posting.lock([campaign_key])
            campaign = posting.campaigns[campaign_key]
            _require_running(campaign)
            moved = connection.execute(
                update(audience_files)
                .where(audience_files.c.id == file_id, audience_files.c.rows_read == already_read)
                .values(rows_read=already_read + len(rows))
            )
            if moved.rowcount != 1:
                message = f"rows after {already_read} of this file were imported by another worker meanwhile"
                raise Conflict(message)
            of_leads = posting.is_of_leads(campaign_key)
            first = (NEVER, FETCH) if of_leads else (0.0, None)
            addresses = {row.address for row in rows if row.skip is None and row.address is not None}
            known = rows_by_address(connection, campaign_key, addresses)
            batch = _Batch(
                posting,
                campaign_key,
                (campaign_key, file_id, now, 0, 0, *first),
                known,
                set() if of_leads else suppressed_among(connection, campaign.tenant, addresses),
            )
            for position, row in enumerate(rows, campaign.total + 1):
                batch.add(position, row)
            _INSERT.run(connection, batch.values)
            total = campaign.total + len(rows)
            connection.execute(update(campaigns).where(campaigns.c.key == campaign_key).values(total=total))
            if of_leads:
                add_phase(
                    connection, campaign_key, PhaseLine(Phase.CHECKED, 1, 0, len(rows), seconds, now - seconds, now)
                )
            posting.journal.add({(campaign_key, *which): n for which, n in batch.counts.items()})
            posting.flush()
        skipped = {outcome: n for (_, outcome), n in batch.counts.items() if outcome}
        return BatchResult(len(rows) - sum(skipped.values()), skipped)


@dataclass(slots=True)
class _Batch:
    """Rows on their way to becoming targets."""

    posting: Posting
    campaign_key: int
    same: Values
    """What all of them have in common, in the order of the columns."""
    known: dict[str, int]
    """Row by address, of those that stand in the campaign already."""
    opted_out: set[str]
    values: list[Values] = field(default_factory=list)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By state and outcome."""

    def add(self, position: int, row: CheckedRow) -> None:
        skip, detail, address = row.skip, row.detail, row.address
        if skip is None and address is not None:
            if address in self.known:
                skip, detail = SkipReason.DUPLICATE, f"{address} stands in row {self.known[address]} already"
            elif address in self.opted_out:
                skip, detail = SkipReason.OPTED_OUT, f"{address} is on the do-not-contact list"
            else:
                self.known[address] = row.row
        state, outcome = _PENDING, None
        if skip is not None:
            state, outcome, detail = _SKIPPED, skip.value, storable(detail)
            self.posting.event(self.campaign_key, position, "skipped", f"row {row.row}: {detail}")
        variables = _encode(row.variables) if row.variables else None
        text = storable(row.text)
        stored = (position, row.row, address, state, outcome, detail, variables, text)
        self.values.append((*self.same, *stored, row.time_zone, row.segments, row.variant))
        self.counts[state, outcome or ""] += 1


def _require_running(campaign: CampaignRow) -> None:
    """Refuse rows for a campaign that is over: an importer that was cut off may come late."""
    status = CampaignStatus(campaign.status)
    if status.is_final or status is CampaignStatus.CANCELLING:
        message = f"the campaign is {status}; rows can only be added while it runs"
        raise Conflict(message)
