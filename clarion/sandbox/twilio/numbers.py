"""How a number ends: Twilio's own magic numbers, ours by their last four digits, and a seeded mix for all others.

=====================  ==================================================================================
number                 what happens
=====================  ==================================================================================
To  +15005550001       refused: 21211 not a valid number           (Twilio's test credentials page)
To  +15005550002       refused: 21612 not reachable from this sender
To  +15005550003       refused: 21408 no permission for this region
To  +15005550004       refused: 21610 opted out
To  +15005550009       refused: 21614 not a mobile number
From +15005550001      refused: 21212 not a valid sender
From +15005550007      refused: 21606 not a sender of this account
From +15005550008      refused: 21611 the sender's queue is full
To  …9001              undelivered 30003 (handset unreachable) the first time, delivered from the second on
To  …9002              undelivered 30005 (unknown number), always
To  …9003              undelivered 30007 (filtered by the carrier), always
To  …9004              refused: 21610 opted out
To  …9005              refused: 21211 not a valid number
To  …9006              refused: 21614 not a mobile number
To  …9007              delivered; the person answers STOP, which opts them out of the sender
To  …9008              delivered; the person answers with ordinary text
To  …9009              sent, and nothing is ever heard of it again
To  …9010              failed 30001 (queue overflow): never left, not billed
To  …9011              the first answer is lost: the connection closes, the message is on its way
To  any other          the mix: 96 % delivered, 2 % undelivered 30003 (half of these are delivered from the
                       second message on), 1 % undelivered 30005, 1 % undelivered 30006
=====================  ==================================================================================

``POST /_sandbox/settings {"mix": {"twilio": {"30003": 0.1}}}`` replaces the mix; what it leaves over is delivered.
The same seed and number always end the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clarion.sandbox.decisions import Decisions
from clarion.sandbox.vendor import ControlError

DELIVERED = 0
DEFAULT_MIX: Mapping[str, float] = {"delivered": 0.96, "30003": 0.02, "30005": 0.01, "30006": 0.01}
PASSING = frozenset({30003, 30008, 30017})
"""Receipt codes of conditions that pass: in the mix, half of the numbers with one are reached the second time."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What happens to a message to a number."""

    refused: int = 0
    """Error code the create is refused with; 0 accepts it."""
    code: int = DELIVERED
    """Error code of the last receipt; 0 for delivered."""
    passes: bool = False
    """Only the first message ends with ``code``; later ones are delivered."""
    receipt: bool = True
    """False: the message stays at ``sent``."""
    reply: str | None = None
    answer_lost: bool = False
    """The connection of the first create closes after the message was accepted."""


MAGIC_TO: Mapping[str, Fate] = {
    "+15005550001": Fate(refused=21211),
    "+15005550002": Fate(refused=21612),
    "+15005550003": Fate(refused=21408),
    "+15005550004": Fate(refused=21610),
    "+15005550009": Fate(refused=21614),
}
MAGIC_FROM: Mapping[str, int] = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
BY_LAST_FOUR: Mapping[str, Fate] = {
    "9001": Fate(code=30003, passes=True),
    "9002": Fate(code=30005),
    "9003": Fate(code=30007),
    "9004": Fate(refused=21610),
    "9005": Fate(refused=21211),
    "9006": Fate(refused=21614),
    "9007": Fate(reply="STOP"),
    "9008": Fate(reply="Thanks, that works for me"),
    "9009": Fate(receipt=False),
    "9010": Fate(code=30001),
    "9011": Fate(answer_lost=True),
}


class Fates:
    """Decides the fate of every number."""

    def __init__(self, decisions: Decisions, mix: Mapping[str, float] | None = None) -> None:
        """Raises ControlError for a mix with unknown endings or shares that add up to more than 1."""
        self._decisions = decisions
        self._steps = _steps(DEFAULT_MIX if mix is None else mix)

    def of(self, number: str) -> Fate:
        """Return what happens to messages to this number."""
        fate = MAGIC_TO.get(number) or BY_LAST_FOUR.get(number[-4:])
        if fate is not None:
            return fate
        share, passing, _, _ = self._decisions.shares(number)
        for step, code in self._steps:
            if share < step:
                return Fate(code=code, passes=code in PASSING and passing < 0.5)
        return Fate()


def _steps(mix: Mapping[str, float]) -> tuple[tuple[float, int], ...]:
    total = 0.0
    steps = []
    for ending, share in mix.items():
        if ending != "delivered" and not ending.isdecimal():
            message = f'mix.twilio: "{ending}" is no ending; use "delivered" or a receipt error code such as "30003"'
            raise ControlError(message)
        total += share
        steps.append((total, DELIVERED if ending == "delivered" else int(ending)))
    if total > 1 + 1e-9:
        message = f"mix.twilio: the shares add up to {total:g}; they must not exceed 1"
        raise ControlError(message)
    return tuple(steps)
