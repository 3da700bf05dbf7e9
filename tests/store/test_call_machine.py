"""Everything that can happen to a campaign of calls, in any order: nobody is called while a call to them stands."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import select

from clarion.domain.attempt import NEVER
from clarion.domain.call import Stage
from clarion.domain.campaign import CampaignStatus
from clarion.domain.errors import Conflict
from clarion.domain.target import Outcome, TargetState
from clarion.providers.raw import RawReceipt
from clarion.store.claims import ClaimedTarget
from clarion.store.entries import GiveUp, Granted, Halt, Intend, Postpone, Record, Refusal, TooEarly, TooOften, Withdraw
from clarion.store.inbox import Inbox
from clarion.store.posting import UNDECIDED
from clarion.store.schema import attempts, calls, chunks, of_attempt, targets
from clarion.store.store import Store
from tests.store.call_scene import MOST, new_call_scene
from tests.store.call_world import FATES, SLACK, Contact, Holder, World, WorldReader, check_target, lost
from tests.store.machinery import CHOICE, NUMBERS, RARELY, StoreMachine, one_of, play
from tests.store.scene import GRACE, START, Scene, rejected

FATE = st.sampled_from(FATES)
FATES_OF_SOME = st.lists(FATE, min_size=1, max_size=3)
STAGE = st.sampled_from([Stage.PLACED, Stage.RINGING, Stage.ANSWERED, Stage.ENDED, Stage.ENDED])
NEW = frozenset({TargetState.PENDING, TargetState.WAITING})
MEANWHILE = [
    *(["wait 2", "wait 6", "wait 15", "wait 40"] * 3), *(["open running"] * 12), "open settling", "again",
    *("close paused", "close cancelling", "close completed", "close cancelled", "close failed", "halt"),
    *("conclude", "cancel", "requeue", "requeue", "grow", "grow"),
]  # fmt: skip


class CallMachine(StoreMachine):
    """A campaign of calls, its workers, its people and its provider."""

    @initialize(most=st.sampled_from([1, 2, 3]), budget=RARELY, breaks=RARELY, fates=FATES_OF_SOME)
    def start(self, most: int, budget: bool, breaks: bool, fates: list[Outcome]) -> None:
        self.most_a_day = most
        self.scene: Scene = new_call_scene(
            self.store,
            4,
            limits={"per_person_per_day": most},
            retry={"attempts": 4, "delay": 1, "backoff": 1},
            budget=4 * MOST / 1e6 if budget else None,
            breaker={"share": 0.5 if breaks else 1, "of": 6, "at_least": 3 if breaks else 6},
        )
        self.world = World()
        self.inbox = Inbox(self.store.database, self.scene.tenant, {}, GRACE, {"retell": WorldReader(self.world)})
        self.decided: dict[tuple[int, int], str] = {}
        self.stages: dict[tuple[int, int], Stage] = {}
        self.holders: list[Holder] = []
        self.tried: dict[int, int] = {}
        self.run = START
        self.claim(1, 0, new=True, limit=3, fates=fates)

    # What workers do.

    @precondition(lambda self: len(self.held(NEW)) < 3)
    @rule(number=NUMBERS, choice=CHOICE, new=RARELY, limit=NUMBERS, fates=FATES_OF_SOME)
    def claim(self, number: int, choice: int, new: bool, limit: int, fates: list[Outcome]) -> None:
        """Claim with a chunk that was opened before, by somebody who may have lost it since, or with a new one."""
        holders = self.holders if choice % 5 == 0 else [holder for holder in self.holders if self.owns(holder)]
        holder = self.open_a_chunk(number) if new or not holders else one_of(holders, choice)
        claimed = self.scene.claim(holder.opened, limit, holder.number)
        assert claimed == [] or self.owns(holder)
        assert all(target.state not in NEW for target in claimed) or self.is_open
        holder.targets += claimed
        for fate in fates[: len(self.held(NEW))]:
            if granted := self.intend(choice, twice=False):
                self.world.place(self.world.contacts[granted.attempt], fate)
                self.record(self.world.contacts[granted.attempt], Stage.PLACED)

    def open_a_chunk(self, number: int) -> Holder:
        attempt = self.tried[number] = self.tried.get(number, 0) + 1
        opened = self.scene.open_chunk(number, attempt, self.run)
        self.holders.append(Holder(number, opened, list(opened.left)))
        if attempt > 1:
            with pytest.raises(Conflict):
                self.scene.open_chunk(number, attempt - 1, self.run)
        return self.holders[-1]

    @precondition(lambda self: self.held(NEW))
    @rule(choice=CHOICE, twice=st.booleans())
    def ask(self, choice: int, twice: bool) -> None:
        self.intend(choice, twice=twice)

    def intend(self, choice: int, *, twice: bool) -> Granted | None:
        holder, target = one_of(self.held(NEW), choice)
        was_open = self.is_open
        answer, *more = self.scene.post(*[Intend(target.key, holder.opened.fence, MOST)] * (1 + twice))
        assert not any(isinstance(other, Granted) for other in more)
        if isinstance(answer, Granted):
            assert was_open
            assert self.owns(holder)
            assert not any(contact.stands for contact in self.world.of_target(target.key.position))
            self.world.grant(answer)
        if isinstance(answer, TooOften):
            self.scene.post(Postpone(target.key, holder.opened.fence, answer.until, "daily_cap"))
        if not isinstance(answer, TooEarly) and answer is not Refusal.CLOSED:
            holder.targets.remove(target)
        return answer if isinstance(answer, Granted) else None

    @precondition(lambda self: self.world.usable(self.scene.now))
    @rule(choice=CHOICE, fate=FATE, told=st.sampled_from(["placed", "placed", "nothing", "unknown"]))
    def place(self, choice: int, fate: Outcome, told: str) -> None:
        contact = one_of(self.world.usable(self.scene.now), choice)
        self.world.place(contact, fate)
        if told == "placed":
            self.record(contact, Stage.PLACED)
        elif told == "unknown":
            self.scene.record(contact.attempt, lost())

    @precondition(lambda self: self.world.usable(self.scene.now))
    @rule(choice=CHOICE, outcome=st.sampled_from([Outcome.FAILED, Outcome.INVALID_NUMBER, Outcome.UNKNOWN]))
    def be_refused(self, choice: int, outcome: Outcome) -> None:
        contact = one_of(self.world.usable(self.scene.now), choice)
        contact.over = True
        retryable = outcome is Outcome.FAILED
        self.scene.record(
            contact.attempt, lost() if outcome is Outcome.UNKNOWN else rejected(outcome, retryable=retryable)
        )

    @precondition(lambda self: self.world.waiting())
    @rule(choice=CHOICE, pause=st.sampled_from([0, 4]))
    def take_an_intent_back(self, choice: int, pause: float) -> None:
        contact = one_of(self.world.waiting(), choice)
        contact.over = True
        self.scene.post(Withdraw(contact.attempt, self.scene.now + pause, "retry", "its slot has passed"))

    @precondition(lambda self: self.in_doubt())
    @rule(choice=CHOICE, can_be_read=st.sampled_from([True, True, False]), in_time=st.booleans(), keep=st.booleans())
    def attend(self, choice: int, can_be_read: bool, in_time: bool, keep: bool) -> None:
        """Ask the provider about a call that somebody else has begun, or that nobody knows of."""
        holder, target = one_of(self.in_doubt(), choice)
        attempt = self.store.claims.attempt(target.key, target.attempts)
        contact = self.world.contacts[attempt.id]
        if not keep or contact.stage is None:
            holder.targets.remove(target)
        if not can_be_read:
            due_at = one_of([self.scene.now + 2, NEVER], choice)
            self.scene.post(Postpone(target.key, holder.opened.fence, due_at, "lookup", "could not be looked up"))
        elif contact.stage is not None and in_time:
            self.record(contact, contact.stage)
        elif contact.stage is not None:
            if attempt.provider_reference is None:
                self.hear(contact, Stage.PLACED)  # the provider's list was behind, and a webhook is faster
            self.scene.post(Withdraw(attempt.id, self.scene.now, "retry", "never arrived"))
        elif self.scene.now > contact.slot_at + SLACK:
            contact.over = True
            self.scene.post(Withdraw(attempt.id, self.scene.now, "retry", "never arrived"))

    @precondition(lambda self: self.held(NEW))
    @rule(choice=CHOICE, give_up=st.booleans())
    def put_off(self, choice: int, give_up: bool) -> None:
        holder, target = one_of(self.held(NEW), choice)
        holder.targets.remove(target)
        fence = holder.opened.fence
        if give_up:
            self.scene.post(GiveUp(target.key, fence, Outcome.EXPIRED, "too late"))
        else:
            self.scene.post(Postpone(target.key, fence, self.scene.now + 3, "window"))

    @precondition(lambda self: self.world.calls())
    @rule(choice=CHOICE, too_long=RARELY)
    def lose(self, choice: int, too_long: bool) -> None:
        """A lane waits for the end of a call, and in the end for too long."""
        self.scene.after(1)
        if too_long:
            self.scene.record(one_of(self.world.calls(), choice).attempt, lost())

    @precondition(lambda self: self.holders)
    @rule(choice=CHOICE, how=st.sampled_from(["alive", "dead", "replaced", "replaced", "released"]))
    def leave(self, choice: int, how: str) -> None:
        holder = one_of(self.holders, choice)
        if how == "alive":
            self.scene.close_chunk(holder.opened, holder.number)
        if how == "replaced":
            self.open_a_chunk(holder.number)
        elif how == "released":
            self.store.claims.release_stranded(self.scene.key, self.scene.now)
        else:
            self.holders.remove(holder)

    # What the provider and people do.

    @precondition(lambda self: self.world.calls())
    @rule(choice=CHOICE, stage=STAGE, back=st.sampled_from([0, 0, 0, 1, 2, 3]), by_webhook=st.booleans())
    def word(self, choice: int, stage: Stage, back: int, by_webhook: bool) -> None:
        """A call goes on, and its latest word comes, or an earlier one once more."""
        contact = one_of(self.world.calls(), choice)
        contact.stage = max(contact.stage, stage, key=lambda known: known.rank)
        told = tuple(Stage)[max(0, contact.stage.rank - back)]
        if by_webhook:
            self.hear(contact, told)
        else:
            self.record(contact, told)

    def record(self, contact: Contact, stage: Stage) -> None:
        contact.tell(stage)
        word = contact.word(stage)
        self.scene.post(Record(contact.attempt, word.verdict, word.facts))

    def hear(self, contact: Contact, stage: Stage) -> None:
        contact.tell(stage)
        named = str(contact.attempt) if contact.attempt.position % 2 else None
        payload = json.dumps([contact.attempt, stage])
        self.inbox.keep([RawReceipt("retell", "main", "call", payload, named, self.scene.now)], self.scene.now)
        self.inbox.apply(self.scene.now)

    # What the campaign and its operators do.

    @rule(what=st.sampled_from(MEANWHILE), choice=CHOICE)
    def meanwhile(self, what: str, choice: int) -> None:
        what, _, detail = what.partition(" ")
        store, scene, key, now = self.store, self.scene, self.scene.key, self.scene.now
        happenings: dict[str, Callable[[], object]] = {
            "wait": lambda: scene.after(float(detail)),
            "open": lambda: scene.open(CampaignStatus(detail)),
            "again": self.run_again,
            "close": lambda: self.close(CampaignStatus(detail)),
            "halt": lambda: scene.post(Halt(key, "the account is refused")),
            "conclude": lambda: store.sweeps.conclude_overdue(key, now, before=NEVER * 2),
            "cancel": lambda: store.sweeps.cancel_some(key, now),
            "requeue": lambda: store.sweeps.requeue_some(key, (), now, now),
            "grow": self.grow,
        }
        happenings[what]()

    def close(self, status: CampaignStatus) -> None:
        if status in {CampaignStatus.COMPLETED, CampaignStatus.CANCELLED}:
            self.store.claims.release_stranded(self.scene.key, self.scene.now)  # as the settling does before
        self.scene.close(status)

    def run_again(self) -> None:
        """A new run of the workflow: its chunks count from 1."""
        self.run += 100
        self.tried.clear()
        self.scene.open()

    def grow(self) -> None:
        try:
            self.scene.import_people(2)
        except Conflict:
            assert not self.is_open

    # What must be true at every moment.

    @invariant()
    def the_promises_hold(self) -> None:
        assert self.world.repeated == []
        often = Counter(contact.attempt.position for contact in self.world.calls())
        assert not often or max(often.values()) <= self.most_a_day
        books = self.scene.books()
        over = self.store.campaigns.get(self.scene.key).status in {CampaignStatus.COMPLETED, CampaignStatus.CANCELLED}
        assert not over or books.active == 0
        snapshot = self.store.campaigns.snapshot(self.scene.key, self.scene.now)
        assert snapshot.under_way == books.active
        assert sum(snapshot.stages.values()) <= self.store.calls.under_way(self.scene.key) == books.active

    @invariant()
    def everything_fits_together(self) -> None:
        key = self.scene.key
        of_chunk = (chunks.c.campaign_key == key) & (chunks.c.number == targets.c.chunk)
        people = select(targets, chunks.c.fence.label("current")).outerjoin(chunks, of_chunk)
        tries = select(attempts.c.position, attempts.c.number, attempts.c.outcome, calls.c.stage)
        tries = tries.select_from(attempts.outerjoin(calls, of_attempt)).where(attempts.c.campaign_key == key)
        with self.store.database.read() as connection:
            rows = connection.execute(people.where(targets.c.campaign_key == key)).all()
            found = connection.execute(tries).all()
        said = {(row.position, row.number): row.outcome for row in found}
        for attempt, outcome in self.decided.items():
            assert said[attempt] == outcome, "an attempt that is decided stays decided"
        self.decided |= {attempt: outcome for attempt, outcome in said.items() if outcome not in UNDECIDED}
        stages = {(row.position, row.number): Stage(row.stage) for row in found if row.stage is not None}
        for attempt, stage in self.stages.items():
            assert stages[attempt].rank >= stage.rank, "no word takes a call back"
        self.stages = stages
        for row in rows:
            check_target(row, said)

    # What the rules ask.

    @property
    def is_open(self) -> bool:
        return self.store.campaigns.is_open(self.scene.key)

    def owns(self, holder: Holder) -> bool:
        latest = max(other.opened.fence for other in [*self.holders, holder] if other.number == holder.number)
        return holder.opened.fence == latest

    def held(self, states: frozenset[TargetState]) -> list[tuple[Holder, ClaimedTarget]]:
        return [(holder, target) for holder in self.holders for target in holder.targets if target.state in states]

    def in_doubt(self) -> list[tuple[Holder, ClaimedTarget]]:
        return self.held(frozenset({TargetState.ACTIVE, TargetState.UNKNOWN}))


def test_whatever_happens_to_calls_the_promises_hold(store: Store) -> None:
    class Machine(CallMachine):
        pass

    play(Machine, store)
