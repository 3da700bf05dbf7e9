"""Finds the columns that give the variables of a campaign's texts."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from clarion.audience.wording import SkipRow, shortened
from clarion.domain.errors import BadInput, did_you_mean
from clarion.domain.target import SkipReason
from clarion.domain.template import MissingVariable, Template

_NOT_A_WORD = re.compile(r"\W+")
_NAME = re.compile(r"[^\W\d]\w*")


def sources(template: Template, columns: Sequence[str], text: str = "The text") -> dict[str, str]:
    """Map each variable of a text to its column: the one of that name, else the only one spelled like "First Name".

    `text` is what people call the text. Raises BadInput for variables without a column, but for those that the text
    can do without (`default`).
    """
    found = _columns_of(template.variables, columns)
    missing = unmet(template, found)
    if missing:
        names = " and ".join(f"{{{{ {name} }}}}{did_you_mean(name, columns)}" for name in missing)
        raise BadInput(f"{text} uses {names}, which no column of the audience gives; the columns are {_list(columns)}.")
    return found


def named(words: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """Map the variables made of the columns that `words` name to those columns.

    Raises BadInput for a word that no column fits; the sentence names those there are.
    """
    found = {word: word for word in words if word in columns}
    found |= _columns_of(set(words) - found.keys(), columns)
    for word in words:
        if word not in found:
            near = did_you_mean(word, columns)
            raise BadInput(
                f'call.variables names "{word}"{near}, which is no column; the columns are {_list(columns)}.'
            )
    return usual(list(dict.fromkeys(found[word] for word in words)), columns)


def usual(chosen: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    """Map the variables that columns are known as to those columns.

    "First Name" is `first_name` unless another of the `columns` could be meant by that; then it keeps its name.
    """
    spelled = _spelled(columns)
    found = {}
    for column in chosen:
        word = _word(column)
        is_clear = word and word not in columns and spelled[word] == [column]
        found[column if _NAME.fullmatch(column) or not is_clear else word] = column
    return found


def values(given: Mapping[str, str], cells: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that have a value in a row, stripped."""
    return {name: value for name, column in given.items() if (value := cells.get(column, "").strip())}


def filled(template: Template, given: Mapping[str, str], known: Mapping[str, str], text: str = "the text") -> str:
    """Fill in a text; `known` are the columns of its variables. Raises SkipRow for a value that is not there."""
    try:
        return template.render(given)
    except MissingVariable as missing:
        column = known.get(missing.name)
        why = f'the cell "{column}" is empty' if column else "no column gives it"
        raise SkipRow(SkipReason.MISSING_VARIABLE, f"{text} needs {missing.name}, and {why}") from None
    except BadInput as error:
        raise SkipRow(SkipReason.MISSING_VARIABLE, shortened(str(error), 300)) from None


def unmet(template: Template, given: Collection[str]) -> list[str]:
    """Return the variables without which the text cannot be filled in although each of the given ones has a value."""
    tried = dict.fromkeys(given, "1")
    missing: list[str] = []
    while True:
        try:
            template.render(tried)
        except MissingVariable as error:
            if error.name in tried:
                return missing
            missing.append(error.name)
            tried[error.name] = "1"
        except BadInput:
            return missing  # "1" is not a value this text can work with; the rows will show theirs
        else:
            return missing


def _columns_of(names: Collection[str], columns: Sequence[str]) -> dict[str, str]:
    spelled = _spelled(columns)
    found = {name: name for name in sorted(names) if name in columns}
    for name in sorted(set(names) - found.keys()):
        alike = spelled.get(name, [])
        if len(alike) == 1:
            found[name] = alike[0]
    return found


def _spelled(columns: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for column in columns:
        found.setdefault(_word(column), []).append(column)
    return found


def _word(column: str) -> str:
    return _NOT_A_WORD.sub("_", column.lower()).strip("_")


def _list(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
