"""The result of a campaign, row by row in the order of its audience, as CSV, JSON or XLSX; in flat memory."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import tzinfo
from pathlib import Path
from typing import IO

from clarion.domain.call import ScriptWriter
from clarion.domain.campaign import CampaignSpec, Channel
from clarion.domain.errors import BadInput, did_you_mean
from clarion.domain.template import Template
from clarion.domain.versions import versions
from clarion.store.campaigns import Campaign
from starter.looking import CallSummaryLine, Looking, TranscriptLine
from starter.progress import Progress
from starter.reports import calls as report_calls
from starter.reports import variants as report_variants
from starter.reports.calls import LastCalls
from starter.reports.leads import LeadReport
from starter.reports.parts import FORMULA_STARTS, Cell, Sheet, Written
from starter.times import iso
from starter.variants import variant_results

COLUMNS = (
    "position",
    "row",
    "address",
    "state",
    "outcome",
    "reason",
    "detail",
    "attempts",
    "segments",
    "cost",
    "contacted_at",
    "ended_at",
    "due_at",
    "updated_at",
    "time_zone",
    "provider_status",
    "provider_code",
    "provider_reference",
    "text",
)
"""Ours come first; the variables of the campaign's text follow, a column each."""

VARIANT = "variant"
"""The column that tells which variant a target has; only where the campaign has some, after ours."""

OF_TEXTS = frozenset({"segments"})
"""Columns that mean something for texts alone."""

SCRIPT = "script"
"""In calls the row's own words are a script, as JSON, and no text."""

OURS = frozenset({"address"})
"""Columns that may begin with a plus sign: numbers in E.164, written by us."""

SUFFIXES = (".xlsx", ".csv", ".json")
NEVER = 1e15


def write_report(looking: Looking, campaign_id: str, file: Path | None, *, as_json: bool = False) -> int:
    """Write a report and return its number of rows; ``None`` and ``-`` write to standard output.

    Raises NotFound for the campaign, BadInput for a file that cannot be written.
    """
    report = report_of(looking, looking.find(campaign_id))
    to_stdout = file is None or str(file) == "-"
    if file is None or to_stdout:
        if as_json:
            return _write_json(sys.stdout, report)
        return _write_csv(sys.stdout, report)
    kind = file.suffix.lower()
    with _replacing(file) as part:
        if kind == ".xlsx":
            from starter.reports.workbook import write_workbook

            return write_workbook(part, report)
        # The mark lets Excel read the file as UTF-8, and everything else ignores it.
        with part.open("w", encoding="utf-8-sig" if kind == ".csv" else "utf-8", newline="") as sink:
            return _write_csv(sink, report) if kind == ".csv" else _write_json(sink, report)


def report_of(looking: Looking, campaign: Campaign) -> Written:
    """Return the report of a campaign, as its channel has it."""
    of_leads = campaign.spec.channel is Channel.LEAD_ANALYSIS
    return LeadReport(looking, campaign) if of_leads else Report(looking, campaign)


def check_file(file: Path | None) -> None:
    """Raise BadInput for a file that no report can be written to."""
    if file is None or str(file) == "-":
        return
    if file.suffix.lower() not in SUFFIXES:
        near = did_you_mean(file.suffix, SUFFIXES)
        raise BadInput(f'"{file}" ends in nothing that a report is written as{near}; use .xlsx, .csv or .json')
    if not file.absolute().parent.is_dir():
        raise BadInput(f'"{file}" cannot be written: there is no folder {file.absolute().parent}')


class Report:
    """A campaign's rows and its summary, ready to be written."""

    def __init__(self, looking: Looking, campaign: Campaign, zone: tzinfo | None = None) -> None:
        self.progress: Progress = looking.progress(campaign.ref.campaign_id)
        self._looking = looking
        self._id = campaign.ref.campaign_id
        self._key = campaign.ref.key
        self._zone = zone
        self._variables = _variables(campaign.spec)
        self.calls: CallSummaryLine | None = None
        """What the calls came to; None for texts."""
        ours: tuple[str, ...] = COLUMNS
        self._fields: list[str] = []
        if campaign.spec.channel is Channel.CALL:
            self.calls = looking.call_summary(self._id)
            self._fields = report_calls.fields_of(self.calls)
            kept = [SCRIPT if name == "text" else name for name in COLUMNS if name not in OF_TEXTS]
            assessed = [report_calls.PREFIX + name for name in self._fields]
            ours = (*kept, *report_calls.COLUMNS, *assessed)
        self.variants = variant_results(looking, self._id) if campaign.spec.variants else None
        """What came of each; None for a campaign that has none."""
        if self.variants is not None:
            ours = (*ours, VARIANT)
        names = (name if name not in ours else f"variable_{name}" for name in self._variables)
        self.columns: tuple[str, ...] = (*ours, *names)

    def rows(self) -> Iterator[list[Cell]]:
        """Yield the cells of every target, as they are."""
        of_calls = self.calls is not None
        last_calls = LastCalls(self._looking.last_calls(self._id) if of_calls else iter(()), self._fields)
        for row in self._looking.store.targets.all(self._key):
            variables = json.loads(row.variables) if row.variables else {}
            yield [
                row.position,
                row.row,
                row.address,
                row.state,
                row.outcome,
                row.reason,
                row.detail,
                row.attempts,
                *([] if of_calls else [row.segments]),
                self._cost(row.position, row.attempts, row.cost),
                self._moment(row.intended_at),
                self._moment(row.ended_at),
                self._moment(row.due_at),
                self._moment(row.updated_at),
                row.time_zone,
                row.provider_status,
                row.provider_code,
                row.provider_reference,
                row.text,
                *(last_calls.cells(row.position) if of_calls else []),
                *([row.variant] if self.variants is not None else []),
                *(variables.get(name) for name in self._variables),
            ]

    @property
    def ours(self) -> frozenset[str]:
        """Columns that may begin with a plus sign."""
        return OURS

    def records(self) -> Iterator[dict[str, object]]:
        """Yield what is known of every target, by column."""
        for cells in self.rows():
            yield {name: cell for name, cell in zip(self.columns, cells, strict=True) if cell is not None}

    def figures(self) -> Iterator[tuple[str, str]]:
        """Yield what the calls came to, and the variants."""
        if self.calls is not None:
            yield "calls", self.calls.model_dump_json()
        if self.variants is not None:
            yield "variants", self.variants.model_dump_json()

    def lists(self) -> Iterator[tuple[str, Iterator[str]]]:
        """Yield what was said in the calls."""
        if self.calls is not None:
            yield "transcripts", (call.model_dump_json() for call in self.transcripts())

    def sheets(self) -> Iterator[Sheet]:
        """Yield the summary, that of the calls, the variants, the rows and who said what."""
        yield Sheet("Summary", None, self.summary())
        if self.calls is not None:
            yield Sheet("Calls", None, report_calls.sums(self.calls))
        if self.variants is not None:
            yield Sheet("Variants", report_variants.COLUMNS, report_variants.rows(self.variants))
        yield Sheet("Targets", self.columns, self.rows(), is_result=True)
        if self.calls is not None:
            yield Sheet("Transcripts", report_calls.TURN_COLUMNS, report_calls.turns(self.transcripts()))

    def transcripts(self) -> Iterator[TranscriptLine]:
        """Yield the calls of which more is known than how they ended; of texts there are none."""
        return self._looking.transcripts(self._id) if self.calls is not None else iter(())

    def summary(self) -> Iterator[tuple[str, Cell]]:
        """Yield what a summary says, a name and a value each."""
        progress = self.progress
        yield "campaign", progress.campaign_id
        yield "name", progress.name
        yield "channel", progress.channel.value
        yield "status", progress.status.value
        yield "reason", progress.reason
        yield "started_at", iso(progress.started_at, self._zone)
        yield "finished_at", iso(progress.finished_at, self._zone)
        yield "success_rate", progress.success_rate
        yield "spent", progress.spent
        yield "budget", progress.budget
        for state, n in progress.books.model_dump().items():
            yield f"books: {state}", n
        for outcome, n in progress.outcomes.items():
            yield f"outcome: {outcome}", n
        if self.variants is not None:
            yield "variants", self.variants.verdict

    def _cost(self, position: int, attempts: int, last: int | None) -> float:
        """Add up all attempts; the row itself knows the last one's cost alone."""
        if attempts <= 1:
            return (last or 0) / 1e6
        return round(sum(attempt.cost for attempt in self._looking.attempts(self._key, position)), 6)

    def _moment(self, at: float | None) -> str | None:
        return iso(at, self._zone) if at and at < NEVER else None


def _variables(spec: CampaignSpec) -> list[str]:
    """Return the variables that the campaign's texts mention, whatever their variant."""
    found: set[str] = set()
    for said in versions(spec).values():
        if said.call is not None:
            found |= ScriptWriter(said.call).variables
        elif said.message:
            found |= Template.parse(said.message).variables
    return sorted(found)


def harmless(column: str, value: Cell, ours: frozenset[str] = OURS) -> Cell:
    """Put an apostrophe before what a spreadsheet would run as a formula, but in columns of ``ours``."""
    if isinstance(value, str) and column not in ours and value.startswith(FORMULA_STARTS):
        return "'" + value
    return value


def _write_csv(sink: IO[str], report: Written) -> int:
    writer = csv.writer(sink, lineterminator="\r\n" if sink is not sys.stdout else "\n")
    writer.writerow([harmless("", name) for name in report.columns])
    rows = 0
    for cells in report.rows():
        pairs = zip(report.columns, cells, strict=True)
        writer.writerow([harmless(name, cell, report.ours) for name, cell in pairs])
        rows += 1
    return rows


def _write_json(sink: IO[str], report: Written) -> int:
    sink.write(f'{{"summary": {report.progress.model_dump_json()},\n')
    for name, figures in report.figures():
        sink.write(f'"{name}": {figures},\n')
    rows = _write_list(sink, "rows", (json.dumps(record, ensure_ascii=False) for record in report.records()))
    for name, entries in report.lists():
        sink.write(",\n")
        _write_list(sink, name, entries)
    sink.write("}\n")
    return rows


def _write_list(sink: IO[str], name: str, entries: Iterator[str]) -> int:
    sink.write(f'"{name}": [')
    written = 0
    for entry in entries:
        sink.write(("," if written else "") + "\n" + entry)
        written += 1
    sink.write("\n]")
    return written


@contextmanager
def _replacing(file: Path) -> Iterator[Path]:
    """Give a path to write to, which takes the file's place once it is complete."""
    part = file.with_name(f".{file.name}.part")
    try:
        if file.is_dir():
            raise BadInput(f'"{file}" is a folder; name a file in it')
        yield part
        part.replace(file)
    except OSError as error:
        raise BadInput(f'"{file}" cannot be written: {error.strerror or error}') from None
    finally:
        part.unlink(missing_ok=True)
