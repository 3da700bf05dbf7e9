"""Texts with `{{ variables }}`: checked once when a campaign is read, filled in for every target."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Self

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2 import Template as JinjaTemplate
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS, do_round
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from clarion.domain.errors import BadInput, ClarionError, did_you_mean
from clarion.domain.problems import refusal

MAX_SOURCE = 65_536
"""Characters of a template."""
MAX_RENDERED = 65_536
"""Characters that `replace` may make of a value."""

_LONE_TAG = re.compile(r"^[ \t]*(\{%(?:[^%\n]|%(?!\}))*%\}|\{#(?:[^#\n]|#(?!\}))*#\})[ \t]*\n", re.MULTILINE)
_SPACED_NAME = re.compile(r"\{\{\s*([^\W\d]\w*(?:[ -]+\w+)+)\s*(?:\||\}\})")
_FORMAT_WIDTHS = re.compile(r"%[-+ #0]*(\*|\d*)(?:\.(\*|\d*))?")


_TOO_MUCH = (RecursionError, MemoryError, SyntaxError, OverflowError, ValueError)
_TOO_DEEP = "is nested too deeply or holds a number too large; make it simpler"


class MissingVariable(ClarionError):
    """A text needs a variable that this target does not have."""

    def __init__(self, name: str) -> None:
        """Keep the variable's name beside the sentence."""
        super().__init__(f"the text needs {{{{ {name} }}}}, and this row has no value for it")
        self.name = name


class _Needed(StrictUndefined):
    """An undefined variable that raises its bare name when it is used."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return str(self._undefined_name)


def _replace(text: object, old: object, new: object, count: int | None = None) -> str:
    source, gone, put = str(text), str(old), str(new)
    times = source.count(gone) if count is None else min(source.count(gone), max(count, 0))
    if len(source) + times * len(put) > MAX_RENDERED:
        raise SecurityError("replace makes the text too long")
    return source.replace(gone, put, times)


def _format(pattern: object, *values: object) -> str:
    for part in _FORMAT_WIDTHS.findall(str(pattern)):
        for width in part:
            if width == "*" or len(width) > 2:
                raise SecurityError("format is given a width of more than 99")
    return str(pattern) % values


def _round(value: float, precision: int = 0, method: str = "common") -> float:
    if not 0 <= precision <= 12:
        raise SecurityError("round takes a precision from 0 to 12")
    return do_round(value, precision, method)  # type: ignore[arg-type]


_FILTERS: dict[str, Callable[..., object]] = {
    **{
        name: FILTERS[name]
        for name in ("abs", "capitalize", "count", "d", "default", "float", "int", "length", "lower", "string", "title")
    },
    **{name: FILTERS[name] for name in ("trim", "truncate", "upper", "urlencode", "wordcount")},
    "format": _format,
    "replace": _replace,
    "round": _round,
}
"""Every filter a text may use. Each result is bounded, so that no text can make a worker run out of memory."""

_EXPRESSIONS: tuple[type[nodes.Node], ...] = (
    nodes.Name, nodes.Const, nodes.Tuple, nodes.List, nodes.Filter, nodes.Test, nodes.CondExpr, nodes.And, nodes.Or,
    nodes.Not, nodes.Compare, nodes.Operand, nodes.Concat, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv,
    nodes.Mod, nodes.Neg, nodes.Pos, nodes.Slice, nodes.Keyword,
)  # fmt: skip
_STATEMENTS: tuple[type[nodes.Node], ...] = (nodes.Template, nodes.Output, nodes.TemplateData, nodes.If)

_REFUSED: dict[type[nodes.Node], str] = {
    nodes.Call: "functions cannot be called; use a filter, such as {{ name|upper }}",
    nodes.Getattr: "variables have no fields, so no dot may follow a name",
    nodes.Getitem: "only a slice of a text can be taken, such as {{ name[:1] }}",
    nodes.For: "a text has no loops",
    nodes.Pow: "** is not available",
}


class _Sandbox(ImmutableSandboxedEnvironment):
    """Arithmetic works on numbers alone, as "x" * 1000000000 would fill the memory."""

    intercepted_binops = frozenset(("*", "%"))

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Compute one intercepted operator."""
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            raise SecurityError(f"{operator} works on numbers alone; turn a variable into one with |float")
        return super().call_binop(context, operator, left, right)


def _environment() -> _Sandbox:
    environment = _Sandbox(autoescape=False, undefined=_Needed, keep_trailing_newline=False)
    environment.globals.clear()
    environment.filters = dict(_FILTERS)
    return environment


_ENVIRONMENT = _environment()


class Template:
    """A parsed text; `variables` are all the names it mentions, needed or optional."""

    __slots__ = ("_compiled", "_parts", "source", "variables")

    def __init__(
        self,
        source: str,
        variables: frozenset[str],
        parts: tuple[tuple[bool, str], ...] | None,
        compiled: JinjaTemplate,
    ) -> None:
        """Use `parse`."""
        self.source = source
        self.variables = variables
        self._parts = parts
        self._compiled = compiled

    @classmethod
    def parse(cls, source: str) -> Self:
        """Check a text and prepare it for many renders; raises BadInput with the line and the way out.

        A tag such as `{% if %}` alone on its line takes the line with it; the newline at the very end is dropped.
        """
        if len(source) > MAX_SOURCE:
            raise BadInput(f"the text has {len(source)} characters; it may have up to {MAX_SOURCE}")
        try:
            tree = _ENVIRONMENT.parse(_LONE_TAG.sub(r"\1{#\n#}", source))
            variables = frozenset(_check(tree))
            return cls(source, variables, _plain_parts(tree), _ENVIRONMENT.from_string(tree))
        except TemplateSyntaxError as error:
            raise BadInput(_syntax_problem(source, error)) from None
        except _TOO_MUCH:
            raise BadInput(f"the text {_TOO_DEEP}") from None

    def render(self, values: Mapping[str, str]) -> str:
        """Fill in the values; raises MissingVariable, or BadInput when an expression fails on these values."""
        if self._parts is not None:
            try:
                return "".join([str(values[part]) if is_name else part for is_name, part in self._parts])
            except KeyError as missing:
                raise MissingVariable(str(missing.args[0])) from None
        try:
            return self._compiled.render(values)
        except UndefinedError as missing:
            raise MissingVariable(missing.message or "") from None
        except Exception as error:
            raise BadInput(f"the text cannot be filled in: {error}") from error


def parse_expression(source: str) -> tuple[frozenset[str], TemplateExpression]:
    """Check one expression as it may stand between {{ and }}; return the names it mentions, and what computes it.

    Raises BadInput.
    """
    try:
        parser = Parser(_ENVIRONMENT, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            following = parser.stream.current
            what = "= does not compare; write ==" if following.type == "assign" else f"{following} cannot stand there"
            raise BadInput(what)
        names = frozenset(_check(tree))
        return names, _ENVIRONMENT.compile_expression(source, undefined_to_none=False)
    except TemplateSyntaxError as error:
        raise BadInput(str(error.message).rstrip(".")) from None
    except _TOO_MUCH:
        raise BadInput(f"it {_TOO_DEEP}") from None


def checked_text(text: str) -> str:
    """Return a campaign's text as it is; raises a refusal when it is empty or could never be filled in."""
    if not text.strip():
        raise refusal("the text is empty; write the text, or leave the key out")
    try:
        Template.parse(text)
    except BadInput as problem:
        raise refusal(str(problem)) from None
    return text


def _check(node: nodes.Node) -> set[str]:
    """Return the names below a node; raises BadInput at the first thing a text may not use."""
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        pass
    elif not isinstance(node, _STATEMENTS + _EXPRESSIONS):
        kind = type(node)
        why = _REFUSED.get(kind, f"{kind.__name__.lower()} is not available in a text")
        raise BadInput(f"line {node.lineno}: {why}")
    if isinstance(node, nodes.Filter):
        _check_word("filter", node.name, _FILTERS, node.lineno)
    if isinstance(node, nodes.Test):
        _check_word("test", node.name, _ENVIRONMENT.tests, node.lineno)
    names = {node.name} if isinstance(node, nodes.Name) else set()
    if "self" in names:
        raise BadInput(f'line {node.lineno}: "self" is a reserved word; give the column another name')
    for child in node.iter_child_nodes():
        names |= _check(child)
    return names


def _check_word(kind: str, word: str, known: Mapping[str, object], line: int) -> None:
    if word not in known:
        available = ", ".join(sorted(name for name in known if name.isidentifier()))
        raise BadInput(f'line {line}: unknown {kind} "{word}"{did_you_mean(word, known)}; available are {available}')


def _plain_parts(tree: nodes.Template) -> tuple[tuple[bool, str], ...] | None:
    """Return the pieces of a text of words and plain variables alone: joining them is much faster than rendering."""
    parts = []
    for output in tree.body:
        if not isinstance(output, nodes.Output):
            return None
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                parts.append((False, node.data))
            elif isinstance(node, nodes.Name):
                parts.append((True, node.name))
            else:
                return None
    return tuple(parts)


def _syntax_problem(source: str, error: TemplateSyntaxError) -> str:
    if spaced := _SPACED_NAME.search(source):
        line = source.count("\n", 0, spaced.start()) + 1
        word = re.sub(r"\W+", "_", spaced[1].lower())
        return f'line {line}: "{spaced[1]}" is not one word; write {{{{ {word} }}}} for the column of that name'
    return f"line {error.lineno}: {str(error.message).rstrip('.')}; a variable is written {{{{ name }}}}"
