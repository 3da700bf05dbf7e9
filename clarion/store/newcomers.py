"""What comes to a campaign from the one it follows: people whom calls did not reach, and leads found worth it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from clarion.audience.scripts import LONGEST, LONGEST_VALUE
from clarion.audience.wording import SkipRow, shortened
from clarion.domain.audience import Feed
from clarion.domain.call import MOST_VARIABLES, CallSpec, ScriptWriter
from clarion.domain.campaign import CampaignSpec
from clarion.domain.chain import handed_on, values_of
from clarion.domain.condition import Condition
from clarion.domain.errors import BadInput
from clarion.domain.lead import LeadValue
from clarion.domain.phone import InvalidPhone, candidate_zones, normalize_phone
from clarion.domain.segments import LONGEST_TEXT, count_segments
from clarion.domain.target import SkipReason, TargetState
from clarion.domain.template import MissingVariable, Template
from clarion.domain.variant import Split
from clarion.domain.versions import versions
from clarion.domain.window import TARGET, next_opening
from clarion.store.database import storable
from clarion.store.lead_rows import encode, read_answer, read_fields
from clarion.store.lead_schema import assessments, leads
from clarion.store.schema import targets
from clarion.store.statements import PreparedSelect

_ENDED = select(
    *(targets.c[name] for name in ("position", "row", "file_id", "address", "variables", "time_zone", "outcome"))
).where(targets.c.campaign_key == bindparam("campaign"), targets.c.state == bindparam("state"))
_UNREACHED = PreparedSelect(("campaign", "state"), _ENDED, targets.c.position)
_ASSESSED = PreparedSelect(
    ("campaign", "state"),
    _ENDED.add_columns(leads.c.fields, assessments.c.answer)
    .join(leads, (leads.c.campaign_key == targets.c.campaign_key) & (leads.c.position == targets.c.position))
    .join(assessments, assessments.c.attempt == leads.c.assessment),
    targets.c.position,
)


@dataclass(slots=True)
class Newcomer:
    """A target on its way into a campaign; `skip` and `detail` say why it is not contacted, if so."""

    parent_position: int
    row: int
    file_id: int
    time_zone: str | None
    address: str | None = None
    variables: str | None = None
    segments: int = 0
    variant: str | None = None
    skip: SkipReason | None = None
    detail: str | None = None

    def leave_out(self, reason: SkipReason, detail: str) -> None:
        """Note why it is not contacted."""
        self.skip, self.detail = reason, storable(detail)


def unreached(connection: Connection, parent: int, spec: CampaignSpec, positions: Collection[int]) -> list[Newcomer]:
    """Return those of a campaign's targets that it has given up, with an outcome that the following one asks for."""
    writer = _Writer(spec)
    found = []
    for row in _of_feed(spec, _UNREACHED.fetch(connection, (parent, TargetState.FAILED.value), positions)):
        came = _newcomer(row)
        came.address, came.variables = row.address, row.variables
        try:
            came.segments = writer.check(json.loads(row.variables or "{}"))
        except SkipRow as why:
            came.leave_out(why.reason, why.detail)
        found.append(came)
    return found


def worthwhile(
    connection: Connection, parent: int, spec: CampaignSpec, positions: Collection[int], now: float, *, seed: int
) -> list[Newcomer]:
    """Return those of a campaign's leads whose answers fulfil the condition of the following one.

    ``seed``: the number of the following one, which decides who gets which of its variants.
    """
    feed = spec.feed
    if feed is None:
        return []
    condition = None if feed.when is None else Condition.parse(feed.when)
    writers = {name: _Writer(said) for name, said in versions(spec).items()}
    split = None if spec.variants is None else Split(spec.variants, seed)
    found = []
    for row in _of_feed(spec, _ASSESSED.fetch(connection, (parent, TargetState.SUCCEEDED.value), positions)):
        cells: dict[str, str] = json.loads(row.variables or "{}")
        known = (cells, read_fields(row.fields), read_answer(row.answer))
        if condition is not None and not condition.holds(values_of(*known)):
            continue
        came = _newcomer(row)
        variables = handed_on(*known)
        try:
            came.address = _number(feed, known[1], spec.audience.region)
            _check_window(spec, came, now)
            came.variant = None if split is None else split.of(came.address)
            writer = writers[came.variant]
            came.segments = writer.check(variables)
            came.variables = encode(writer.needed(variables))
        except SkipRow as why:
            came.leave_out(why.reason, why.detail)
        found.append(came)
    return found


class _Writer:
    """Says what a campaign of texts or calls needs of a target, and whether a target has it."""

    def __init__(self, spec: CampaignSpec) -> None:
        self._call = spec.call
        texts = {"text": Template.parse(spec.message or "")}
        self._texts = texts if spec.call is None else ScriptWriter(spec.call).templates
        later = Template.parse(spec.fallback.message).variables if spec.fallback is not None else frozenset[str]()
        self._named = later.union(*(text.variables for text in self._texts.values()))

    def check(self, variables: Mapping[str, str]) -> int:
        """Return how many parts a target's text has, 0 for a call. Raises SkipRow."""
        try:
            texts = {name: text.render(variables) for name, text in self._texts.items()}
        except (MissingVariable, BadInput) as error:
            raise SkipRow(SkipReason.MISSING_VARIABLE, str(error)[:300]) from None
        if self._call is None:
            return _segments(texts["text"])
        for name, text in texts.items():
            if len(text) > LONGEST[name]:
                said = f"the {name.replace('_', ' ')} has {len(text):,} characters"
                raise SkipRow(SkipReason.TEXT_TOO_LONG, f"{said}; for a call it may have up to {LONGEST[name]:,}")
        return 0

    def needed(self, variables: Mapping[str, str]) -> dict[str, str]:
        """Return the variables that the texts mention; of calls also those that go along, the later ones first.

        What is too long to be spoken does not go along unless a text mentions it.
        """
        named = {name: value for name, value in variables.items() if name in self._named}
        along = {} if self._call is None else _along(self._call, variables)
        return dict([*named.items(), *((name, along[name]) for name in along if name not in named)][:MOST_VARIABLES])


def _along(call: CallSpec, variables: Mapping[str, str]) -> dict[str, str]:
    chosen = reversed(list(variables)) if call.variables is None else call.variables
    return {name: value for name in chosen if (value := variables.get(name)) and len(value) <= LONGEST_VALUE}


def _of_feed(spec: CampaignSpec, rows: Collection[Row[Any]]) -> list[Row[Any]]:
    outcomes = frozenset(spec.feed.outcomes if spec.feed is not None else ())
    return sorted((row for row in rows if row.outcome in outcomes), key=lambda row: row.position)


def _newcomer(row: Row[Any]) -> Newcomer:
    return Newcomer(row.position, row.row, row.file_id, row.time_zone)


def _number(feed: Feed, fields: Mapping[str, LeadValue], region: str | None) -> str:
    """Return the first number of a lead that can be used, in E.164. Raises SkipRow."""
    given = {name: str(value) for name in feed.phone if (value := fields.get(name)) not in {None, ""}}
    wrong = []
    for name, raw in given.items():
        try:
            return normalize_phone(raw, region)
        except InvalidPhone as error:
            wrong.append(f'{name} "{shortened(raw)}" is not a phone number that can be used: {error.why}')
    if wrong:
        raise SkipRow(SkipReason.INVALID_PHONE, "; ".join(wrong))
    raise SkipRow(SkipReason.MISSING_PHONE, f"the lead has no number in {' or '.join(feed.phone)}")


def _check_window(spec: CampaignSpec, came: Newcomer, now: float) -> None:
    """Raise SkipRow where the window is in the target's time, and nobody can say when that is."""
    window, address = spec.window, came.address or ""
    if window is None or window.time_zone != TARGET:
        return
    zones = candidate_zones(address) if came.time_zone is None else (came.time_zone,)
    if not zones:
        why = f"nothing is known about the time zone of {address}, and the window is in the target's time"
        raise SkipRow(SkipReason.UNKNOWN_TIME_ZONE, why)
    if next_opening(window, zones, now) is None:
        why = f"{address} may be in {', '.join(zones[:3])}, and the window is never open in all of its zones at once"
        raise SkipRow(SkipReason.UNKNOWN_TIME_ZONE, why)


def _segments(text: str) -> int:
    if not text.strip():
        raise SkipRow(SkipReason.EMPTY_TEXT, "the text of this row is empty")
    if len(text) > LONGEST_TEXT:
        raise SkipRow(SkipReason.TEXT_TOO_LONG, f"the text of this row has {len(text):,} characters")
    return count_segments(text).count
