"""A phone call: what a campaign says about its calls, what one call is given to say, and what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from clarion.domain.attempt import Verdict
from clarion.domain.errors import did_you_mean
from clarion.domain.fields import Amount, Count, Part, Word
from clarion.domain.problems import refusal, shown
from clarion.domain.template import Template, checked_text

CALLERS = ("twilio", "retell", "elevenlabs", "exotel")
"""Providers that place calls."""

MOST_VARIABLES = 100
"""Variables that go along with one call."""

RING_SECONDS = 60.0
"""Longest time a call rings before it counts as not answered."""


class Stage(StrEnum):
    """How far a call has come; words about it may come late and out of order, and none takes it back."""

    PLACED = "placed"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"

    @property
    def rank(self) -> int:
        """Its order in a call's life, from 0."""
        return tuple(Stage).index(self)


class AnsweredBy(StrEnum):
    """Who answered, as far as the provider can tell."""

    HUMAN = "human"
    MACHINE = "machine"
    UNKNOWN = "unknown"


class Speaker(StrEnum):
    """Who says something in a call."""

    AGENT = "agent"
    PERSON = "person"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing said."""

    speaker: Speaker
    text: str
    at: float | None = None
    """Seconds from the answer."""


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What a provider knows of a call so far; None and empty say nothing, so that later words add to earlier ones."""

    stage: Stage = Stage.PLACED
    answered_by: AnsweredBy | None = None
    duration: float | None = None
    """Seconds from the answer to the end."""
    cost: float | None = None
    """In the account's currency; None until the provider has settled it."""
    disconnection_reason: str | None = None
    """In the provider's words."""
    recording_url: str | None = None
    summary: str | None = None
    turns: tuple[Turn, ...] = ()
    analysis: Mapping[str, str] = field(default_factory=dict)
    """The provider's assessment, by field."""


@dataclass(frozen=True, slots=True)
class CallWord:
    """What a provider says about a call at one moment: a verdict (`placed` while it goes on) and facts."""

    verdict: Verdict
    facts: CallFacts = CallFacts()


class MachineRule(StrEnum):
    """What a call does when a machine answers."""

    HANG_UP = "hang_up"
    LEAVE_MESSAGE = "leave_message"
    CONTINUE = "continue"


class CallSpec(Part):
    """How a campaign calls. Texts are templates like those of messages; a target's own columns go before them."""

    provider: Annotated[Word | None, Field(description="twilio, retell, elevenlabs or exotel")] = None
    """Must be the account's; says in the file whom it was written for."""
    agent: Annotated[Word | None, Field(description="the id of an agent at the provider")] = None
    """Retell and ElevenLabs: the agent. Twilio: an address with TwiML for the call. Exotel: the flow (app id)."""
    from_number: Annotated[Word | None, Field(description="a phone number such as +14155550100")] = None
    prompt: Annotated[str | None, Field(description="what the agent is told to do")] = None
    first_message: Annotated[str | None, Field(description="what the agent says first")] = None
    context: Annotated[str | None, Field(description="what the agent should know about the person")] = None
    voicemail_message: Annotated[str | None, Field(description="what a machine is left")] = None
    language: Annotated[Word | None, Field(description='a language such as "en-US"')] = None
    variables: Annotated[
        tuple[Word, ...] | None,
        Field(max_length=MOST_VARIABLES, description=f"a list of columns, {MOST_VARIABLES} at most"),
    ] = None
    """The columns that go along as variables; without it all do, but for those that mean something else."""
    max_minutes: Annotated[Amount, Field(gt=0, le=60, description="a number of minutes, 60 at most")] = 10.0
    machine: Annotated[MachineRule, Field(description="hang_up, leave_message or continue")] = MachineRule.HANG_UP

    @field_validator("provider")
    @classmethod
    def _known_provider(cls, provider: str | None) -> str | None:
        word = provider.lower() if provider is not None else None
        if word is not None and word not in CALLERS:
            near = did_you_mean(word, CALLERS)
            raise refusal(f"{shown(provider)} is not a provider of calls{near}; give {', '.join(CALLERS)}")
        return word

    @field_validator("prompt", "first_message", "context", "voicemail_message")
    @classmethod
    def _usable_text(cls, text: str | None) -> str | None:
        return None if text is None else checked_text(text)

    @field_validator("variables")
    @classmethod
    def _each_once(cls, variables: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if variables is None else tuple(dict.fromkeys(variables))

    @model_validator(mode="after")
    def _voicemail_message_is_said(self) -> Self:
        if self.voicemail_message is not None and self.machine is not MachineRule.LEAVE_MESSAGE:
            raise refusal(
                f"voicemail_message is given, and machine is {self.machine}, so nobody would ever hear it;"
                " set machine: leave_message, or leave the text out"
            )
        return self

    @property
    def longest(self) -> float:
        """Seconds after which a call must be over, however it went."""
        return RING_SECONDS + 60.0 * self.max_minutes


class BreakerRules(Part):
    """When a campaign of calls stops itself: `share` of the last `of` calls failed, of `at_least` so many."""

    share: Annotated[Amount, Field(gt=0, le=1, description="a share from 0 to 1; 1 stops only when all failed")] = 0.5
    of: Annotated[Count, Field(ge=1, le=100, description="a whole number from 1 to 100")] = 20
    at_least: Annotated[Count, Field(ge=1, le=100, description="a whole number from 1 to 100")] = 5


SCRIPT_TEXTS = ("prompt", "first_message", "context", "voicemail_message")
SCRIPT_WORDS = ("agent", "language")


@dataclass(frozen=True, slots=True)
class Script:
    """What one call is given: its texts filled in, its agent and language, and the variables that go along."""

    prompt: str | None = None
    first_message: str | None = None
    context: str | None = None
    voicemail_message: str | None = None
    agent: str | None = None
    language: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)


class ScriptWriter:
    """Fills in a campaign's texts for one target after another."""

    def __init__(self, spec: CallSpec) -> None:
        """Parse the texts once."""
        self.templates: Mapping[str, Template] = {
            name: Template.parse(text) for name in SCRIPT_TEXTS if (text := getattr(spec, name)) is not None
        }
        """The campaign's texts, by name."""
        self._words = {name: getattr(spec, name) for name in SCRIPT_WORDS}

    @property
    def variables(self) -> frozenset[str]:
        """All the names that the texts mention."""
        return frozenset[str]().union(*(template.variables for template in self.templates.values()))

    def write(self, variables: Mapping[str, str], own: Mapping[str, str]) -> Script:
        """Return a target's script; ``own`` texts and words are taken as they stand.

        Raises MissingVariable, or BadInput when an expression fails on these values.
        """
        texts = {name: template.render(variables) for name, template in self.templates.items() if not own.get(name)}
        given = {name: text for name, text in own.items() if text}
        return Script(variables=variables, **{**self._words, **texts, **given})
