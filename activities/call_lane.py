"""The life of one call in a lane: held from its placing until its end is known, however its provider tells of it."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from activities.call_watch import CallWatch, Watch
from activities.contact_rules import ContactRules
from activities.failures import in_thread
from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.call import AnsweredBy, CallWord, MachineRule, Stage
from clarion.domain.errors import NotFound
from clarion.domain.target import Outcome
from clarion.providers.ports import AccountBroken, Dialer, OutgoingCall, ProviderError, RateLimited
from clarion.store.entries import Record, Withdraw

log = logging.getLogger(__name__)

SLOWER = 1.5
"""Factor by which the time between two questions to a provider grows while it says nothing new."""

LONGEST_PAUSE = 60.0
"""Seconds between two questions at most."""

MOST_PAUSES = 8.0
"""The same in units of ``poll_after``: who asks early, because his calls are short, must not end up asking late."""

HINT_PAUSE = 1.0
"""Seconds between two questions at least, however many unsigned webhooks ask for one."""

NEVER_PLACED = "looked up at the provider: it was never placed"

ENDED = frozenset(Outcome) - {Outcome.PLACED}
"""Outcomes of an attempt whose call needs no lane any more."""

HANG_UP_AGAIN = 2.0
"""Seconds before hanging up is tried again."""


@dataclass(frozen=True, slots=True)
class Calling:
    """What calling needs to know about an account."""

    dialer: Dialer
    price_per_minute: float
    poll_after: float
    """Seconds without news after which the provider is asked how a call stands."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Spans in seconds."""

    grace: float
    """A call whose placing nobody answered for is looked up so long after its slot."""
    margin: float = 120.0
    """A call is given up so long after the last moment at which it could have ended by itself."""


@dataclass(slots=True)
class HeldCall:
    """A call that was placed, or may have been."""

    rules: ContactRules
    calling: Calling
    patience: Patience
    call: OutgoingCall
    attempt: AttemptId
    intended_at: float
    slot_at: float
    longest: float
    """Seconds after its slot at which the call must be over, however it went."""
    reference: str | None = None
    """The provider's; None while nobody knows whether there is a call at all."""
    _told: tuple[str | None, str | None, str | None] = (None, None, None)
    """Outcome, stage and who answered, as last heard from whomever."""
    _receipt_at: float | None = None
    _ask_at: float = 0.0
    _asked_at: float = 0.0
    _pause: float = 0.0
    _hang_up_at: float | None = 0.0
    """When to hang up, once somebody wants it; None: that has been done, or cannot be."""

    @property
    def deadline(self) -> float:
        """Epoch seconds after which nobody waits for its end any more."""
        return self.slot_at + self.longest + self.patience.margin

    @property
    def stage(self) -> str:
        """How far the call has come, for people to see."""
        return self._told[1] or "in doubt"

    async def hold(self, watcher: CallWatch, *, ask_at_once: bool = False) -> None:
        """Return when the end of the call is known and written down, or its deadline has passed.

        Raises what the ledger raises. Cancelled, it leaves everything as it is: somebody else can hold the call.
        """
        now = self._now()
        self._rest(now)
        if self.reference is None:
            self._ask_at = max(now, self.slot_at + self.patience.grace)
        elif ask_at_once:
            self._ask_at = now
        async with watcher.on(self.attempt) as watch:
            while not self._is_over(watch):
                await self._hang_up_if_wanted(watch)
                last = self._now() >= self.deadline
                if (last or self._now() >= self._ask_at) and await self._ask():
                    return
                if last:
                    await self._give_up()
                    return
                await watch.news_within(self._wait(watch))

    async def ask(self) -> CallWord | None:
        """Have the provider say how the call stands; None when it provably has no such call.

        Raises ProviderError, or NotFound when it does not know its own reference any more.
        """
        if self.reference is not None:
            return await self.calling.dialer.look(self.reference)
        known = await in_thread(self.rules.tools.store.claims.known_references, self.call.to)
        return await self.calling.dialer.find(self.call, self.intended_at, known)

    async def record(self, word: CallWord) -> None:
        """Write down what the provider said; returns when it is durable."""
        self.reference = self.reference or word.verdict.provider_reference
        self._told = word.verdict.outcome, word.facts.stage, word.facts.answered_by or self._told[2]
        await self.rules.tools.ledger.submit(Record(self.attempt, word.verdict, word.facts))

    def _now(self) -> float:
        return self.rules.tools.clock()

    def _is_over(self, watch: Watch) -> bool:
        """Take in what the watcher has seen; whether it says that the call has ended."""
        seen = watch.seen
        if seen is None:
            return False
        told = seen.outcome, seen.stage, seen.answered_by
        is_news, is_hint = told != self._told, seen.receipt_at != self._receipt_at
        self._told, self._receipt_at = told, seen.receipt_at
        self.reference = self.reference or seen.provider_reference
        if is_news:
            self._rest(self._now())
        elif is_hint:
            # A webhook that nobody signed, or one that came twice: what it means has to be asked for.
            self._ask_at = min(self._ask_at, self._asked_at + min(HINT_PAUSE, self.calling.poll_after))
        return seen.outcome in ENDED

    def _rest(self, now: float) -> None:
        """Something new was heard: leave time for the next webhook before asking."""
        self._pause = self.calling.poll_after
        self._ask_at = now + self._pause

    def _wait(self, watch: Watch) -> float:
        """Seconds until there is something to do again, whatever comes."""
        wake_at = min(self._ask_at, self.deadline)
        if self._hang_up_at is not None and self._why_end(watch):
            wake_at = min(wake_at, self._hang_up_at)
        return wake_at - self._now()

    async def _ask(self) -> bool:
        """Ask the provider and write down what is new; whether nobody has to hold the call any more."""
        now = self._asked_at = self._now()
        longest = max(self.calling.poll_after, min(LONGEST_PAUSE, MOST_PAUSES * self.calling.poll_after))
        self._pause = min(self._pause * SLOWER, longest)
        self._ask_at = now + self._pause
        try:
            word = await self.ask()
        except RateLimited as error:
            self._ask_at = max(self._ask_at, now + error.retry_after)
            return False
        except (ProviderError, NotFound) as error:
            self._not_served(error)
            return False
        except Exception:
            log.exception("asking for attempt %s failed in an unexpected way", self.attempt)
            return False
        return await self._heard(word)

    async def _heard(self, word: CallWord | None) -> bool:
        if word is None and self._now() < self.slot_at + self.patience.grace:
            return False  # it may still be on its way there
        if word is None:
            # If a webhook proves the opposite meanwhile, the store keeps the call for whichever lane claims next.
            await self.rules.tools.ledger.submit(Withdraw(self.attempt, self._now(), "retry", NEVER_PLACED))
            return True
        outcome, facts = word.verdict.outcome, word.facts
        if outcome is Outcome.UNKNOWN:
            return False
        known = outcome, facts.stage, facts.answered_by or self._told[2]
        if known != self._told and not self._is_old(word):
            await self.record(word)
        return outcome in ENDED

    def _is_old(self, word: CallWord) -> bool:
        """Whether a word about a call that goes on says less than is known."""
        outcome, stage, answered_by = self._told
        if word.verdict.outcome is not Outcome.PLACED or outcome != Outcome.PLACED or stage is None:
            return False
        return word.facts.stage.rank <= Stage(stage).rank and word.facts.answered_by in {None, answered_by}

    def _why_end(self, watch: Watch) -> str:
        """Why the campaign, or a rule of it, wants this call to be ended; or nothing."""
        _, stage, answered_by = self._told
        if self.reference is None or stage == Stage.ENDED:
            return ""
        if watch.flags is not None and watch.flags.hang_up:
            return "the campaign was cancelled"
        at_machine = answered_by == AnsweredBy.MACHINE and self.call.machine is MachineRule.HANG_UP
        return "a machine answered" if at_machine else ""

    async def _hang_up_if_wanted(self, watch: Watch) -> None:
        now, why = self._now(), self._why_end(watch)
        if not why or self.reference is None or self._hang_up_at is None or now < self._hang_up_at:
            return
        try:
            ended = await self.calling.dialer.hang_up(self.reference)
        except AccountBroken as error:
            self._not_served(error)
            ended = False
        except ProviderError as error:
            self._hang_up_at = now + (error.retry_after if isinstance(error, RateLimited) else HANG_UP_AGAIN)
            return
        except Exception:
            log.exception("hanging up attempt %s failed in an unexpected way", self.attempt)
            ended = False
        self._hang_up_at = None
        if ended:
            self._ask_at = min(self._ask_at, now + min(HINT_PAUSE, self.calling.poll_after))
        kind, told = (
            ("hung_up", why) if ended else ("not_hung_up", f"{why}, and the provider does not end calls for us")
        )
        line = f"attempt {self.attempt.number}: {told}"
        store, (campaign_key, position, _) = self.rules.tools.store, self.attempt
        await in_thread(store.events.append, campaign_key, now, kind, line, position)

    def _not_served(self, error: Exception) -> None:
        log.info("the provider does not serve attempt %s: %s", self.attempt, error)
        if isinstance(error, AccountBroken):
            self.rules.halt(str(error))

    async def _give_up(self) -> None:
        verdict = Verdict(Outcome.UNKNOWN, final=True, detail="nobody could tell how the call ended")
        await self.rules.tools.ledger.submit(Record(self.attempt, verdict))
