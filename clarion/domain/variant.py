"""Variants of what a campaign says: the words each puts in place of the campaign's own, and who gets which."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import accumulate
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from clarion.domain.fields import Amount, Part, Word
from clarion.domain.problems import refusal
from clarion.domain.template import checked_text

FEWEST, MOST = 2, 10
"""Variants of one campaign."""

OF_TEXTS = ("message",)
"""What a variant of a campaign of texts may say."""

OF_CALLS = ("prompt", "first_message", "agent")
"""What a variant of a campaign of calls may say."""

_CHOICES = 2**64


class Variant(Part):
    """One of several things a campaign says; what it leaves out is as the campaign has it."""

    name: Annotated[
        Word,
        Field(
            max_length=40,
            pattern=r"^\w[\w .-]*$",
            description="a name of 1 to 40 letters, digits, spaces and . _ -",
        ),
    ]
    weight: Annotated[Amount, Field(gt=0, le=1_000_000, description="a number greater than 0, 1000000 at most")] = 1.0
    """Its share, beside the weights of the others; they need not add up to anything."""
    message: Annotated[str | None, Field(description="the text to send")] = None
    prompt: Annotated[str | None, Field(description="what the agent is told to do")] = None
    first_message: Annotated[str | None, Field(description="what the agent says first")] = None
    agent: Annotated[Word | None, Field(description="the id of an agent at the provider")] = None

    @model_validator(mode="before")
    @classmethod
    def _asks_nothing(cls, given: object) -> object:
        if isinstance(given, dict) and "instructions" in given:
            raise refusal(
                "instructions have no variants: they are for texts and calls; to compare two ways of asking, assess "
                "a part of the leads with each in a campaign of its own"
            )
        return given

    @field_validator("message", "prompt", "first_message")
    @classmethod
    def _usable_text(cls, text: str | None) -> str | None:
        return None if text is None else checked_text(text)

    @property
    def words(self) -> dict[str, str]:
        """What it puts in place of the campaign's own words, by name; a control says nothing of its own."""
        given = {name: getattr(self, name) for name in (*OF_TEXTS, *OF_CALLS)}
        return {name: text for name, text in given.items() if text is not None}


def misfits(variants: Sequence[Variant], channel: str, message: str | None) -> Iterator[str]:
    """Yield what is wrong with the variants of a campaign on a channel; `message` is its own."""
    if channel not in ("sms", "call"):
        yield f"variants are for texts and calls; this campaign has channel {channel}"
        return
    if not FEWEST <= len(variants) <= MOST:
        yield f"variants has {len(variants)}; give {FEWEST} to {MOST}, or leave it out"
    usual = OF_TEXTS if channel == "sms" else OF_CALLS
    names = Counter(variant.name for variant in variants)
    said = Counter(tuple(sorted(variant.words.items())) for variant in variants)
    yield from (
        f'variants: the name "{name}" is given {n} times; give each its own' for name, n in names.items() if n > 1
    )
    for variant in variants:
        for name in variant.words.keys() - set(usual):
            yield f'variants: {name} of "{variant.name}" means nothing on channel {channel}; give {" or ".join(usual)}'
        if channel == "sms" and variant.message is None and message is None:
            yield f'variants: "{variant.name}" has no message, and the campaign has none either; give it one'
    for words, n in said.items():
        if n > 1:
            alike = ", ".join(
                f'"{variant.name}"' for variant in variants if tuple(sorted(variant.words.items())) == words
            )
            yield f"variants: {alike} say the same; let them differ, or leave one out"


class Split:
    """Says which variant an address gets: the same each time, whoever asks, and by weight over many addresses."""

    def __init__(self, variants: Sequence[Variant], seed: int) -> None:
        """``seed``: the campaign's number, so that the same people are split anew in another campaign."""
        self._names = [variant.name for variant in variants]
        total = sum(variant.weight for variant in variants)
        self._bounds = [bound / total for bound in accumulate(variant.weight for variant in variants)]
        self._seed = seed

    def of(self, address: str) -> str:
        """Return the name of the variant that an address gets."""
        chosen = int.from_bytes(sha256(f"{self._seed} {address}".encode()).digest()[:8]) / _CHOICES
        return self._names[min(bisect_right(self._bounds, chosen), len(self._names) - 1)]
