"""What all commands share: consoles, JSON on standard output, and how an error becomes a sentence and an exit code."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer
from typer.core import TyperGroup

from clarion.domain.errors import BadInput, ClarionError, Conflict, NotFound, Unreachable

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

    from starter.looking import Looking
    from starter.wiring import Installation

FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130
"""What shells expect of a program that Ctrl-C has ended."""

T = TypeVar("T")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on standard output.")]
CampaignId = Annotated[str, typer.Argument(metavar="ID", help="The campaign's id.", show_default=False)]


class Group(TyperGroup):
    """The commands, with every error of ours told in one sentence."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Run a command."""
        try:
            return super().invoke(ctx)
        except (ClarionError, Exception) as error:
            if _is_typers_own(error):
                raise
            raise typer.Exit(tell(error, debug=bool(ctx.params.get("debug")))) from None


def _is_typers_own(error: BaseException) -> bool:
    """Usage errors, exits and broken pipes are told by Typer in its own way."""
    own = type(error).__module__.startswith(("typer", "click"))
    return own or isinstance(error, BrokenPipeError)


def tell(error: BaseException, *, debug: bool = False) -> int:
    """Write an error to standard error and return the exit code."""
    if isinstance(error, ClarionError):
        sys.stderr.write(f"{error}\n")
        return WRONG_USE if isinstance(error, BadInput | NotFound | Conflict) else FAILED
    if debug:
        traceback.print_exception(error)
        return FAILED
    said = " ".join(str(error).split())[:300]
    sys.stderr.write(f"unexpected {type(error).__name__}: {said}; {_keep_traceback(error)}\n")
    return FAILED


def _keep_traceback(error: BaseException) -> str:
    from clarion.settings import load_settings

    try:
        home = load_settings().folder
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = home / "logs"
        folder.mkdir(exist_ok=True)
        path = folder / "clarion-error.log"
        with path.open("a", encoding="utf-8") as log:
            log.write(f"--- {time.strftime('%Y-%m-%d %H:%M:%S %z')} {_command(sys.argv[1:])}\n")
            traceback.print_exception(error, file=log)
    except (OSError, ClarionError):
        return "`clarion --debug …` shows where"
    return f"its traceback stands at the end of {path}, and `clarion --debug …` shows it"


def _command(words: Sequence[str]) -> str:
    """Name a command and its options, without what was given to them: that may be a number, a name or a text."""
    options = (word.partition("=")[0] for word in words[1:] if word.startswith("-"))
    return " ".join((*words[:1], *options))


def out() -> Console:
    """Return the console for results."""
    from rich.console import Console

    return Console(highlight=False)


def err() -> Console:
    """Return the console for everything that is no result."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def say(text: str, *, as_json: bool = False) -> None:
    """Tell a person something; beside JSON it goes to standard error."""
    typer.echo(text, err=as_json)


def print_json(result: BaseModel) -> None:
    """Print one result as JSON."""
    typer.echo(result.model_dump_json(indent=2))


def print_json_list(results: Iterable[BaseModel]) -> None:
    """Print results as a JSON list, each on its line, in flat memory."""
    typer.echo("[", nl=False)
    for i, result in enumerate(results):
        typer.echo(("," if i else "") + "\n  " + result.model_dump_json(), nl=False)
    typer.echo("\n]")


@contextlib.contextmanager
def looking() -> Iterator[Looking]:
    """Open what looks into the store; no Temporal needed. Raises Unreachable, or Conflict before `clarion setup`."""
    from clarion.settings import load_settings
    from starter.looking import Looking
    from starter.wiring import new_store, require_database

    settings = load_settings()
    require_database(settings)
    store = new_store(settings)
    try:
        yield Looking(store, settings.tenant)
    except (typer.Exit, BadInput, NotFound, Conflict):
        raise
    except Exception:
        # Only now: importing what knows the schema takes a tenth of a second.
        from clarion.store.migrate import require_schema

        require_schema(store.database)
        raise
    finally:
        store.close()


@contextlib.asynccontextmanager
async def installation() -> AsyncIterator[Installation]:
    """Open what steers campaigns. Raises Unreachable for what Temporal answers and no use case expects."""
    from temporalio.service import RPCError, RPCStatusCode

    from clarion.settings import load_settings
    from starter.wiring import Installation

    try:
        async with Installation.open(load_settings()) as opened:
            yield opened
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            message = "Temporal runs no workflow for this campaign any more; `clarion show` says how it ended there"
            raise Conflict(message) from error
        message = f"Temporal answered: {error}; is it up, and the namespace right? `clarion doctor` looks into it"
        raise Unreachable(message) from error


def run(work: Coroutine[object, object, T], *, come_back: Callable[[], str] = str) -> T:
    """Run a command's work; Ctrl-C ends the command, says how to ``come_back``, and leaves campaigns alone."""
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        if hint := come_back():
            sys.stderr.write(f"\n{hint}\n")
        raise typer.Exit(INTERRUPTED) from None


def finish(code: int) -> NoReturn:
    """End the process."""
    if "temporalio.bridge.runtime" in sys.modules:
        # The SDK's native threads can abort an interpreter that ends in the ordinary way (sdk-python issue 300).
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


def existing(path: Path) -> Path:
    """Resolve ``~`` in a path that somebody wrote."""
    return path.expanduser()
