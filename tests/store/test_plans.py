"""No statement of a running campaign reads the whole campaign, or it would be the slower the larger it is."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, event

from clarion.domain.audience import Feed
from clarion.domain.call import Speaker, Stage, Turn
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome
from clarion.store.analytics import Scope
from clarion.store.database import Database
from clarion.store.entries import Postpone
from clarion.store.migrate import migrate
from clarion.store.store import Store
from tests.store.call_scene import call, ended, new_call_scene, placed, tell
from tests.store.lead_scene import PRICE, answer, ask, fail, found, keep, lost, new_lead_scene, snapshot
from tests.store.scene import GRACE, Scene, new_scene, rejected, sent, spec_of, unknown
from tests.store.test_call_receipts import hear

WHOLE_CAMPAIGN = (
    "SEARCH targets USING PRIMARY KEY (campaign_key=?)",
    "SEARCH attempts USING PRIMARY KEY (campaign_key=?)",
    "SEARCH calls USING PRIMARY KEY (campaign_key=?)",
    "SEARCH leads USING INDEX sqlite_autoindex_leads_1 (campaign_key=?)",
    "SEARCH assessments USING INDEX assessments_of_campaign (campaign_key=?)",
)
WHOLE_TABLE = ("SCAN targets", "SCAN attempts", "SCAN events", "SCAN calls", "SCAN leads", "SCAN assessments")


@contextmanager
def explained(database: Database) -> Iterator[dict[str, list[str]]]:
    """Collect how SQLite goes about every statement that is run."""
    plans: dict[str, list[str]] = {}

    def explain(
        connection: Connection, _cursor: object, statement: str, given: Sequence[object], _context: object, many: bool
    ) -> None:
        if statement.startswith(("SELECT", "UPDATE", "DELETE")) and statement not in plans:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            values = given[0] if many else given
            rows = driver.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()  # type: ignore[arg-type]
            plans[statement] = [row[-1] for row in rows]

    event.listen(database.engine, "before_cursor_execute", explain)
    yield plans
    event.remove(database.engine, "before_cursor_execute", explain)


@pytest.fixture
def fresh(sqlite_file: str) -> Iterator[Store]:
    store = Store(sqlite_file, tenant="t", grace=GRACE)
    migrate(store.database)
    yield store
    store.close()


def live(scene: Scene) -> None:
    """Do once all that is done again and again while a campaign runs."""
    opened = scene.open_chunk(1)
    attempts = [scene.contact(opened, 1) for _ in range(3)]
    scene.record(attempts[0], sent())
    scene.record(attempts[1], unknown())
    scene.record(attempts[2], rejected())
    scene.post(Postpone(scene.claim(opened, 1, 1)[0].key, opened.fence, scene.now + 5, "window"))
    scene.claim(opened, 2, 1)
    second = scene.open_chunk(1, attempt=2)
    scene.close_chunk(second, 1)
    scene.store.claims.release_stranded(scene.key, scene.now)
    scene.store.claims.known_references(scene.address(1))
    scene.receive(attempts[0], "delivered")
    scene.hear(scene.address(1), "STOP", "IN1")
    scene.store.campaigns.snapshot(scene.key, scene.now)
    scene.store.campaigns.get(scene.key)
    sweeps = scene.store.sweeps
    sweeps.conclude_overdue(scene.key, scene.now)
    sweeps.requeue_some(scene.key, (), scene.now, scene.now)
    sweeps.cancel_some(scene.key, scene.now)
    scene.store.targets.page(scene.key, after=2)
    scene.store.targets.positions_of(scene.key, scene.address(1))
    scene.store.targets.attempts_of(scene.key, 1)
    last = scene.store.events.latest(scene.key)[-1].id
    scene.store.events.after(scene.key, last - 2)
    scene.store.events.of_target(scene.key, 1)
    scene.store.events.of_campaign(scene.key)
    scene.import_people(1)


def live_on_calls(scene: Scene) -> None:
    """The same for calls, and for the texts that follow them."""
    feed = Feed(campaign="c1", outcomes=(Outcome.NO_ANSWER,))
    spec = spec_of().model_copy(update={"feed": feed})
    child = scene.store.feeding.create_child(scene.ref, spec, "c2", scene.now)
    opened = scene.open_chunk(1)
    attempts = [call(scene, opened, 1, reference=f"CA{n}") for n in range(4)]
    tell(scene, attempts[0], placed(), stage=Stage.RINGING)
    tell(scene, attempts[0], ended(), stage=Stage.ENDED, turns=(Turn(Speaker.AGENT, "Hello?"),))
    tell(scene, attempts[1], ended(Outcome.NO_ANSWER), stage=Stage.ENDED)
    hear(scene, "ringing", attempt=attempts[2])
    hear(scene, "ended CA3", attempt=None)
    scene.store.calls.watch(attempts)
    scene.store.calls.of_target(scene.key, 1)
    scene.store.calls.transcripts(scene.key, limit=2)
    scene.store.calls.latest(scene.key, after=1, limit=2)
    scene.store.calls.under_way(scene.key)
    scene.store.campaigns.call_flags([scene.key])
    second = scene.open_chunk(1, attempt=2)
    scene.close_chunk(second, 1)
    scene.claim(scene.open_chunk(2), 9, 2)
    for key in (scene.key, child.key):
        scene.store.campaigns.snapshot(key, scene.now)
    scene.store.feeding.pull(child.key, scene.now)
    scene.store.sweeps.conclude_overdue(scene.key, scene.now)
    third = scene.open_chunk(3)
    scene.intend(scene.claim(third, 1, 3)[0], third, 10**12)
    scene.store.claims.release_stranded(scene.key, scene.now)
    scene.close(CampaignStatus.COMPLETED)


def live_on_leads(scene: Scene) -> None:
    """The same for leads, up to the campaign that follows."""
    feed = Feed(campaign="c1", outcomes=(Outcome.ASSESSED,), when="score > 1", phone=("MobilePhone",))
    spec = spec_of().model_copy(update={"feed": feed})
    child = scene.store.feeding.create_child(scene.ref, spec, "c2", scene.now)
    leads, batches = scene.store.leads, scene.store.batches
    wanted = leads.unfetched(scene.key, 15)
    keep(scene, lost(1), *(found(lead.position) for lead in wanted[1:]))
    leads.missing(scene.key, 0, 9)
    leads.note_deleted(scene.key, [1], scene.now)
    keep(scene, lost(16))
    batches.fill(scene.key, 4, PRICE, scene.now)
    batches.note_submitted(scene.key, 1, "batch_1", "validating", scene.now)
    for question in batches.questions(scene.key, 1):
        answer(scene, question.attempt)
    batches.end(scene.key, 1, scene.now, "completed")
    opened = scene.open_chunk()
    attempts = [ask(scene, opened) for _ in range(4)]
    answer(scene, attempts[0])
    fail(scene, attempts[1], Outcome.TRUNCATED)
    leads.questions(scene.key, [5, 6])
    leads.set_live(scene.key, [7])
    scene.close_chunk(opened)
    leads.note_written(scene.key, [(lead.position, None) for lead in leads.unwritten(scene.key, 3)], scene.now)
    leads.lines(scene.key, 2, 5)
    leads.usage(scene.key)
    leads.phases(scene.key)
    batches.left(scene.key, 1)
    snapshot(scene)
    scene.store.feeding.pull(child.key, scene.now)
    scene.after(1)
    scene.store.sweeps.requeue_some(scene.key, (), scene.now, scene.now)
    scene.close(CampaignStatus.COMPLETED)


def test_no_statement_reads_a_whole_campaign(fresh: Store) -> None:
    with explained(fresh.database) as plans:
        live(new_scene(fresh, 20))
        assert len(plans) > 40
        live_on_calls(new_call_scene(fresh, 20, budget=100.0))
        assert len(plans) > 65
        live_on_leads(new_lead_scene(fresh, 20, lead={"write_back": {"Rating": "tier"}, "writing": True}))
        assert len(plans) > 90
    wrong = {
        statement: plan
        for statement, plan in plans.items()
        if any(step in WHOLE_CAMPAIGN or step.startswith(WHOLE_TABLE) for step in plan)
    }
    assert wrong == {}


def test_events_are_read_in_their_order_without_sorting_them(fresh: Store) -> None:
    scene = new_scene(fresh, 5)
    with explained(fresh.database) as plans:
        scene.store.events.latest(scene.key)
        scene.store.events.after(scene.key, 1)
    assert len(plans) == 2
    assert [plan for plan in plans.values() if any("TEMP B-TREE" in step for step in plan)] == []


def test_sums_read_a_campaign_a_piece_at_a_time(fresh: Store) -> None:
    scene = new_call_scene(fresh, 5)
    opened = scene.open_chunk()
    for n in range(3):
        tell(scene, call(scene, opened, reference=f"CA{n}"), ended(Outcome.BUSY), stage=Stage.ENDED)
    with explained(fresh.database) as plans:
        fresh.faults.of(scene.key)
        fresh.calls.summary(scene.key)
        fresh.timeline.tries(scene.key)
        for own_zones in (False, True):
            fresh.timeline.quarters(scene.key, own_zones=own_zones)
        fresh.analytics.contacts(Scope(scene.tenant, since=0.0))
    summing = {statement: plan for statement, plan in plans.items() if "position <= ?" in statement}
    assert len(summing) == 8
    whole = {
        statement
        for statement, plan in plans.items()
        if any(step in WHOLE_CAMPAIGN or step.startswith(WHOLE_TABLE) for step in plan)
    }
    assert [statement for statement in whole if "ORDER BY targets.position DESC" not in statement] == []
    assert all(any("position>? AND position<?" in step for step in plan) for plan in summing.values())
