"""What happens to a call, whoever carries it: how its number ends it, when it rings, is answered and is over.

Vendors word it; the times and the counts are kept here. Nothing moves a call along: where it stands follows from the
clock and the moments that were fixed when it was accepted, unless somebody hangs up.

=====================  ==================================================================================
number                 what happens to calls to it
=====================  ==================================================================================
…9101                  a voicemail answers, always
…9102                  nobody answers the first time; a person does from the second call on
…9103                  nobody answers, always
…9104                  busy the first time; a person answers from the second call on
…9105                  busy, always
…9106                  the call cannot be completed, always
…9107                  refused at once: no number that can be called
…9108                  a person with a slow greeting: silence first, so that detection takes its time
…9109                  a person answers, and no webhook ever tells of it
…9110                  a person answers at once, and the webhooks come before the create's own answer
…9111                  the create's first answer is lost: the connection closes, the call goes on
…9112                  a person answers and asks never to be called again
…9113                  a person answers and talks until the longest time is up
…9114                  a person declines the call
any other              the mix: 70 % answered, 12 % voicemail, 12 % no answer, 4 % busy, 2 % failed
=====================  ==================================================================================

``POST /_sandbox/settings {"mix": {"calls": {"voicemail": 0.5}}}`` replaces the mix; the rest is answered. The same seed
and number always end the same way; of the mix, half of the unanswered and busy numbers answer from the second call on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from clarion.sandbox.decisions import Decisions
from clarion.sandbox.effects import Effects
from clarion.sandbox.vendor import ControlError, Json, Settings

PICKUP_AFTER = (3.0, 12.0)
"""Seconds of ringing before somebody answers: at least, and how much more the slowest takes."""
RING_FOR = (20.0, 15.0)
"""Seconds of ringing where nobody answers."""
TALK_FOR = (30.0, 150.0)
"""Seconds a person talks."""
MESSAGE_FOR = (8.0, 12.0)
"""Seconds a voicemail is listened to."""
DIAL_AFTER = 0.5
"""Seconds from the order to the first ring."""
SLOW_GREETING = 7.0
"""Seconds of silence of somebody slow to say hello."""


class Ending(StrEnum):
    """How a call ends."""

    ANSWERED = "answered"
    VOICEMAIL = "voicemail"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    FAILED = "failed"
    DECLINED = "declined"


TALKED = frozenset({Ending.ANSWERED, Ending.VOICEMAIL})
"""Endings of calls that were picked up."""


@dataclass(frozen=True, slots=True)
class CallFate:
    """What happens to a call to a number."""

    ending: Ending = Ending.ANSWERED
    passes: bool = False
    """Only the first call ends so; a person answers later ones."""
    refused: bool = False
    """The create is refused: not a number that can be called."""
    greeting: float = 1.0
    """Seconds of silence before the person says hello."""
    silent: bool = False
    """No webhook is ever sent."""
    hasty: bool = False
    """It rings and is answered at once; webhooks come before the create's own answer."""
    answer_lost: bool = False
    """The first create's answer is lost on its way."""
    do_not_call: bool = False
    """The person asks never to be called again."""
    endless: bool = False
    """The person talks until the longest time is up."""


DEFAULT_MIX: Mapping[str, float] = {"voicemail": 0.12, "no_answer": 0.12, "busy": 0.04, "failed": 0.02}
PASSING = frozenset({Ending.NO_ANSWER, Ending.BUSY})
BY_LAST_FOUR: Mapping[str, CallFate] = {
    "9101": CallFate(Ending.VOICEMAIL),
    "9102": CallFate(Ending.NO_ANSWER, passes=True),
    "9103": CallFate(Ending.NO_ANSWER),
    "9104": CallFate(Ending.BUSY, passes=True),
    "9105": CallFate(Ending.BUSY),
    "9106": CallFate(Ending.FAILED),
    "9107": CallFate(refused=True),
    "9108": CallFate(greeting=SLOW_GREETING),
    "9109": CallFate(silent=True),
    "9110": CallFate(hasty=True),
    "9111": CallFate(answer_lost=True),
    "9112": CallFate(do_not_call=True),
    "9113": CallFate(endless=True),
    "9114": CallFate(Ending.DECLINED),
}


class Stage(StrEnum):
    """Where a call stands."""

    QUEUED = "queued"
    RINGING = "ringing"
    TALKING = "talking"
    OVER = "over"


@dataclass(slots=True, eq=False)
class PhoneCall:
    """One call. Times are epoch seconds; ``answers_at`` is None where nobody picks up."""

    id: str
    account: str
    to: str
    sender: str
    fate: CallFate
    nth: int
    """How many calls this number has had, this one included."""
    placed_at: float
    rings_at: float
    answers_at: float | None
    ends_at: float
    order: Mapping[str, Json] = field(default_factory=dict)
    """What the vendor wants to remember of the request."""
    hung_up_at: float | None = None
    given_up: bool = False
    """It rang as long as the order allowed, which was too short for whoever would have picked up."""

    @property
    def ending(self) -> Ending:
        """How it ends, when nobody hangs up before."""
        if self.given_up:
            return Ending.NO_ANSWER
        return Ending.ANSWERED if self.fate.passes and self.nth > 1 else self.fate.ending

    @property
    def is_answer_lost(self) -> bool:
        """Whether the answer to its create is lost."""
        return self.fate.answer_lost and self.nth == 1

    @property
    def over_at(self) -> float:
        """When it is over: by itself, or because somebody hung up."""
        return self.ends_at if self.hung_up_at is None else min(self.ends_at, self.hung_up_at)

    @property
    def talked(self) -> float:
        """Seconds from the answer to the end; 0 where nobody answered, or somebody hung up before."""
        return max(0.0, self.over_at - self.answers_at) if self.answers_at is not None else 0.0

    @property
    def was_cancelled(self) -> bool:
        """Whether somebody hung up before anybody answered."""
        return self.hung_up_at is not None and self.hung_up_at < min(self.ends_at, self.answers_at or self.ends_at)

    @property
    def was_answered(self) -> bool:
        """Whether somebody, or a voicemail, picks up before it is over."""
        return self.answers_at is not None and not self.was_cancelled

    def stage(self, now: float) -> Stage:
        """Where it stands."""
        if now >= self.over_at:
            return Stage.OVER
        if self.answers_at is not None and now >= self.answers_at:
            return Stage.TALKING
        return Stage.RINGING if now >= self.rings_at else Stage.QUEUED

    def stands(self, now: float) -> bool:
        """Whether another call to the same number would be one too many: it goes on, or a person has answered it."""
        return self.stage(now) is not Stage.OVER or (self.ending is Ending.ANSWERED and self.talked > 0)

    def asked_never_again(self, now: float) -> bool:
        """Whether the person has by now asked never to be called again."""
        return self.fate.do_not_call and self.talked > 0 and self.stage(now) is Stage.OVER


class CallFates:
    """Decides the fate of calls to every number."""

    def __init__(self, decisions: Decisions, mix: Mapping[str, float] | None = None) -> None:
        """Raises ControlError for a mix with unknown endings or shares that add up to more than 1."""
        self._decisions = decisions
        self._steps = _steps(DEFAULT_MIX if mix is None else mix)

    def of(self, number: str) -> CallFate:
        """Return what happens to calls to this number."""
        if fate := BY_LAST_FOUR.get(number[-4:]):
            return fate
        share, passing, _, _ = self._decisions.shares(number)
        for step, ending in self._steps:
            if share < step:
                return CallFate(ending, passes=ending in PASSING and passing < 0.5)
        return CallFate()


class Switchboard:
    """All calls of one vendor: accepts them, knows which go on, and counts what really happened."""

    def __init__(self, decisions: Decisions, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        """``clock`` gives epoch seconds. Raises ControlError for a mix that cannot be."""
        self._decisions = decisions
        self._clock = clock
        self._calls: dict[str, PhoneCall] = {}
        self._to: dict[str, list[PhoneCall]] = {}
        self._going: dict[str, list[PhoneCall]] = {}
        self.effects = Effects()
        self.peak = 0
        """Most calls that went on at once, of any one account."""
        self.settle(settings)

    def settle(self, settings: Settings) -> None:
        """Take over changed settings. Raises ControlError for a mix that cannot be."""
        self._fates = CallFates(self._decisions, settings.mix.get("calls"))
        self._scale = settings.time_scale

    def reset(self) -> None:
        """Forget all calls and counts."""
        self._calls.clear()
        self._to.clear()
        self._going.clear()
        self.effects.clear()
        self.peak = 0

    def fate(self, number: str) -> CallFate:
        """Tell what a call to this number would come to."""
        return self._fates.of(number)

    def going(self, account: str) -> int:
        """How many calls of an account go on now."""
        now = self._clock()
        going = [call for call in self._going.get(account, ()) if call.stage(now) is not Stage.OVER]
        self._going[account] = going
        return len(going)

    def place(  # noqa: PLR0913 -- what an order says, each by its name
        self,
        call_id: str,
        *,
        account: str,
        to: str,
        sender: str,
        longest: float,
        order: Mapping[str, Json],
        wait: float = 0.0,
        ring: float | None = None,
    ) -> PhoneCall:
        """Accept a call and fix its life. ``longest``: real seconds somebody may talk, before the time scale applies.

        ``wait``: seconds (real) it stands in the vendor's queue first. ``ring``: real seconds it may ring at most,
        before the time scale applies. Counts the effect.
        """
        now, scale = self._clock(), self._scale
        earlier = self._to.setdefault(to, [])
        fate = self._fates.of(to)
        opted_out = any(call.asked_never_again(now) for call in earlier)
        self.effects.accept(to, now, standing=sum(call.stands(now) for call in earlier), opted_out=opted_out)
        rings_at = now + wait + (0.0 if fate.hasty else scale * DIAL_AFTER)
        call = PhoneCall(
            call_id, account, to, sender, fate, len(earlier) + 1, now, rings_at, None, rings_at, dict(order)
        )
        self._lay_out(call, scale, longest)
        if ring is not None:
            _give_up(call, call.rings_at + scale * ring)
        earlier.append(call)
        self._calls[call_id] = call
        self._going.setdefault(account, []).append(call)
        self.peak = max(self.peak, self.going(account))
        return call

    def get(self, call_id: str) -> PhoneCall | None:
        """Find a call by the vendor's id."""
        return self._calls.get(call_id)

    def newest_first(self) -> Iterator[PhoneCall]:
        """All calls."""
        return reversed(self._calls.values())

    def hang_up(self, call: PhoneCall) -> bool:
        """End a call now; whether it was still going on."""
        now = self._clock()
        if call.stage(now) is Stage.OVER:
            return False
        call.hung_up_at = now
        return True

    def view(self, *, detail: bool = False) -> dict[str, Json]:
        """Summarise what really happened: effects per number, calls going on, and the most at once per account."""
        going = sum(self.going(account) for account in list(self._going))
        return {**self.effects.view(detail=detail), "going": going, "peak": self.peak}

    def _lay_out(self, call: PhoneCall, scale: float, longest: float) -> None:
        _, _, early, late = self._decisions.shares(f"{call.to}/{call.nth}")
        match call.ending:
            case Ending.ANSWERED | Ending.VOICEMAIL:
                pickup = 0.0 if call.fate.hasty else PICKUP_AFTER[0] + PICKUP_AFTER[1] * early
                call.answers_at = call.rings_at + scale * pickup
                span = TALK_FOR if call.ending is Ending.ANSWERED else MESSAGE_FOR
                talk = longest if call.fate.endless else min(longest, span[0] + span[1] * late)
                call.ends_at = call.answers_at + scale * talk
            case Ending.NO_ANSWER:
                call.ends_at = call.rings_at + scale * (RING_FOR[0] + RING_FOR[1] * late)
            case Ending.DECLINED:
                call.ends_at = call.rings_at + scale * (PICKUP_AFTER[0] + PICKUP_AFTER[1] * early)
            case Ending.BUSY | Ending.FAILED:
                call.ends_at = call.rings_at + scale * 1.0


def _give_up(call: PhoneCall, latest: float) -> None:
    """Let it ring until ``latest`` (epoch seconds) only."""
    rung = call.ends_at if call.answers_at is None else call.answers_at
    if rung > latest and call.ending not in {Ending.BUSY, Ending.FAILED}:
        call.given_up = True
        call.answers_at, call.ends_at = None, latest


def _steps(mix: Mapping[str, float]) -> tuple[tuple[float, Ending], ...]:
    total = 0.0
    steps = []
    for word, share in mix.items():
        if word not in list(Ending):
            message = f'mix.calls: "{word}" is no ending; use {", ".join(Ending)}'
            raise ControlError(message)
        total += share
        steps.append((total, Ending(word)))
    if total > 1 + 1e-9:
        message = f"mix.calls: the shares add up to {total:g}; they must not exceed 1"
        raise ControlError(message)
    return tuple(steps)
