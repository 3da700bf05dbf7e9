"""The contacts of a draft, which stand in its files until it is started: read again for every look, and checked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from clarion.audience.checks import CheckedRow, RowChecker
from clarion.audience.row import AudienceReader
from clarion.audience.source import open_audience
from clarion.domain.audience import AudienceSpec
from clarion.domain.campaign import Channel
from clarion.domain.target import SkipReason
from clarion.store.campaigns import Campaign
from clarion.store.files import AudienceFile
from starter.looking import Looking
from starter.which import address_of, position_of, row_of

MOST_READ = 20_000
"""Rows that are read for one page; where few of them are wanted, a page may end before it is full."""
BATCH = 500
"""Rows that are looked up in the do-not-contact list at once."""


class DraftPlace(NamedTuple):
    """Where a contact stands: its position, and how to find it again in the files of a draft."""

    position: int = 0
    file: int = 0
    rows: int = 0
    """Of the file, up to this one."""


@dataclass(frozen=True, slots=True)
class DraftRow:
    """A row of a draft."""

    place: DraftPlace
    checked: CheckedRow


@dataclass(frozen=True, slots=True)
class Sought:
    """What somebody looks for among rows that nobody has numbered yet."""

    position: int | None
    row: int | None
    address: str | None

    @classmethod
    def of(cls, campaign: Campaign, text: str) -> Sought:
        """Read what somebody has written. Raises BadInput when it can be read as nothing."""
        row, position = row_of(text), position_of(text)
        named = row is not None or position is not None
        return cls(position, row, None if named else address_of(campaign, text))

    def fits(self, position: int, row: int, address: str | None) -> bool:
        """Say whether it is this row."""
        return position == self.position or row == self.row or (address is not None and address == self.address)


def draft_rows(looking: Looking, campaign: Campaign, after: DraftPlace) -> Iterator[DraftRow | None]:
    """Yield the rows of a draft after a place, in the order of its files; None, at the end, when enough was read.

    A number that stands in it twice is found when it is checked or started. Raises BadInput where the campaign asks
    for a column that a file does not have.
    """
    left = MOST_READ
    position = after.position
    for file in looking.store.files.of_campaign(campaign.ref.key):
        if file.id < after.file:
            continue
        skip = after.rows if file.id == after.file else 0
        for n, checked in enumerate(_rows_of(looking, campaign, file, skip), skip + 1):
            if left == 0:
                yield None
                return
            left -= 1
            position += 1
            yield DraftRow(DraftPlace(position, file.id, n), checked)


def count_rows(looking: Looking, campaign: Campaign) -> int:
    """Count the rows that wait in the files of a campaign that nobody has imported yet; MOST_READ at most."""
    found = 0
    for file in looking.store.files.of_campaign(campaign.ref.key):
        with _opened(looking, campaign.spec.audience, file) as reader:
            found += sum(1 for _ in islice(reader.rows(), MOST_READ - found))
    return found


def _rows_of(looking: Looking, campaign: Campaign, file: AudienceFile, skip: int) -> Iterator[CheckedRow]:
    source = campaign.spec.audience
    with _opened(looking, source, file) as reader:
        checker = RowChecker(campaign.spec, reader.columns, looking.clock(), seed=campaign.ref.key)
        rows = (checker.check(row) for row in reader.rows(skip=skip))
        while batch := list(islice(rows, BATCH)):
            yield from _without_opted_out(looking, campaign, batch)


@contextmanager
def _opened(looking: Looking, source: AudienceSpec, file: AudienceFile) -> Iterator[AudienceReader]:
    with tempfile.TemporaryDirectory(prefix="clarion-") as folder:
        path = Path(folder) / f"audience{Path(file.name).suffix}"
        looking.store.files.write_to(file.id, path)
        with open_audience(
            path, name=file.name, sheet=source.sheet, delimiter=source.delimiter, encoding=source.encoding
        ) as reader:
            yield reader


def _without_opted_out(looking: Looking, campaign: Campaign, batch: list[CheckedRow]) -> Iterator[CheckedRow]:
    if campaign.spec.channel is Channel.LEAD_ANALYSIS:
        yield from batch
        return
    addresses = {row.address for row in batch if row.skip is None and row.address is not None}
    opted_out = looking.store.suppressions.among(looking.tenant, addresses)
    for row in batch:
        if row.skip is None and row.address in opted_out:
            yield replace(row, skip=SkipReason.OPTED_OUT, detail=f"{row.address} is on the do-not-contact list")
        else:
            yield row
