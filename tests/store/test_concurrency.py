"""Several workers on one campaign at once: nobody waits for ever, nothing is granted twice, the pace is kept."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import pytest

from clarion.domain.attempt import AttemptId
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict
from clarion.store.claims import Execution
from clarion.store.entries import Granted, Intend, Record, TooEarly
from clarion.store.ledger import LedgerPage
from clarion.store.store import Store
from tests.store.scene import COST, GRACE, START, Scene, row, sent

MakeScene = Callable[..., Scene]
PATIENCE = 60


@dataclass(frozen=True)
class Worked:
    """What one worker was granted."""

    granted: list[tuple[AttemptId, float]]


def work(url: str, key: int, number: int, account_spacing: float = 0.0, most: int = 1_000) -> Worked:
    """Be a worker with a store of one's own: claim, intend and record until nothing is left, or ``most`` are done."""
    store = Store(url, tenant="nobody", grace=GRACE)
    page = LedgerPage(store.database, {("main", "sms"): account_spacing}, GRACE)
    opened = store.claims.open_chunk(key, number, Execution(START, 1, f"worker {number}"), time.time())
    this = number, opened.fence
    granted: list[tuple[AttemptId, float]] = []
    while claimed := store.claims.claim(key, *this, min(7, most - len(granted)), time.time()):
        waiting = [Intend(target.key, opened.fence, COST) for target in claimed]
        while waiting:
            answers = page.commit(waiting, time.time())
            new = [(answer.attempt, answer.slot_at) for answer in answers if isinstance(answer, Granted)]
            granted += new
            if new:
                page.commit([Record(attempt, sent(str(attempt))) for attempt, _ in new], time.time())
            waiting = [intend for intend, a in zip(waiting, answers, strict=True) if isinstance(a, TooEarly)]
    store.claims.close_chunk(key, number, opened.fence, time.time())
    store.close()
    return Worked(granted)


def in_process(url: str, key: int, number: int, most: int) -> subprocess.Popen[str]:
    """Start a worker as a process; it says when it is ready, and waits for a line before it begins."""
    program = (
        "import json, sys; from tests.store.test_concurrency import work; print(flush=True); input();"
        "done = work(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), most=int(sys.argv[4]));"
        "print(json.dumps(done.granted))"
    )
    arguments = [url, str(key), str(number), str(most)]
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def granted_by(process: subprocess.Popen[str]) -> list[tuple[AttemptId, float]]:
    out, _ = process.communicate("\n", timeout=PATIENCE)
    assert process.returncode == 0
    return [(AttemptId(*attempt), slot_at) for attempt, slot_at in json.loads(out)]


def test_two_processes_share_one_campaign(make_scene: MakeScene, database_url: str) -> None:
    scene = make_scene(300, limits={"per_second": 200})
    processes = [in_process(database_url, scene.key, number, 150) for number in (1, 2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
    with ThreadPoolExecutor(2) as threads:
        granted = list(threads.map(granted_by, processes))
    assert [len(each) for each in granted] == [150, 150]
    together = sorted(slot_at for each in granted for _, slot_at in each)
    people = Counter(attempt.position for each in granted for attempt, _ in each)
    assert len(people) == 300
    assert set(people.values()) == {1}
    spacing = scene.store.campaigns.get(scene.key).spacing
    assert min(later - earlier for earlier, later in pairwise(together)) >= spacing * 0.999
    assert scene.books().active == 300


def test_two_campaigns_share_the_pace_of_their_account(make_scene: MakeScene, database_url: str) -> None:
    """Also the very first contacts, for which there is no row to be locked yet."""
    one = make_scene(60, limits={"per_second": 10_000})
    spec = one.store.campaigns.get(one.key).spec
    ref = one.store.campaigns.create(one.tenant, "c2", spec, one.now)
    other = Scene(one.store, one.tenant, ref, one.page, one.inbox)
    other.open()
    other.import_people(60)
    with ThreadPoolExecutor(2) as threads:
        worked = list(threads.map(lambda scene: work(database_url, scene.key, 1, 0.01), (one, other)))
    slots = sorted(slot_at for each in worked for _, slot_at in each.granted)
    assert len(slots) == 120
    assert min(later - earlier for earlier, later in pairwise(slots)) >= 0.00999
    one.books()
    other.books()


def receive(scene: Scene) -> None:
    for target in scene.store.targets.page(scene.key, state="active"):
        attempt = f"{scene.key}.{target.position}.{target.attempts}"
        scene.keep("status", {"MessageSid": attempt, "MessageStatus": "delivered"}, attempt)
    scene.inbox.apply(time.time())


def sweep(scene: Scene) -> None:
    scene.store.sweeps.requeue_some(scene.key, (), time.time(), time.time())
    scene.store.sweeps.conclude_overdue(scene.key, time.time())


def look(scene: Scene) -> None:
    assert scene.store.campaigns.snapshot(scene.key, time.time()).books.balanced
    assert scene.store.targets.audit(scene.key).balanced


def steer(scene: Scene) -> None:
    status = scene.store.campaigns.get(scene.key).status
    other = CampaignStatus.SETTLING if status is CampaignStatus.RUNNING else CampaignStatus.RUNNING
    scene.store.campaigns.set_status(scene.key, other, "", time.time(), open_=True)
    scene.store.events.append(scene.key, time.time(), "note", "")


def repeat(turn: Callable[[Scene], None], scenes: list[Scene], done: threading.Event) -> int:
    """Take turns until it is done; returns how many there were."""
    turns = 0
    while not done.is_set():
        for scene in scenes:
            turn(scene)
            turns += 1
    return turns


def test_everything_at_once_comes_to_an_end(make_scene: MakeScene, database_url: str) -> None:
    """Workers, receipts, sweeps, looks and operators, over two campaigns: no deadlock, no lost count."""
    scenes = [make_scene(40, limits={"per_second": 10_000}) for _ in range(2)]
    chunks = [(scene, number) for scene in scenes for number in (1, 2)]
    done = threading.Event()
    with ThreadPoolExecutor(4) as others, ThreadPoolExecutor(4) as workers:
        turns = [others.submit(repeat, turn, scenes, done) for turn in (receive, sweep, look, steer)]
        try:
            worked = list(workers.map(lambda chunk: work(database_url, chunk[0].key, chunk[1]), chunks))
            for scene in scenes:
                scene.import_people(20)
        finally:
            done.set()
        assert all(turn.result(PATIENCE) for turn in turns)
    assert sum(len(each.granted) for each in worked) == 80
    for scene in scenes:
        assert scene.books().total == 60


def test_importers_that_race_add_every_row_once(make_scene: MakeScene, database_url: str) -> None:
    scene = make_scene()
    file_id = scene.new_file()
    batches = [[row(n * 50 + i, scene.address(n * 50 + i)) for i in range(50)] for n in range(8)]

    def add_all(_: int) -> int:
        store, lost = Store(database_url, tenant="nobody", grace=GRACE), 0
        for number, batch in enumerate(batches):
            try:
                store.importing.add(scene.key, file_id, batch, number * 50, time.time())
            except Conflict:
                lost += 1
        store.close()
        return lost

    with ThreadPoolExecutor(3) as threads:
        lost = list(threads.map(add_all, range(3)))
    assert sum(lost) == 2 * len(batches)
    assert [target.row for target in scene.store.targets.page(scene.key, limit=1_000)] == list(range(400))
    assert scene.books().pending == 400


@pytest.mark.parametrize("ending", ["delivered", "undelivered"])
def test_a_receipt_and_an_answer_at_the_same_moment(make_scene: MakeScene, ending: str) -> None:
    scene = make_scene(20)
    opened = scene.open_chunk()
    attempts = [scene.contact(opened) for _ in range(20)]
    with ThreadPoolExecutor(2) as threads:
        told = [threads.submit(scene.record, attempt, sent(str(attempt))) for attempt in attempts]
        for attempt in attempts:
            scene.receive(attempt, ending, code=30005, sid=str(attempt))
        for each in told:
            each.result(PATIENCE)
    books = scene.books()
    assert (books.succeeded, books.failed) == ((20, 0) if ending == "delivered" else (0, 20))
