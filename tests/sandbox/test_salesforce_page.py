"""The page on the sandbox tells of every special lead, every kind of lead of a mix, and every setting."""

from __future__ import annotations

import re

from clarion.sandbox.salesforce import corpus
from clarion.sandbox.salesforce.leads import BY_LAST_FOUR, Fate
from clarion.sandbox.salesforce.settings import SalesforceSettings
from tests.docs.pages import text

PAGE = "docs/sandbox.md"


def section() -> str:
    return text(PAGE).partition("## Where leads come from: Salesforce")[2].partition("\n## ")[0]


def test_every_special_lead_is_listed() -> None:
    listed: set[str] = set()
    for first, last in re.findall(r"^\| …(\d{4})(?: to …(\d{4}))? \|", section(), re.MULTILINE):
        listed |= {str(ending) for ending in range(int(first), int(last or first) + 1)}
    assert listed == set(BY_LAST_FOUR)


def test_every_kind_of_lead_of_a_mix_is_named() -> None:
    spans = re.findall(r"[`\"](\w+)[`\"]", section())
    assert [fate.value for fate in Fate if fate.value not in {*spans, Fate.USUAL.value}] == []


def test_every_setting_is_listed_with_its_default() -> None:
    listed = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", section(), re.MULTILINE))
    usual = SalesforceSettings().model_dump(mode="json")
    shown = {None: "`null`", (): "`[]`"}
    assert listed == {
        name: shown.get(tuple(value) if isinstance(value, list) else value, str(value).removesuffix(".0"))
        for name, value in usual.items()
    }


def test_every_word_for_the_ai_is_one_of_its_own() -> None:
    questions = text(PAGE).partition("## How questions are answered: OpenAI")[2]
    words = [note.partition("sandbox:")[2].rstrip(".") for note in corpus.MARKED]
    assert [word for word in words if f"`sandbox:{word}`" not in questions or word not in section()] == []
