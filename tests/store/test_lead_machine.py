"""Everything that can happen to an analysis of leads, in any order: nothing is lost, and no answer is paid for in vain.

Whatever the store is told is true, if late, repeated or lost: a worker dies with its question, a batch with its lines.
"""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from sqlalchemy import select

from clarion.domain.attempt import NEVER, AttemptId
from clarion.domain.campaign import CampaignStatus
from clarion.domain.target import Outcome, TargetState
from clarion.store.batches import BatchState
from clarion.store.claims import ClaimedTarget, OpenChunk
from clarion.store.entries import Granted, Halt, Intend, Withdraw
from clarion.store.lead_schema import leads
from clarion.store.schema import attempts, targets
from clarion.store.store import Store
from tests.store.lead_scene import PRICE, answer, fail, found, keep, lost, new_lead_scene, snapshot
from tests.store.machinery import CHOICE, NUMBERS, StoreMachine, play
from tests.store.scene import START, Scene

WORDS = st.sampled_from(["assessed", "assessed", "truncated", "refused", "withdrawn"])
MEANWHILE = [
    *(["wait 1", "wait 12"] * 3), *(["open"] * 6), "close paused", "close cancelling", "halt",
    *("conclude", "cancel", "requeue", "requeue", "release", "status completed", "status cancelled"),
]  # fmt: skip


class LeadMachine(StoreMachine):
    """An analysis, its workers, its CRM and its AI."""

    @initialize(budget=st.booleans())
    def start(self, budget: bool) -> None:
        limit = 6 * PRICE / 1e6 if budget else None
        retry = {"attempts": 3, "delay": 10, "backoff": 1}
        self.scene: Scene = new_lead_scene(self.store, 6, budget=limit, retry=retry)
        self.asked: list[AttemptId] = []
        """Questions that were granted, whoever has them by now."""
        self.holders: dict[int, tuple[OpenChunk, list[ClaimedTarget]]] = {}
        self.tried: dict[int, int] = {}
        self.answered: set[int] = set()
        """Leads of which the store was told a good answer."""

    @rule(how_many=NUMBERS, choice=CHOICE, twice=st.booleans())
    def fetch(self, how_many: int, choice: int, twice: bool) -> None:
        wanted = self.store.leads.unfetched(self.scene.key, how_many)
        told = [lost(lead.position) if (choice + lead.position) % 5 == 0 else found(lead.position) for lead in wanted]
        kept = [keep(self.scene, *told, fresh=True) for _ in range(1 + twice)]
        assert sum(one.fetched + one.not_found for one in kept) == len(wanted)
        assert all(not (one.fetched or one.not_found) for one in kept[1:])

    @rule(number=NUMBERS, limit=NUMBERS, new=st.booleans())
    def claim(self, number: int, limit: int, new: bool) -> None:
        if new or number not in self.holders:
            attempt = self.tried[number] = self.tried.get(number, 0) + 1
            opened = self.scene.open_chunk(number, attempt, START)
            self.holders[number] = (opened, list(opened.left))
        opened, claimed = self.holders[number]
        claimed += self.scene.claim(opened, limit, number)

    @rule(number=NUMBERS)
    def ask(self, number: int) -> None:
        opened, claimed = self.holders.get(number, (None, []))
        if opened is None or not claimed:
            return
        was_open = self.store.campaigns.is_open(self.scene.key)
        target = claimed.pop()
        (granted,) = self.scene.post(Intend(target.key, opened.fence, PRICE))
        if isinstance(granted, Granted):
            assert was_open
            assert target.key.position not in self.answered, "what is answered is not asked again"
            self.asked.append(granted.attempt)

    @rule(choice=CHOICE, word=WORDS, twice=st.booleans())
    def hear(self, choice: int, word: str, twice: bool) -> None:
        if not self.asked:
            return
        attempt = self.asked[choice % len(self.asked)]
        for _ in range(1 + twice):
            self.tell(attempt, word)

    def tell(self, attempt: AttemptId, word: str) -> None:
        if word == "withdrawn":
            self.scene.post(Withdraw(attempt, self.scene.now, "retry", "asked for patience"))
        elif word == "assessed":
            before = self.scene.attempt(attempt).outcome
            answer(self.scene, attempt)
            if before in {None, Outcome.SUBMITTED, Outcome.NOT_SENT} and self.is_settled(attempt):
                self.answered.add(attempt.position)
        else:
            fail(self.scene, attempt, Outcome(word))

    def is_settled(self, attempt: AttemptId) -> bool:
        """Whether an answer counts: always, but while a later question about the same lead is under way."""
        return self.scene.state(attempt.position)[0] == TargetState.SUCCEEDED.value

    @rule(limit=NUMBERS)
    def fill(self, limit: int) -> None:
        was_open = self.store.campaigns.is_open(self.scene.key)
        batch = self.store.batches.fill(self.scene.key, limit, PRICE, self.scene.now)
        if batch is not None:
            assert was_open
            questions = list(self.store.batches.questions(self.scene.key, batch.number))
            assert len(questions) == batch.leads
            assert not self.answered & {question.attempt.position for question in questions}
            self.asked += [question.attempt for question in questions]

    @rule(choice=CHOICE, step=st.sampled_from(["submit", "end", "end"]))
    def go_on_with_a_batch(self, choice: int, step: str) -> None:
        batches, key = self.store.batches, self.scene.key
        if not (known := batches.open(key)):
            return
        batch = known[choice % len(known)]
        if step == "submit":
            batches.note_submitted(key, batch.number, f"batch_{batch.number}", "validating", self.scene.now)
        else:
            left = batches.left(key, batch.number)
            assert batches.end(key, batch.number, self.scene.now, "expired") == len(left)

    @rule(what=st.sampled_from(MEANWHILE))
    def meanwhile(self, what: str) -> None:
        what, _, detail = what.partition(" ")
        scene, store, key, now = self.scene, self.store, self.scene.key, self.scene.now
        happenings: dict[str, Callable[[], object]] = {
            "wait": lambda: scene.after(float(detail)),
            "open": scene.open,
            "close": lambda: scene.close(CampaignStatus(detail)),
            "status": lambda: self.end(CampaignStatus(detail)),
            "halt": lambda: scene.post(Halt(key, "the account is refused")),
            "conclude": lambda: store.sweeps.conclude_overdue(key, now, before=NEVER * 2),
            "cancel": lambda: store.sweeps.cancel_some(key, now),
            "requeue": lambda: store.sweeps.requeue_some(key, (), now, now),
            "release": lambda: store.claims.release_stranded(key, now),
        }
        happenings[what]()

    def end(self, status: CampaignStatus) -> None:
        self.store.claims.release_stranded(self.scene.key, self.scene.now)  # as the settling does before
        self.scene.close(status)
        assert self.scene.books().active == 0

    @invariant()
    def the_promises_hold(self) -> None:
        books, now = self.scene.books(), snapshot(self.scene)
        assert books.unknown == 0, "a question can always be asked again"
        assert now.under_way + now.in_batches == books.active
        assert all(self.scene.state(position) == ("succeeded", "assessed") for position in self.answered)
        for batch in self.store.batches.all(self.scene.key):
            left = self.store.batches.left(self.scene.key, batch.number)
            assert not left or batch.state != BatchState.ENDED

    @invariant()
    def everything_fits_together(self) -> None:
        of_target = (leads.c.campaign_key == targets.c.campaign_key) & (leads.c.position == targets.c.position)
        last = (attempts.c.campaign_key == targets.c.campaign_key) & (attempts.c.position == targets.c.position)
        query = (
            select(targets, leads.c.fields, leads.c.assessment, leads.c.fetched_at, attempts.c.outcome.label("said"))
            .outerjoin(leads, of_target)
            .outerjoin(attempts, last & (attempts.c.number == targets.c.attempts))
            .where(targets.c.campaign_key == self.scene.key)
        )
        with self.store.database.read() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            assert (row.assessment is not None) == (row.state == TargetState.SUCCEEDED)
            if row.reason == "fetch":
                assert (row.state, row.fetched_at) == (TargetState.PENDING, None)
            elif row.state not in {TargetState.CANCELLED, TargetState.FAILED}:
                assert row.fields is not None
            if row.state == TargetState.ACTIVE:
                assert row.said == (Outcome.SUBMITTED if row.outcome == Outcome.SUBMITTED else None)
                assert (row.chunk is None) == (row.outcome == Outcome.SUBMITTED)


def test_whatever_happens_to_leads_the_promises_hold(store: Store) -> None:
    class Machine(LeadMachine):
        pass

    play(Machine, store)
