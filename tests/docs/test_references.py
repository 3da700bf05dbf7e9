"""Pages that list what the code has: complete, and with the code's own defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

import pytest
import yaml
from pydantic import BaseModel
from temporalio import workflow

from clarion.domain.campaign import CampaignSpec, CampaignStatus, parse_spec
from clarion.domain.duration import format_duration
from clarion.domain.target import Outcome, SkipReason, TargetState
from clarion.domain.template import Template
from clarion.domain.window import WEEK
from clarion.providers.twilio_errors import RULES, Kind
from clarion.sandbox.faults import Faults
from clarion.sandbox.twilio.numbers import BY_LAST_FOUR, MAGIC_FROM, MAGIC_TO
from clarion.settings_reference import reference
from starter.campaign_file import read_campaign_file
from tests.docs.pages import CHECKOUT, NAMES, blocks, rows, spans, text
from workflows.campaign import CampaignWorkflow
from workflows.showing import SEARCH_ATTRIBUTES

CAMPAIGN_FILE = "docs/campaign-file.md"
GROUPS = {"audience", "call", "variants", "fallback", "breaker", "lead", "assess", "then"} | {
    *("limits", "retry", "window", "receipts", "chunk", "schedule")
}
WHOLE_CAMPAIGNS = [block for block in blocks(CAMPAIGN_FILE, "yaml") if block.startswith("name:")]
ONLY_COMPOSE = {"CLARION_CAMPAIGNS", "CLARION_VERSION"}


def table(name: str) -> dict[str, list[str]]:
    """Return the rest of each table row by the word in its first cell."""
    return {cells[0].strip("`"): cells[1:] for cells in rows(name)}


def keys(model: type[BaseModel], group: str = "") -> Iterator[tuple[str, object, bool]]:
    """Yield every key of a campaign file with its default, and whether it must be given."""
    for name, field in model.model_fields.items():
        key = f"{group}{field.alias or name}"
        yield key, None if field.default_factory else field.default, field.is_required()
        if key in GROUPS:
            yield from keys(next(models(field.annotation)), f"{key}.")


def models(kind: object) -> Iterator[type[BaseModel]]:
    """Yield the groups of keys that a type is made of, in a list too."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for inner in getattr(kind, "__args__", ()):
        yield from models(inner)


def shown(key: str, default: object) -> set[str]:
    """Return the ways in which a page may write a default."""
    if default is None or isinstance(default, BaseModel):
        return {"–", "none", "unlimited", "below", "at once", "found out", "the first visible"}
    if isinstance(default, bool):
        return {f"`{str(default).lower()}`"}
    if default == WEEK:
        return {"all"}
    if isinstance(default, tuple):
        return {f"`[{', '.join(default)}]`"}
    if isinstance(default, float):
        is_duration = key.split(".")[1] in {"delay", "wait", "seconds", "catch_up"}
        return {format_duration(default) if is_duration else f"{default:g}"}
    return {f"`{default}`", str(default)}


def test_the_settings_reference_is_current() -> None:
    assert text("docs/settings.md") == reference(), "run `make docs`"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "docs/settings.md"])
def test_settings_that_a_page_names_exist(name: str) -> None:
    known = set(re.findall(r"CLARION_[A-Z_<>]+", reference()))
    named = {
        re.sub(r"__(?:MAIN|DRILL|OPENAI|SALESFORCE)__", "__<NAME>__", found)
        for found in re.findall(r"CLARION_[A-Z_]*[A-Z]", text(name))
    }
    assert named - known - ONLY_COMPOSE <= {"CLARION_"}


@pytest.mark.parametrize(("key", "default", "required"), list(keys(CampaignSpec)))
def test_every_key_of_a_campaign_file_is_explained(key: str, default: object, required: bool) -> None:
    explained = table(CAMPAIGN_FILE)[key]
    assert explained[0] in ({"required"} if required else shown(key, default))
    assert len(explained[1]) > 10


def test_no_key_is_explained_that_does_not_exist() -> None:
    explained = {key for key in table(CAMPAIGN_FILE) if re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", key)}
    assert explained - {key for key, _, _ in keys(CampaignSpec)} == {"key"}


@pytest.mark.parametrize("example", [*WHOLE_CAMPAIGNS, *blocks("README.md", "yaml")])
def test_examples_are_campaigns(example: str) -> None:
    assert parse_spec(yaml.load(example, yaml.BaseLoader)).name  # noqa: S506 - makes texts and nothing else


def test_the_long_text_is_a_template() -> None:
    (example,) = (block for block in blocks(CAMPAIGN_FILE, "yaml") if block.startswith("message:"))
    message = yaml.safe_load(example)["message"]
    assert Template.parse(message).variables == {"plan", "first_name", "city"}


def test_every_filter_is_named() -> None:
    with pytest.raises(Exception, match="available are") as refused:
        Template.parse("{{ name|no_such_filter }}")
    available = set(str(refused.value).partition("available are ")[2].split(", "))
    assert available <= set(spans(CAMPAIGN_FILE))


@pytest.mark.parametrize("example", sorted((CHECKOUT / "examples").glob("*.yaml")))
def test_the_page_names_every_example(example: object) -> None:
    path = CHECKOUT / "examples" / str(example).rsplit("/", 1)[-1]
    assert read_campaign_file(path).name
    assert f"({'../examples/' + path.name})" in text(CAMPAIGN_FILE)


@pytest.mark.parametrize("words", [TargetState, Outcome, SkipReason, CampaignStatus])
def test_the_glossary_has_every_word(words: type[StrEnum]) -> None:
    known = {word for span in spans("docs/GLOSSARY.md") for word in span.split()}
    assert [word.value for word in words if word.value not in known] == []


@pytest.mark.parametrize("kind", Kind)
def test_the_page_on_twilio_lists_every_code(kind: Kind) -> None:
    listed = table("docs/providers/twilio.md")[kind.value][1].split()
    assert listed == [str(code) for code in sorted(RULES) if RULES[code].kind is kind]


def test_the_page_on_the_sandbox_lists_every_number_and_fault() -> None:
    page = text("docs/sandbox.md")
    listed = table("docs/sandbox.md")
    for number, fate in {**MAGIC_TO, **{f"…{last}": fate for last, fate in BY_LAST_FOUR.items()}}.items():
        assert str(fate.refused or fate.code or "") in listed[number][0]
    assert [number for number in MAGIC_FROM if number not in page] == []
    assert [fault for fault in Faults.model_fields if f"`{fault}`" not in page] == []


def test_operators_read_of_every_search_attribute_and_every_handler() -> None:
    named = set(spans("docs/operating.md"))
    assert {key.name for key in SEARCH_ATTRIBUTES} <= named
    definition = workflow._Definition.must_from_class(CampaignWorkflow)
    handlers = {*definition.signals, *definition.updates, *definition.queries}
    assert {name for name in handlers if name} - {"progress"} <= named
