"""Texts with variables: what they may hold, and what they become."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clarion.domain.errors import BadInput
from clarion.domain.template import MAX_RENDERED, MAX_SOURCE, MissingVariable, Template

ANN = {"name": "Ann", "plan": "Gold", "price": "12.5", "age": "41", "empty": ""}


def render(source: str, **more: str) -> str:
    return Template.parse(source).render({**ANN, **more})


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", ""),
        ("Hi", "Hi"),
        ("Hi {{ name }}, {{plan}} & {{ name }}!", "Hi Ann, Gold & Ann!"),
        ("100 % of {{ plan }} {sic} %s", "100 % of Gold {sic} %s"),
        ("{{ name|upper }} {{ name | lower }} {{ plan|replace('o', '0') }}", "ANN ann G0ld"),
        ("{{ price|float * 2 }}", "25.0"),
        ("{{ '%.2f'|format(price|float) }} EUR", "12.50 EUR"),
        ("{{ price|float|round(0)|int }}", "12"),
        ("{{ name[:1] }}.", "A."),
        ("{% if age|int >= 18 %}adult{% else %}child{% endif %}", "adult"),
        ("{{ 'Dear' if plan == 'Gold' else 'Hi' }} {{ name }}", "Dear Ann"),
        ("{% if plan in ['Gold', 'Silver'] %}VIP{% endif %}", "VIP"),
        ("https://x.example/?n={{ name|urlencode }}", "https://x.example/?n=Ann"),
        ("{# a note #}Hi", "Hi"),
        ("{% raw %}{{ name }}{% endraw %}", "{{ name }}"),
        ("{{ name ~ '-' ~ plan }}", "Ann-Gold"),
        ("<{{ empty }}>", "<>"),
    ],
)
def test_a_text_is_filled_in(source: str, text: str) -> None:
    assert render(source) == text


def test_values_are_taken_as_they_stand() -> None:
    value = "<b>{{ plan }}</b> & {% raise %} ${x} %s \\n"
    assert render("{{ name }}", name=value) == value
    assert render("{{ name|trim }}", name=value) == value


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("line\nline\n", "line\nline"),
        ("Hi {{ name }}\n\nBye", "Hi Ann\n\nBye"),
        ("Hi\n{% if name %}\nyou\n{% endif %}\nBye", "Hi\nyou\nBye"),
        ("Hi{% if name %} you{% endif %}\nBye", "Hi you\nBye"),
        ("A\n  {# only a note #}\nB", "A\nB"),
    ],
)
def test_a_tag_alone_on_its_line_takes_the_line_with_it(source: str, text: str) -> None:
    assert render(source) == text


def test_a_text_knows_all_its_variables() -> None:
    source = "{{ a }}{{ b|default(c) }}{% if d is defined and e %}{{ f[:2] }}{% endif %}{{ 'g' }}"
    assert Template.parse(source).variables == frozenset("abcdef")


def test_names_that_jinja_uses_itself_are_variables_like_others() -> None:
    assert Template.parse("{{ range }} {{ dict|upper }}").render({"range": "1", "dict": "x"}) == "1 X"


@pytest.mark.parametrize(
    "source",
    [
        "{{ gone }}",
        "{{ gone|upper }}",
        "{{ gone ~ name }}",
        "{% if gone %}x{% endif %}",
        "{{ gone[:1] }}",
        "{{ gone|d(gone) }}",
    ],
)
def test_a_needed_variable_that_is_not_there_is_named(source: str) -> None:
    with pytest.raises(MissingVariable, match="gone") as missing:
        render(source)
    assert missing.value.name == "gone"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ gone|default('friend') }}", "friend"),
        ("{{ gone|d(name) }}", "Ann"),
        ("{% if gone is defined %}{{ gone }}{% else %}-{% endif %}", "-"),
        ("{{ gone if gone is defined else '-' }}", "-"),
        ("{% if name or gone %}short{% endif %}", "short"),
    ],
)
def test_a_variable_the_text_can_do_without_may_be_missing(source: str, text: str) -> None:
    assert render(source) == text


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("Hi\n{{ name|uper }}", 'line 2: unknown filter "uper" (did you mean "upper"?)'),
        ("{% if name %}{% else %}{{ name|center(9) }}{% endif %}", 'unknown filter "center"'),
        ("{{ 1 if name is defned }}", 'unknown test "defned" (did you mean "defined"?)'),
        ("Hi {{ name", "line 1: unexpected end of template"),
        ("Hi {{ }}", "line 1: Expected an expression"),
        ("{% if name %}", "line 1: Unexpected end of template"),
        ("{% endif %}", "unknown tag 'endif'"),
        ("A\nHi {{ First Name }}", 'line 2: "First Name" is not one word; write {{ first_name }}'),
        ("{{ name.upper() }}", "functions cannot be called; use a filter"),
        ("{{ range(10) }}", "functions cannot be called"),
        ("{{ name.__class__ }}", "variables have no fields"),
        ("{{ name['__class__'] }}", "only a slice"),
        ("{{ name[0] }}", "only a slice"),
        ("{{ name|attr('x') }}", 'unknown filter "attr"'),
        ("{% for x in name %}{% endfor %}", "a text has no loops"),
        ("{% set x = name ~ name %}", "not available"),
        ("{% macro x() %}{% endmacro %}", "not available"),
        ("{% include 'x' %}", "not available"),
        ("{% extends 'x' %}", "not available"),
        ("{% import 'x' as x %}", "not available"),
        ("{% block x %}{% endblock %}", "not available"),
        ("{% do x %}", "unknown tag 'do'"),
        ("{{ 9 ** 9 }}", "** is not available"),
        ("{{ self }}", "reserved word"),
        ("x" * (MAX_SOURCE + 1), f"it may have up to {MAX_SOURCE}"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "too deeply"),
        ("{{ " + "+".join(["age"] * 5000) + " }}", "too deeply"),
    ],
)
def test_a_text_that_cannot_be_used_is_refused_when_it_is_read(source: str, problem: str) -> None:
    with pytest.raises(BadInput) as refused:
        Template.parse(source)
    assert problem in str(refused.value)


@pytest.mark.parametrize(
    "source",
    [
        "{{ name * 1000000000 }}",
        "{{ 'x' * age|int * 1000000000 }}",
        "{{ [name] * 1000000000 }}",
        "{{ '%999999999d' % age|int }}",
        "{{ '%999999999d'|format(age|int) }}",
        "{{ '%.999999999f'|format(price|float) }}",
        "{{ '%*d'|format(999999999, 1) }}",
        "{{ price|float|round(999999999, 'ceil') }}",
        "{{ 'a'" + "|replace('a', 'aaaaaaaaaa')" * 12 + " }}",
        "{{ name|replace('', '" + "x" * 60_000 + "') }}",
        "{{ " + " * ".join(["9" * 300] * 20) + " }}",
        "{{ age|int / 0 }}",
        "{{ name + 1 }}",
        "{{ name < 1 }}",
        "{{ '%d'|format(name) }}",
        "{{ name|round }}",
    ],
)
def test_a_text_that_would_fill_the_memory_or_fails_on_its_values_is_refused(source: str) -> None:
    with pytest.raises(BadInput):
        render(source)


PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "if ",
        "else",
        "endif",
        " ",
        "\n",
        "name",
        "gone",
        "|upper",
        "|default('x')",
        "'",
        "(",
        ")",
        "[:2]",
        "|int",
        "|replace('n','nn')",
        " ~ ",
        " * 3",
        " is defined",
        " == ",
        "self",
        ".x",
        "100",
        "raw",
        "endraw",
        "é",
        "-",
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join))
def test_whatever_is_written_is_refused_or_filled_in(source: str) -> None:
    try:
        text = Template.parse(source).render(ANN)
    except (BadInput, MissingVariable):
        return
    assert len(text) <= MAX_RENDERED


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(), min_size=3))
def test_the_fast_way_gives_what_the_engine_gives(values: dict[str, str]) -> None:
    plain = Template.parse("1 {{ a }} 2 {{ b }}{{ c }} {{ a }}")
    by_engine = Template.parse("1 {{ a|string }} 2 {{ b|string }}{{ c|string }} {{ a|string }}")
    assert plain.render(values) == by_engine.render(values)
