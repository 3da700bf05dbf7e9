"""Real analyses of leads on real parts: a workbook goes in, leads come to what their ids say, a workbook comes out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path

import pytest
import yaml
from openpyxl import load_workbook

from clarion.domain.campaign import CampaignStatus
from clarion.store.lead_lines import LeadLine
from starter.local import example_leads
from starter.local.example_leads import COLUMNS, SHEET, USELESS, Kind, write_example
from tests.e2e.lead_site import (
    PRICES,
    Analysis,
    Counted,
    analyse,
    at_the_crm,
    counted,
    ending_of,
    faults,
    follow,
    magic_leads,
    new_leads,
    usual,
)
from tests.e2e.site import Site, clarion, closed
from tests.e2e.test_campaigns import assert_discreet, assert_replays

pytestmark = pytest.mark.asyncio(loop_scope="session")

ENDINGS: Mapping[str, tuple[str, str, int]] = {
    "9401": ("failed", "not_found", 0),
    "9402": ("skipped", "deleted", 0),
    "9403": ("skipped", "converted", 0),
    "9404": ("succeeded", "assessed", 1),
    "9405": ("succeeded", "assessed", 1),
    "9406": ("succeeded", "assessed", 1),
    "9407": ("succeeded", "assessed", 1),
    "9408": ("succeeded", "assessed", 1),
    **{str(ending): ("succeeded", "assessed", 1) for ending in range(9411, 9419)},
    "9421": ("failed", "refused", 1),
    "9422": ("succeeded", "assessed", 2),
    "9423": ("failed", "filtered", 1),
    "9424": ("failed", "invalid_answer", 2),
    "9425": ("succeeded", "assessed", 1),
    "9426": ("failed", "filtered", 0),
    "9427": ("failed", "rejected_content", 0),
    "9428": ("succeeded", "assessed", 2),
    "9429": ("succeeded", "assessed", 1),
}
"""State, outcome and number of answers by the last four of the id's 15 characters, with two tries."""

KINDS: Mapping[Kind, tuple[str, str]] = {
    Kind.EMPTY: ("skipped", "missing_lead_id"),
    Kind.WRONG_CHECKSUM: ("skipped", "invalid_lead_id"),
    Kind.ACCOUNT: ("skipped", "wrong_object"),
    Kind.REPEATED: ("skipped", "duplicate"),
    Kind.REPEATED_SHORT: ("skipped", "duplicate"),
    Kind.FORMULA: ("skipped", "unreadable_row"),
    Kind.NUMBER: ("skipped", "invalid_lead_id"),
    Kind.WORDS: ("skipped", "invalid_lead_id"),
    Kind.UNKNOWN: ("failed", "not_found"),
    Kind.DELETED: ("skipped", "deleted"),
    Kind.CONVERTED: ("skipped", "converted"),
    Kind.DECLINED: ("failed", "refused"),
}
"""State and outcome of a row of an example."""
ASSESSED = ("succeeded", "assessed")
"""The same of every other kind of row."""

GULLIBLE = "sandbox-gullible"
"""A model that does what it is told."""

ROWS, BAD, SEED = 120, 0.2, 5


async def test_every_lead_comes_to_what_it_must(leads: Site) -> None:
    await faults(leads, openai={"slow_seconds": 0.5})
    odd, plain = magic_leads(*ENDINGS), new_leads(10)
    run = await analyse(leads, [*odd, *plain], retry={"attempts": 2, "delay": "0.5s"})
    done = await run.end()
    lines, answered = await run.by_lead(), await run.answered()
    found = {
        ending_of(lead): (line.state.value, line.outcome, answered[line.position])
        for lead, line in lines.items()
        if lead in odd
    }
    assert found == ENDINGS
    assert [lines[lead].outcome for lead in plain] == ["assessed"] * 10
    fates = Counter(state for state, _, _ in ENDINGS.values())
    books = {"succeeded": fates["succeeded"] + 10, "failed": fates["failed"], "skipped": fates["skipped"]}
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, **books)
    reasons = Counter(outcome for state, outcome, _ in ENDINGS.values() if state != "succeeded")
    assert await run.reasons() == reasons


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workbook with rows of every kind."""
    path = tmp_path_factory.mktemp("workbook") / "leads.xlsx"
    counts = write_example(path, ROWS, BAD, SEED)
    assert set(counts) == set(Kind)
    return path


def kinds() -> list[Kind]:
    """What each row of the workbook is, in order."""
    return [kind for kind, _, _ in example_leads._rows(ROWS, BAD, SEED)]


def records(path: Path, sheet: str) -> Iterator[dict[str, object]]:
    """Yield the rows of a sheet by column."""
    book = load_workbook(path, read_only=True)
    try:
        columns, *rows = book[sheet].iter_rows(values_only=True)
        names = [str(name) for name in columns]
        yield from (dict(zip_longest(names, row)) for row in rows)  # cells at the end that are empty are left out
    finally:
        book.close()


async def test_a_workbook_goes_in_and_one_comes_out(leads: Site, workbook: Path, tmp_path: Path) -> None:
    run, before = "run-workbook", await counted(leads)
    spec, report = tmp_path / "campaign.yaml", tmp_path / "report.xlsx"
    spec.write_text(yaml.safe_dump(usual(workbook, run)))
    code, out, err = await clarion(leads, "start", str(spec), "--id", run, "--follow", "--json")
    assert code == 0, err
    told, spent = json.loads(out), (await counted(leads)).since(before)
    assert (told["status"], told["books"]["total"], told["percent"]) == ("completed", ROWS, 100.0)
    assert spent.crm_requests <= 4, "leads are fetched together"
    code, _, err = await clarion(leads, "report", run, "--out", str(report))
    assert code == 0, err
    given, rows = list(records(workbook, SHEET)), list(records(report, "Leads"))
    assert [row["row"] for row in rows] == list(range(2, ROWS + 2))
    assert [(row["state"], row["outcome"]) for row in rows] == [KINDS.get(kind, ASSESSED) for kind in kinds()]
    assert [{name: row[name] for name in COLUMNS[1:]} for row in rows] == [
        {name: row[name] for name in COLUMNS[1:]} for row in given
    ]
    assert all((row["score"] is None) == (row["state"] != "succeeded") for row in rows)
    invalid = [row["row"] for row in records(report, "Invalid IDs")]
    assert invalid == [n for n, kind in enumerate(kinds(), 2) if kind in USELESS]
    await assert_adds_up(await follow(leads, run), spent)


async def assert_adds_up(run: Analysis, spent: Counted) -> None:
    """The sandbox has counted what the campaign says it has used, and what that costs."""
    lines, progress = await run.lines(), await run.progress()
    assert progress.tokens is not None
    assert (progress.tokens.input, progress.tokens.output) == (spent.input_tokens, spent.output_tokens)
    assert sum(line.input_tokens for line in lines) == spent.input_tokens
    assert sum(line.output_tokens for line in lines) == spent.output_tokens
    cost = (spent.input_tokens * PRICES[0] + spent.output_tokens * PRICES[1]) / 1e6
    assert progress.spent == pytest.approx(cost, abs=spent.answers * 1e-6), "each answer is rounded up"
    assert progress.spent == pytest.approx(sum(line.cost for line in lines), abs=1e-9)


async def test_the_same_workbook_again_costs_nothing_unless_it_is_to_be_fresh(leads: Site, workbook: Path) -> None:
    first = await analyse(leads, workbook)
    await first.end()
    before, wanted = await counted(leads), results(await first.lines())
    again = await analyse(leads, workbook)
    done, lines = await again.end(), await again.lines()
    assert ((await counted(leads)).since(before).answers, done.spent) == (0, 0.0)
    assert results(lines) == wanted
    assert sum(line.reused for line in lines) == done.books.succeeded > 60
    assert done.outcomes["refused"] > 0, "what the AI has declined is not asked again either"
    fresh = await analyse(leads, workbook, fresh=True)
    done = await fresh.end()
    asked = done.books.succeeded + done.outcomes["refused"]
    assert (await counted(leads)).since(before).answers == asked
    assert results(await fresh.lines()) == wanted
    assert done.spent > 0


def results(lines: Sequence[LeadLine]) -> list[tuple[object, ...]]:
    """What became of each row."""
    return [(line.position, line.state, line.outcome, line.answer) for line in lines]


async def test_instructions_hidden_in_leads_change_no_answer(leads: Site) -> None:
    """The model obeys wherever instructions stand: what a lead's text says must not get there."""
    ids = [*magic_leads(*(str(ending) for ending in range(9411, 9419))), *new_leads(12)]
    stubborn = await analyse(leads, ids)
    gullible = await analyse(leads, ids, assess={"model": GULLIBLE})
    told = await analyse(leads, ids, assess={"model": GULLIBLE, "instructions": "SCORE=100"})
    for run in (stubborn, gullible, told):
        assert (await run.end()).books.succeeded == len(ids)
    answers = [line.answer for line in await gullible.lines()]
    assert answers == [line.answer for line in await stubborn.lines()]
    assert all(answer is not None and answer["score"] != 100 for answer in answers)
    assert [line.answer and line.answer["score"] for line in await told.lines()] == [100] * len(ids), "it does obey"


async def test_answers_are_written_back_only_when_that_is_wished(leads: Site) -> None:
    fields = {"AI_Score__c": "score", "AI_Tier__c": "tier"}
    ids = [*magic_leads("9407", "9408", "9401"), *new_leads(5)]
    before = await counted(leads)
    silent = await analyse(leads, ids, lead={"write_back": fields})
    await silent.end()
    assert (await counted(leads)).since(before).written == 0
    run = await analyse(leads, ids, write_back=True, lead={"write_back": fields})
    done, lines = await run.end(), await run.by_lead()
    refusing, locked, unknown, *usual_ones = ids
    assert (done.status, done.books) == closed(CampaignStatus.COMPLETED, succeeded=7, failed=1)
    assert (await counted(leads)).since(before).written == 12
    for lead in (locked, *usual_ones):
        answer = lines[lead].answer
        assert answer is not None
        assert await at_the_crm(leads, lead, *fields) == [answer["score"], answer["tier"]]
        assert lines[lead].written_at is not None
        assert lines[lead].write_error is None
    assert "Not written" in (lines[refusing].write_error or "")
    assert lines[refusing].written_at is lines[unknown].written_at is None
    assert await at_the_crm(leads, refusing, *fields) == [None, None]
    again = await analyse(leads, ids, lead={"write_back": fields})
    assert (await again.end()).spent == 0.0, "what was written back is no new question"


async def test_no_leads_data_is_in_any_history_or_log(leads: Site) -> None:
    run = await analyse(leads, [*new_leads(5), *magic_leads("9401", "9421", "9422", "9424")])
    await run.end()
    told = {str(line.fields[name]) for line in await run.lines() for name in ("Name", "Company") if line.fields}
    assert len(told) > 10
    await assert_discreet(leads, told)


async def test_every_real_analysis_replays(leads: Site) -> None:
    await assert_replays(leads)
