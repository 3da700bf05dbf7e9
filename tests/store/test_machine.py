"""Everything that can happen to a campaign, in any order: the books balance and nobody is contacted twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import select

from clarion.contracts import Pacing
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict
from clarion.domain.target import Outcome, TargetState
from clarion.store.claims import ClaimedTarget
from clarion.store.entries import GiveUp, Granted, Halt, Intend, Postpone, Refusal, TooEarly, Withdraw
from clarion.store.posting import UNDECIDED
from clarion.store.schema import attempts, chunks, targets
from clarion.store.store import Store
from tests.store.machinery import CHOICE, NUMBERS, RARELY, StoreMachine, one_of, play
from tests.store.scene import COST, START, Scene, new_scene
from tests.store.world import FATES, REFUSALS, Contact, Holder, World

EXAMPLES = {"sqlite": 50, "postgresql": 12}
MEANWHILE = [
    *("wait 0.5", "wait 2", "wait 6", "wait 15", "wait 40"),
    *("hear STOP", "hear START", "leave alive", "leave dead"),
    *("open running", "open running", "open running", "open settling", "again"),
    *("close paused", "close cancelling", "close completed", "close cancelled", "close failed", "halt"),
    *("conclude", "cancel", "requeue", "requeue", "release", "grow"),
]


class CampaignMachine(StoreMachine):
    """A campaign, its workers, its people and its provider."""

    @initialize(people=st.integers(2, 9), per_minute=st.sampled_from([None, 60]), budget=st.booleans())
    def start(self, people: int, per_minute: int | None, budget: bool) -> None:
        self.scene: Scene = new_scene(
            self.store,
            people,
            limits={"per_second": 1000} if per_minute is None else {"per_minute": per_minute},
            retry={"attempts": 2, "delay": 5},
            receipts={"wait": 30},
            budget=6 * COST / 1e6 if budget else None,
        )
        self.world = World()
        self.decided: dict[tuple[int, int], str] = {}
        self.holders: list[Holder] = []
        self.tried: dict[int, int] = {}
        self.run = START

    # What workers do.

    @precondition(lambda self: len(self.held()) < 3)
    @rule(number=NUMBERS, choice=CHOICE, new=RARELY, limit=st.integers(2, 5), go_on=st.booleans())
    def claim(self, number: int, choice: int, new: bool, limit: int, go_on: bool) -> None:
        """Claim with a chunk that was opened before, by somebody who may have lost it since, or with a new one."""
        holder = self.open_a_chunk(number) if new or not self.holders else one_of(self.holders, choice)
        claimed = self.scene.claim(holder.opened, limit, holder.number)
        assert claimed == [] or self.owns(holder)
        assert all(target.state is TargetState.UNKNOWN for target in claimed) or self.is_open
        holder.targets += claimed
        if go_on:
            self.intend(choice, limit, twice=False)

    def open_a_chunk(self, number: int) -> Holder:
        attempt = self.tried[number] = self.tried.get(number, 0) + 1
        opened = self.scene.open_chunk(number, attempt, self.run)
        self.holders.append(Holder(number, opened, list(opened.left)))
        if attempt > 1:
            with pytest.raises(Conflict):
                self.scene.open_chunk(number, attempt - 1, self.run)
        return self.holders[-1]

    @precondition(lambda self: self.held())
    @rule(choice=CHOICE, twice=st.booleans())
    def go_on(self, choice: int, twice: bool) -> None:
        self.intend(choice, 2, twice=twice)

    def intend(self, choice: int, n: int, *, twice: bool) -> None:
        for _ in range(min(n, len(self.held()))):
            holder, target = one_of(self.held(), choice)
            self.intend_one(holder, target, 1 + twice)

    def intend_one(self, holder: Holder, target: ClaimedTarget, times: int) -> None:
        was_open = self.is_open
        answer, *more = self.scene.post(*[Intend(target.key, holder.opened.fence, COST)] * times)
        assert not any(isinstance(other, Granted) for other in more)
        if isinstance(answer, Granted):
            assert was_open
            assert self.owns(holder)
            assert not any(contact.stands for contact in self.world.of_target(target.key.position))
            self.world.grant(answer)
        if not isinstance(answer, TooEarly) and answer is not Refusal.CLOSED:
            holder.targets.remove(target)

    @precondition(lambda self: self.world.usable(self.scene.now))
    @rule(choice=CHOICE, fate=st.sampled_from(FATES), told=st.sampled_from(["answer", "unknown", "nothing"]))
    def send(self, choice: int, fate: str, told: str) -> None:
        contact = one_of(self.world.usable(self.scene.now), choice)
        self.world.reach(contact, fate)
        if told != "nothing":
            self.scene.record(contact.attempt, contact.answer if told == "answer" else REFUSALS["lost"])

    @precondition(lambda self: self.world.usable(self.scene.now))
    @rule(choice=CHOICE, why=st.sampled_from(sorted(REFUSALS)))
    def be_refused(self, choice: int, why: str) -> None:
        contact = one_of(self.world.usable(self.scene.now), choice)
        contact.over = True
        self.scene.record(contact.attempt, REFUSALS[why])

    @precondition(lambda self: self.world.waiting())
    @rule(choice=CHOICE, pause=st.sampled_from([0, 4]))
    def take_an_intent_back(self, choice: int, pause: float) -> None:
        contact = one_of(self.world.waiting(), choice)
        contact.over = True
        self.scene.post(Withdraw(contact.attempt, self.scene.now + pause, "retry", "its slot has passed"))

    @precondition(lambda self: self.unknown())
    @rule(choice=CHOICE, can_be_read=st.sampled_from([True, True, False]), in_time=st.booleans())
    def look_up(self, choice: int, can_be_read: bool, in_time: bool) -> None:
        holder, target = one_of(self.unknown(), choice)
        holder.targets.remove(target)
        attempt = self.scene.store.claims.attempt(target.key, target.attempts)
        contact = self.world.contacts[attempt.id]
        if not can_be_read:
            due_at = self.scene.now + 2
            self.scene.post(Postpone(target.key, holder.opened.fence, due_at, "lookup", "could not be looked up"))
        elif contact.reached and in_time:
            self.scene.record(attempt.id, contact.answer)
        else:
            if contact.reached:  # the provider's list was behind, and a receipt is faster
                self.scene.receive(attempt.id, "sent", sid=contact.sid)
            self.scene.post(Withdraw(attempt.id, self.scene.now, "retry", "never arrived"))

    @precondition(lambda self: self.held())
    @rule(choice=CHOICE, give_up=st.booleans())
    def put_off(self, choice: int, give_up: bool) -> None:
        holder, target = one_of(self.held(), choice)
        holder.targets.remove(target)
        fence = holder.opened.fence
        if give_up:
            self.scene.post(GiveUp(target.key, fence, Outcome.EXPIRED, "too late"))
        else:
            self.scene.post(Postpone(target.key, fence, self.scene.now + 3, "window"))

    # What the provider and people do.

    @precondition(lambda self: self.world.reached())
    @rule(choice=CHOICE, status=st.sampled_from(["queued", "pondering", "last", "last"]))
    def receipt(self, choice: int, status: str) -> None:
        contact: Contact = one_of(self.world.reached(), choice)
        code = ""
        if status == "last":
            status, _, code = contact.fate.partition("/")
            contact.failed = bool(code)
        self.scene.receive(contact.attempt, status, code=int(code) if code else None, sid=contact.sid)

    # What the campaign and its operators do.

    @rule(what=st.sampled_from(MEANWHILE), choice=CHOICE)
    def meanwhile(self, what: str, choice: int) -> None:
        what, _, detail = what.partition(" ")
        store, scene, key, now = self.store, self.scene, self.scene.key, self.scene.now
        happenings: dict[str, Callable[[], object]] = {
            "wait": lambda: scene.after(float(detail)),
            "hear": lambda: scene.hear(scene.address(1 + choice % scene.total()), detail, f"IN{choice % 5}"),
            "leave": lambda: self.leave(choice, detail),
            "open": lambda: scene.open(CampaignStatus(detail)),
            "again": self.run_again,
            "close": lambda: scene.close(CampaignStatus(detail)),
            "halt": lambda: scene.post(Halt(key, "the account is refused")),
            "conclude": lambda: store.sweeps.conclude_overdue(key, now),
            "cancel": lambda: store.sweeps.cancel_some(key, now),
            "requeue": lambda: store.sweeps.requeue_some(key, (), now, now),
            "release": lambda: store.claims.release_stranded(key, now),
            "grow": lambda: self.grow(1 + choice % 20),
        }
        happenings[what]()

    def leave(self, choice: int, how: str) -> None:
        if self.holders:
            holder = one_of(self.holders, choice)
            if how == "alive":
                self.scene.close_chunk(holder.opened, holder.number)
            self.holders.remove(holder)

    def run_again(self) -> None:
        """A new run of the workflow: its chunks count from 1."""
        self.run += 100
        self.tried.clear()
        self.scene.open()

    def grow(self, lanes: int) -> None:
        pacing = Pacing(budget=lanes * COST / 1e6, concurrency=lanes)
        self.scene.store.campaigns.set_pacing(self.scene.key, pacing, self.scene.now)
        try:
            self.scene.import_people(2)
        except Conflict:
            assert not self.is_open

    # What must be true at every moment.

    @invariant()
    def the_promises_hold(self) -> None:
        assert self.world.repeated == []
        self.scene.books()

    @invariant()
    def everything_fits_together(self) -> None:
        key = self.scene.key
        of_chunk = (chunks.c.campaign_key == key) & (chunks.c.number == targets.c.chunk)
        people = select(targets, chunks.c.fence.label("current")).outerjoin(chunks, of_chunk)
        tries = select(attempts.c.position, attempts.c.number, attempts.c.outcome)
        with self.store.database.read() as connection:
            rows = connection.execute(people.where(targets.c.campaign_key == key)).all()
            said = {(p, n): o for p, n, o in connection.execute(tries.where(attempts.c.campaign_key == key))}
        for attempt, outcome in self.decided.items():
            assert said[attempt] == outcome, "an attempt that is decided stays decided"
        self.decided |= {attempt: outcome for attempt, outcome in said.items() if outcome not in UNDECIDED}
        for row in rows:
            last = said.get((row.position, row.attempts))
            assert row.fence == row.current, "a claim has the fence of its chunk"
            assert all(said[row.position, n] is not None for n in range(1, row.attempts)), "one attempt at a time"
            if row.state == TargetState.ACTIVE:
                assert last == (Outcome.SENT if row.chunk is None else None)
            elif row.state == TargetState.UNKNOWN:
                assert last == Outcome.UNKNOWN
            elif row.state in {TargetState.PENDING, TargetState.WAITING, TargetState.CANCELLED}:
                assert last in {None, Outcome.NOT_SENT, Outcome.FAILED, Outcome.UNDELIVERED, Outcome.INVALID_NUMBER}
                assert (last is None) == (row.attempts == 0)

    # What the rules ask.

    @property
    def is_open(self) -> bool:
        return self.scene.store.campaigns.is_open(self.scene.key)

    def owns(self, holder: Holder) -> bool:
        latest = max(other.opened.fence for other in [*self.holders, holder] if other.number == holder.number)
        return holder.opened.fence == latest

    def held(self) -> list[Any]:
        return [(h, t) for h in self.holders for t in h.targets if t.state is not TargetState.UNKNOWN]

    def unknown(self) -> list[Any]:
        return [(h, t) for h in self.holders for t in h.targets if t.state is TargetState.UNKNOWN]


def test_whatever_happens_the_promises_hold(store: Store) -> None:
    class Machine(CampaignMachine):
        pass

    play(Machine, store, EXAMPLES)
