"""Checks a campaign and contacts nobody: its whole audience is imported into a store that is thrown away."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from clarion.audience.checks import CheckedRow, RowChecker
from clarion.audience.row import AudienceReader
from clarion.audience.source import open_audience, require_rows
from clarion.domain.assessment import BATCH_SECONDS
from clarion.domain.campaign import CampaignSpec, Channel
from clarion.domain.schedule import next_firings
from clarion.domain.segments import count_segments
from clarion.domain.target import SkipReason, TargetState
from clarion.settings import Account, Settings
from clarion.store.migrate import migrate
from clarion.store.store import Store
from starter.checking.forecast import costs, expected_end, tempo
from starter.checking.preflight_call import CallPlan, Kept, call_plan
from starter.checking.preflight_leads import Ids, LeadPlan, lead_costs, lead_plan
from starter.checking.preflight_rows import Divided, Imported, VariantPlan, text_of
from starter.checking.startable import account_problems, check_words
from starter.why import zones_of

BATCH = 1_000
SAMPLED = 1_000
"""Accepted rows whose time zones stand for all."""
ZONES = 5
"""Of these, the zones looked at: the commonest."""
NAMED = 5
"""Rows named for each reason."""


class AudiencePart(NamedTuple):
    """A file of an audience, and what the person calls it."""

    path: Path
    name: str


Suppressed = Callable[[Sequence[str]], set[str]]


class Rejected(BaseModel):
    """A row that would never be contacted."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    row: int
    outcome: str
    detail: str | None
    file: str = ""
    """Whose row it is, where the audience has several files."""


class Reason(BaseModel):
    """Rows that are left out for the same reason."""

    model_config = ConfigDict(frozen=True)

    reason: str
    count: int
    rows: tuple[int, ...]
    """The first of them, as a spreadsheet numbers them."""
    example: str


class Preflight(BaseModel):
    """What would happen if the campaign started now. Times are epoch seconds, spans seconds, money the account's."""

    model_config = ConfigDict(frozen=True)

    name: str
    channel: Channel
    file: str
    read_as: str
    total: int
    accepted: int
    rejected: int
    reasons: tuple[Reason, ...]
    segments: int
    segments_per_text: dict[int, int]
    """How many texts have how many segments."""
    encoding: str
    """Of the sample; empty for calls."""
    sample_row: int | None
    sample_text: str
    """The text, or what a call says first."""
    call: CallPlan | None
    """The sample's call, and how long calls are taken to last; None for texts."""
    leads: LeadPlan | None = None
    """What is asked about leads, and of whom; None where nobody analyses leads."""
    variants: tuple[VariantPlan, ...] = ()
    """What the targets of each variant would get."""
    per_second: float | None
    """What the limits of campaign and account permit; None is unlimited."""
    starts_at: float
    moments: tuple[float, ...] = ()
    """When the next campaigns of its schedule begin; the expected end is that of the first one."""
    expected_end: float | None
    """None: the window never opens, or no limit says how long it takes."""
    expected_cost: float
    """Of every target's first try; for calls at the assumed minutes, for leads at the expected tokens."""
    most_cost: float
    """The same if every call lasts as long as it may, or every answer is as long."""
    budget: float | None
    covered: int
    """Targets that the budget pays for, at the expected cost."""
    problems: tuple[str, ...]
    """What would keep the campaign from being started on this installation."""


@dataclass(slots=True)
class Tally:
    """What has been counted so far, in flat memory."""

    accepted: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    first_rows: dict[str, list[int]] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    segments: Counter[int] = field(default_factory=Counter)
    zones: Counter[tuple[str, ...]] = field(default_factory=Counter)
    sample: Imported | None = None
    ids: Ids = field(default_factory=Ids)
    divided: Divided = field(default_factory=Divided)

    def reject(self, row: Rejected) -> None:
        """Count a row that is left out."""
        self.counts[row.outcome] += 1
        self.examples.setdefault(row.outcome, row.detail or "")
        named = self.first_rows.setdefault(row.outcome, [])
        if len(named) < NAMED:
            named.append(row.row)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons, the commonest first."""
        return tuple(
            Reason(reason=reason, count=n, rows=tuple(self.first_rows[reason]), example=self.examples[reason])
            for reason, n in self.counts.most_common()
        )


def preflight(
    spec: CampaignSpec,
    settings: Settings,
    *,
    files: Sequence[AudiencePart] = (),
    suppressed: Suppressed = lambda _: set(),
    on_rejected: Callable[[Rejected], None] = lambda _: None,
    on_progress: Callable[[int], None] = lambda _: None,
    now: float | None = None,
) -> Preflight:
    """Check a campaign and its whole audience: ``files``, or without them the one that the campaign names.

    ``suppressed`` says which of some numbers are on the do-not-contact list. ``on_rejected`` is told every row that is
    left out, ``on_progress`` the rows read so far. Raises BadInput for what would stop the campaign as a whole.
    """
    at = time.time() if now is None else now
    check_words(spec, at)
    account, problems = settings.accounts.get(spec.account), account_problems(spec, settings)
    tally = Tally()
    told = [on_rejected if len(files) < 2 else _of_file(part.name, on_rejected) for part in files] or [on_rejected]
    parts = files or (AudiencePart(Path(spec.audience.file), Path(spec.audience.file).name),)
    read_as = []
    with tempfile.TemporaryDirectory(prefix="clarion-check-") as folder, _scratch(Path(folder), spec, at) as scratch:
        for part, tell in zip(parts, told, strict=True):
            with _opened(spec, part) as reader:
                checker = RowChecker(spec, reader.columns, at)
                require_rows(reader)
                checked = (checker.check(row) for row in reader.rows())
                for rows in scratch.imported(part.name, checked, suppressed, at):
                    _count(spec, rows, tally, tell)
                    on_progress(scratch.total)
                read_as.append(reader.description)
    return _result(spec, account, tally, scratch.total, "; ".join(dict.fromkeys(read_as)), problems, at)


def _opened(spec: CampaignSpec, part: AudiencePart) -> AudienceReader:
    source = spec.audience
    return open_audience(
        part.path, name=part.name, sheet=source.sheet, delimiter=source.delimiter, encoding=source.encoding
    )


def _of_file(name: str, on_rejected: Callable[[Rejected], None]) -> Callable[[Rejected], None]:
    return lambda row: on_rejected(row.model_copy(update={"file": name}))


@dataclass(slots=True)
class Scratch:
    """A store that is thrown away, in which rows are imported as a worker would."""

    store: Store
    key: int
    nothing: Path
    """An empty file: the store wants one for each, and none of its bytes."""
    total: int = 0

    def imported(
        self, name: str, rows: Iterator[CheckedRow], suppressed: Suppressed, now: float
    ) -> Iterator[list[Imported]]:
        """Import the rows of a file and yield what became of them, a batch at a time."""
        file_id = self.store.files.keep(self.key, self.nothing, name)
        done = 0
        while batch := list(islice(rows, BATCH)):
            self.store.importing.add(self.key, file_id, _without_suppressed(batch, suppressed), done, now)
            found = self.store.targets.page(self.key, after=self.total, limit=len(batch))
            done += len(batch)
            self.total += len(batch)
            yield [Imported.model_validate(row) for row in found]


@contextmanager
def _scratch(folder: Path, spec: CampaignSpec, now: float) -> Iterator[Scratch]:
    store = Store(f"sqlite:///{folder / 'check.db'}", tenant="check", grace=0.0)
    try:
        migrate(store.database)
        nothing = folder / "nothing"
        nothing.touch()
        yield Scratch(store, store.campaigns.create("check", "check", spec, now).key, nothing)
    finally:
        store.close()


def _without_suppressed(batch: list[CheckedRow], suppressed: Suppressed) -> list[CheckedRow]:
    found = suppressed([row.address for row in batch if row.address is not None and row.skip is None])
    if not found:
        return batch
    return [
        replace(row, skip=SkipReason.OPTED_OUT, detail=f"{row.address} is on the do-not-contact list")
        if row.skip is None and row.address in found
        else row
        for row in batch
    ]


def _count(spec: CampaignSpec, rows: Sequence[Imported], tally: Tally, on_rejected: Callable[[Rejected], None]) -> None:
    for row in rows:
        tally.divided.add(row)
        if row.state is TargetState.SKIPPED:
            rejected = Rejected.model_validate(row)
            tally.reject(rejected)
            on_rejected(rejected)
            continue
        tally.accepted += 1
        tally.segments[row.segments] += 1
        tally.sample = tally.sample or row
        if spec.assess is not None and row.address is not None:
            tally.ids.add(row.row, row.address, row.variables, spec.audience.address)
        if spec.window is not None and tally.accepted <= SAMPLED:
            tally.zones[zones_of(spec.window, row.address, row.time_zone)] += 1


def _result(
    spec: CampaignSpec,
    account: Account | None,
    tally: Tally,
    total: int,
    read_as: str,
    problems: tuple[str, ...],
    now: float,
) -> Preflight:
    segments = sum(count * n for count, n in tally.segments.items())
    pace = tempo(spec, account)
    leads = lead_plan(spec, account, tally.ids, tally.accepted, pace)
    expected, most = costs(spec, account, tally.accepted, segments)
    if leads is not None:
        expected, most = lead_costs(spec, account, tally.accepted)
    moments = tuple(next_firings(spec.schedule, now)) if spec.schedule is not None else ()
    begins = moments[0] if moments else spec.start_at.timestamp() if spec.start_at else now
    starts_at = max(now, begins)
    end = expected_end(
        spec.window, [zones for zones, _ in tally.zones.most_common(ZONES)], starts_at, pace.work(tally.accepted)
    )
    if leads is not None and leads.in_batches:
        end = starts_at + BATCH_SECONDS
    sample = tally.sample
    call = call_plan(spec, account, Kept(sample.variables, sample.text, sample.variant) if sample else None, pace)
    text = "" if leads else text_of(spec, sample) if call is None else call.first_message or ""
    of_texts = call is None and leads is None
    return Preflight(
        name=spec.name,
        channel=spec.channel,
        file=spec.audience.file,
        read_as=read_as,
        total=total,
        accepted=tally.accepted,
        rejected=total - tally.accepted,
        reasons=tally.reasons,
        segments=segments,
        segments_per_text=dict(sorted(tally.segments.items())) if of_texts else {},
        encoding=count_segments(text).encoding.value if of_texts else "",
        sample_row=sample.row if sample else None,
        sample_text=text,
        call=call,
        leads=leads,
        variants=tally.divided.plans(spec),
        per_second=round(1 / pace.gap, 3 if call is None else 6) if pace.gap else None,
        starts_at=starts_at,
        moments=moments,
        expected_end=end if pace.gap else None,
        expected_cost=round(expected, 4),
        most_cost=round(most, 4),
        budget=spec.budget,
        covered=_covered(spec.budget, tally.accepted, expected),
        problems=problems,
    )


def _covered(budget: float | None, accepted: int, cost: float) -> int:
    """Return how many targets the budget pays for, when each costs the average."""
    if budget is None or not cost:
        return accepted
    return min(accepted, int(budget / cost * accepted))
