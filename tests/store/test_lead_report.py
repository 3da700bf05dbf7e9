"""What reports are made of: every row in its order, and what all answers add up to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome, SkipReason
from clarion.store.lead_totals import Bin
from tests.store.lead_scene import another, answer, ask, fail, fetch, found, keep, lead_id, lost
from tests.store.scene import Scene, row

MakeScene = Callable[..., Scene]


def test_every_row_has_a_line_in_its_order_whatever_became_of_it(leads: Scene) -> None:
    leads.import_rows([row(9, "", skip=SkipReason.INVALID_LEAD_ID, detail="it has 3 characters")])
    keep(leads, found(1), lost(2), found(3, converted=True), found(4))
    opened = leads.open_chunk()
    answer(leads, ask(leads, opened), tier="A")
    fail(leads, ask(leads, opened), Outcome.REFUSED, cost=250)
    lines = leads.store.leads.lines(leads.key)
    assert [(line.position, line.row, line.state, line.outcome) for line in lines] == [
        (1, 2, "succeeded", "assessed"),
        (2, 3, "failed", "not_found"),
        (3, 4, "skipped", "converted"),
        (4, 5, "failed", "refused"),
        (5, 6, "pending", None),
        (6, 9, "skipped", "invalid_lead_id"),
    ]
    first, second, third, fourth, fifth, _ = lines
    assert (first.answer, first.model, first.cost) == ({"score": 50, "tier": "A"}, "gpt-5-mini", 0.0003)
    assert (first.input_tokens, first.output_tokens, first.assessed_at) == (700, 90, leads.now)
    assert (second.fields, second.fetched_at, second.address) == ({}, leads.now, lead_id(2))
    assert third.fields["Name"] == "Lead 3"
    assert (fourth.answer, fourth.detail, fourth.cost, fourth.input_tokens) == (None, "so it is", 0.00025, 700)
    assert (fifth.fetched_at, fifth.cost, fifth.attempts) == (None, 0.0, 0)


def test_lines_come_page_by_page_and_tries_add_up(leads: Scene) -> None:
    fetch(leads, [1, 2, 3, 4, 5])
    opened = leads.open_chunk()
    fail(leads, ask(leads, opened), Outcome.TRUNCATED, cost=200)
    leads.after(10)
    answer(leads, ask(leads, opened), cost=300)
    pages, after = [], 0
    while page := leads.store.leads.lines(leads.key, after, 2):
        pages.append([line.position for line in page])
        after = page[-1].position
    assert pages == [[1, 2], [3, 4], [5]]
    first = leads.store.leads.lines(leads.key, 0, 1)[0]
    assert (first.cost, first.input_tokens, first.output_tokens, first.attempts) == (0.0005, 1400, 180, 2)


def test_answers_add_up_by_choice_and_number(make_leads: MakeScene) -> None:
    fields = {
        "score": {"type": "integer", "from": 0, "to": 100},
        "stars": {"type": "number", "from": 1, "to": 5},
        "worth": {"type": "number", "from": 0, "to": 2_000},
        "deals": {"type": "integer"},
        "tier": {"type": "choice", "of": ["A", "B", "C"]},
        "hot": {"type": "yes_no"},
        "why": {"type": "text"},
    }
    scene = make_leads(4, assess={"fields": fields})
    fetch(scene, [1, 2, 3, 4])
    opened = scene.open_chunk()
    told = [(100, 5.0, 2_000.0, 3), (95, 4.5, 10.0, 27), (9, 1.0, 0.0, -4)]
    for (score, stars, worth, deals), tier, hot in zip(told, "ABA", (True, False, True), strict=True):
        answer(
            scene, ask(scene, opened), score=score, stars=stars, worth=worth, deals=deals, tier=tier, hot=hot, why="!"
        )
    fail(scene, ask(scene, opened), Outcome.FILTERED, cost=50)
    totals = scene.store.leads.totals(scene.key)
    assert (totals.assessed, totals.reused, totals.batched) == (3, 0, 0)
    assert (totals.input_tokens, totals.output_tokens, totals.cost) == (2800, 360, 0.00095)
    assert totals.choices == {"tier": {"A": 2, "B": 1, "C": 0}, "hot": {"yes": 2, "no": 1}}
    assert list(totals.choices["tier"]) == ["A", "B", "C"]
    score_of = totals.numbers["score"]
    assert (score_of.n, score_of.least, score_of.average, score_of.most) == (3, 9.0, 68.0, 100.0)
    assert score_of.spread[0] == Bin(0.0, 10.0, 1)
    assert score_of.spread[-1] == Bin(90.0, 100.0, 2)
    assert len(score_of.spread) == 10
    assert totals.numbers["stars"].spread == (Bin(1.0, 2.0, 1), Bin(2.0, 3.0, 0), Bin(3.0, 4.0, 0), Bin(4.0, 5.0, 2))
    assert totals.numbers["worth"].spread[-1] == Bin(1800.0, 2000.0, 1)
    assert totals.numbers["deals"].spread == tuple(Bin(10.0 * n, 10.0 * n + 10, int(n != 1)) for n in (-1, 0, 1, 2))
    assert "why" not in totals.numbers


def test_reused_answers_are_counted_and_cost_nothing(leads: Scene) -> None:
    fetch(leads, [1])
    answer(leads, ask(leads, leads.open_chunk()), tier="B")
    other = another(leads, 1)
    fetch(other, [1])
    totals = other.store.leads.totals(other.key)
    assert (totals.assessed, totals.reused, totals.cost, totals.input_tokens) == (1, 1, 0.0, 0)
    assert totals.choices["tier"]["B"] == 1


def test_what_is_reserved_has_not_been_spent(leads: Scene) -> None:
    fetch(leads, [1, 2])
    ask(leads, leads.open_chunk())
    leads.store.batches.fill(leads.key, 9, 1_000, leads.now)
    totals = leads.store.leads.totals(leads.key)
    assert (totals.cost, totals.numbers) == (0.0, {})
    with pytest.raises(NotFound):
        leads.store.leads.totals(987654321)
