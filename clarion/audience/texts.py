"""What a text campaign sends to a row: the campaign's text filled in, or the row's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clarion.audience.row import Row
from clarion.audience.source import require_columns
from clarion.audience.variables import filled, sources, values
from clarion.audience.wording import SkipRow, Words
from clarion.domain.campaign import CampaignSpec
from clarion.domain.segments import LONGEST_TEXT, count_segments
from clarion.domain.target import SkipReason
from clarion.domain.template import Template


class TextWording:
    """The texts of one campaign."""

    keeps_skipped = False

    def __init__(self, spec: CampaignSpec, columns: Sequence[str]) -> None:
        """Find the columns. Raises BadInput for one that is not there."""
        self._own = spec.audience.message
        if self._own is not None:
            require_columns(columns, {"each row's text": self._own})
        self._template = None if spec.message is None else Template.parse(spec.message)
        self._sources = {} if self._template is None else sources(self._template, columns)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it needs."""
        own = () if self._own is None else (self._own,)
        return (*own, *self._sources.values())

    def of(self, row: Row) -> Words:
        """Return what is kept of a row. Raises SkipRow."""
        text = self._own_text(row.cells)
        if text is not None:
            return Words({}, text, _segments(text))
        if self._template is None:
            return Words({}, None, 0)
        variables = values(self._sources, row.cells)
        return Words(variables, None, _segments(filled(self._template, variables, self._sources)))

    def _own_text(self, cells: Mapping[str, str]) -> str | None:
        if self._own is None:
            return None
        text = cells.get(self._own, "")
        if text and not text.isspace():
            return text
        if self._template is None:
            detail = f'the cell "{self._own}" is empty, and the campaign has no text of its own'
            raise SkipRow(SkipReason.EMPTY_TEXT, detail)
        return None


def _segments(text: str) -> int:
    if not text or text.isspace():
        raise SkipRow(SkipReason.EMPTY_TEXT, "the text of this row is empty")
    if len(text) > LONGEST_TEXT:
        detail = f"the text of this row has {len(text):,} characters; a message may have up to {LONGEST_TEXT:,}"
        raise SkipRow(SkipReason.TEXT_TOO_LONG, detail)
    return count_segments(text).count
