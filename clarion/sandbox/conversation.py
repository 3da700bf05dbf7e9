"""What is said in a call, for vendors whose agents talk: short, always the same for the same seed and number.

No language model speaks here. The agent says the opening it was given, the first sentence of its instructions and the
variables of the call, so that a transcript shows whether they arrived; the person answers by a mood the number decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from clarion.sandbox.calls import Ending, PhoneCall
from clarion.sandbox.decisions import Decisions

PLACEHOLDER = re.compile(r"\{\{\s*(\w+)\s*\}\}")
INSTRUCTIONS = ("prompt", "context")
"""Variables that hold instructions rather than facts about the person."""
NAMES = ("first_name", "name", "customer_name")
LETTERS_PER_SECOND = 15.0
FACTS_NAMED = 4
LONGEST_FACT = 60


class Mood(StrEnum):
    """How a person takes the call."""

    INTERESTED = "interested"
    UNDECIDED = "undecided"
    DISMISSIVE = "dismissive"
    NEVER_AGAIN = "never_again"


@dataclass(frozen=True, slots=True)
class Part:
    """What the agent was given for one call."""

    opening: str | None = None
    instructions: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    voicemail_message: str | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said; times in seconds from the answer, compressed like the call itself."""

    by_agent: bool
    text: str
    begins: float
    ends: float


ANSWERS: Mapping[Mood, tuple[str, str]] = {
    Mood.INTERESTED: ("Yes, that sounds good.", "Great, you will hear from us. Goodbye."),
    Mood.UNDECIDED: ("I have to think about it.", "Of course, take your time. Goodbye."),
    Mood.DISMISSIVE: ("No, I am not interested.", "Thank you for your time. Goodbye."),
    Mood.NEVER_AGAIN: ("Please never call me again.", "Understood, we will not call you again. Goodbye."),
}


def mood(call: PhoneCall, decisions: Decisions) -> Mood:
    """Tell how the person takes this call."""
    if call.fate.do_not_call:
        return Mood.NEVER_AGAIN
    share = decisions.shares(f"{call.to}/{call.nth}/mood")[0]
    return Mood.INTERESTED if share < 0.5 else Mood.UNDECIDED if share < 0.85 else Mood.DISMISSIVE


def is_ended_by_agent(call: PhoneCall, decisions: Decisions) -> bool:
    """Whether the agent is the one to hang up, in a call that ends by itself."""
    return decisions.shares(f"{call.to}/{call.nth}/mood")[1] < 0.5


def turns(call: PhoneCall, part: Part, person: Mood) -> tuple[Turn, ...]:
    """Return what was said until the call was over; the last turn may have been cut off."""
    if call.answers_at is None or call.was_cancelled:
        return ()
    said = _voicemail(part) if call.ending is Ending.VOICEMAIL else _talk(part, person)
    return tuple(_spread(said, call.fate.greeting, call.ends_at - call.answers_at, call.talked))


def summary(call: PhoneCall, person: Mood) -> str:
    """Sum the call up in one sentence."""
    if not call.was_answered:
        return "The call was not answered."
    if call.ending is Ending.VOICEMAIL:
        return "The call reached a voicemail."
    words = {
        Mood.INTERESTED: "The person was interested and agreed.",
        Mood.UNDECIDED: "The person wants to think about it.",
        Mood.DISMISSIVE: "The person was not interested.",
        Mood.NEVER_AGAIN: "The person asked never to be called again.",
    }
    return words[person]


def filled(text: str, variables: Mapping[str, str]) -> str:
    """Put variables into a text; a placeholder without a variable stays as it is, as at the vendors."""
    return PLACEHOLDER.sub(lambda found: variables.get(found[1], found[0]), text)


def _voicemail(part: Part) -> list[tuple[bool, str]]:
    said = [(False, "The person you have called is not available. Please leave a message after the tone.")]
    if part.voicemail_message:
        said.append((True, filled(part.voicemail_message, part.variables)))
    return said


def _talk(part: Part, person: Mood) -> list[tuple[bool, str]]:
    answer, farewell = ANSWERS[person]
    return [
        (False, "Hello?"),
        (True, _opening(part)),
        (False, "Yes, speaking. What is it about?"),
        (True, _matter(part)),
        (False, answer),
        (True, farewell),
    ]


def _opening(part: Part) -> str:
    if part.opening:
        return filled(part.opening, part.variables)
    name = next((part.variables[key] for key in NAMES if part.variables.get(key)), "")
    return f"Hello {name}, do you have a minute?" if name else "Hello, do you have a minute?"


def _matter(part: Part) -> str:
    given = (part.instructions, *(part.variables.get(key, "") for key in INSTRUCTIONS))
    instructions = filled(next((text for text in given if text), ""), part.variables)
    first = re.split(r"(?<=[.!?])\s|\n", instructions.strip(), maxsplit=1)[0]
    facts = [
        f"{key} {value[:LONGEST_FACT]}"
        for key, value in part.variables.items()
        if key not in INSTRUCTIONS and not key.startswith("system__") and value
    ]
    noted = f"I have noted: {', '.join(facts[:FACTS_NAMED])}." if facts else ""
    return " ".join(text for text in (first, noted) if text) or "I only wanted to check that all is well."


def _spread(said: list[tuple[bool, str]], silence: float, length: float, talked: float) -> Iterator[Turn]:
    """Lay turns over a call of ``length`` by how long each takes to say; those not begun when it ended are left out."""
    weights = [len(text) / LETTERS_PER_SECOND for _, text in said]
    pace = length / (silence + sum(weights))
    begins = silence * pace
    for (by_agent, text), weight in zip(said, weights, strict=True):
        ends = begins + weight * pace
        if begins <= talked:
            yield Turn(by_agent, text, begins, min(ends, talked))
        begins = ends
