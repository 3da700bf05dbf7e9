"""Checked rows become targets: a batch and the place reached in the file are written together, so nothing comes twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update

from clarion.audience.checks import CheckedRow
from clarion.domain.errors import Conflict
from clarion.domain.target import SkipReason, TargetState
from clarion.store.database import Database
from clarion.store.posting import Posting
from clarion.store.schema import audience_files, campaigns, events, suppressions, targets


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
        self, campaign_key: int, file_id: int, rows: Sequence[CheckedRow], already_read: int, now: float
    ) -> BatchResult:
        """Add the rows that follow the first ``already_read`` of a file.

        Finds duplicates within the campaign and people who opted out. Raises Conflict when another importer has been
        here meanwhile.
        """
        # Not durable against a power cut, but in order: rows and place are lost together or not at all.
        with self._database.write(durable=False) as connection:
            posting = Posting(connection, now)
            posting.lock([campaign_key])
            moved = connection.execute(
                update(audience_files)
                .where(audience_files.c.id == file_id, audience_files.c.rows_read == already_read)
                .values(rows_read=already_read + len(rows))
            )
            if moved.rowcount != 1:
                message = f"rows after {already_read} of this file were imported by another worker meanwhile"
                raise Conflict(message)
            total = connection.execute(select(campaigns.c.total).where(campaigns.c.key == campaign_key)).scalar_one()
            known = self._known(connection, campaign_key, rows)
            opted_out = self._opted_out(connection, posting.campaigns[campaign_key].tenant, rows)
            values: list[dict[str, object]] = []
            moves: Counter[tuple[int, str, str]] = Counter()
            for position, row in enumerate(rows, total + 1):
                skip, detail = row.skip, row.detail
                if skip is None and row.address is not None:
                    if row.address in known:
                        skip, detail = SkipReason.DUPLICATE, f"{row.address} stands in row {known[row.address]} already"
                    elif row.address in opted_out:
                        skip, detail = SkipReason.OPTED_OUT, f"{row.address} is on the do-not-contact list"
                    else:
                        known[row.address] = row.row
                state = TargetState.PENDING if skip is None else TargetState.SKIPPED
                moves[campaign_key, state.value, skip or ""] += 1
                values.append(_values(campaign_key, file_id, position, row, state, skip, detail, now))
            connection.execute(insert(targets), values)
            connection.execute(update(campaigns).where(campaigns.c.key == campaign_key).values(total=total + len(rows)))
            self._log_skips(connection, values)
            posting.count(moves)
        skipped = {outcome: n for (_, _, outcome), n in moves.items() if outcome}
        return BatchResult(len(rows) - sum(skipped.values()), skipped)

    def _known(self, connection: Connection, campaign_key: int, rows: Sequence[CheckedRow]) -> dict[str, int]:
        addresses = [row.address for row in rows if row.skip is None and row.address is not None]
        query = select(targets.c.address, targets.c.row).where(
            targets.c.campaign_key == campaign_key,
            targets.c.address.in_(addresses),
            targets.c.state != TargetState.SKIPPED,
        )
        return {address: row for address, row in connection.execute(query)}

    def _opted_out(self, connection: Connection, tenant: str, rows: Sequence[CheckedRow]) -> set[str]:
        addresses = [row.address for row in rows if row.address is not None]
        query = select(suppressions.c.address).where(
            suppressions.c.tenant == tenant, suppressions.c.address.in_(addresses)
        )
        return {address for (address,) in connection.execute(query)}

    def _log_skips(self, connection: Connection, values: Sequence[dict[str, object]]) -> None:
        lines = [
            {
                "campaign_key": v["campaign_key"],
                "position": v["position"],
                "at": v["updated_at"],
                "kind": "skipped",
                "detail": f"row {v['row']}: {v['detail']}",
            }
            for v in values
            if v["state"] == TargetState.SKIPPED
        ]
        if lines:
            connection.execute(insert(events), lines)


def _values(
    campaign_key: int,
    file_id: int,
    position: int,
    row: CheckedRow,
    state: TargetState,
    skip: SkipReason | None,
    detail: str | None,
    now: float,
) -> dict[str, object]:
    return {
        "campaign_key": campaign_key,
        "position": position,
        "row": row.row,
        "file_id": file_id,
        "address": row.address,
        "state": state.value,
        "outcome": skip.value if skip else None,
        "detail": detail,
        "due_at": 0.0,
        "variables": json.dumps(row.variables, ensure_ascii=False) if row.variables else None,
        "text": row.text,
        "time_zone": row.time_zone,
        "segments": row.segments,
        "updated_at": now,
    }
