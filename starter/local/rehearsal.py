"""What a rehearsal on the sandbox needs: a clean audience, faults, an own database, and words with the sandbox."""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from clarion.domain.errors import BadInput, Conflict
from clarion.store.database import Database
from clarion.store.migrate import migrate
from clarion.store.schema import campaigns

TENANT = "rehearsal"
"""Tenant and account of drills and benches: nothing of theirs can be taken for a campaign of somebody's."""
AREA_CODES = ("206", "212", "305", "312", "404", "415", "503", "617", "702", "808")
MOST_MEANT = 10_000
"""Rows of an audience in which half the numbers have a meaning: few exchanges are needed even with few endings."""
MIX: Mapping[str, float] = {
    "rate_limited": 0.05,
    "server_error": 0.03,
    "dropped": 0.02,
    "lost_callbacks": 0.1,
    "late_callbacks": 0.1,
    "late_seconds": 3.0,
    "repeated_callbacks": 0.1,
    "shuffled_callbacks": 0.1,
}
"""``--faults mix``: shares of requests refused before their effect, of answers lost after it, and of callbacks."""


def write_audience(path: Path, rows: int, seed: int) -> frozenset[str]:
    """Write a clean audience and return its addresses; none ends in four digits that the sandbox gives a meaning."""
    dice = _dice(seed)
    addresses = _plain_numbers(rows, dice.choice(AREA_CODES), dice.randrange(1_000_000))
    _write_rows(path, addresses)
    return frozenset(addresses)


def write_meant_audience(path: Path, rows: int, seed: int, endings: Mapping[str, int]) -> dict[str, int]:
    """Write a clean audience of which half, in turn, ends in four digits that the sandbox gives a meaning.

    ``endings``: what each of these is worth. Returns that by address; every other address is worth 1. Raises BadInput.
    """
    if rows > MOST_MEANT:
        raise BadInput(f"{rows} targets are more than there are numbers with a meaning; give {MOST_MEANT} or less")
    dice = _dice(seed)
    area, turns = dice.choice(AREA_CODES), dice.sample(sorted(endings), len(endings))
    worth = dict.fromkeys(_plain_numbers(rows - rows // 2, area, dice.randrange(1_000_000)), 1)
    for n in range(rows // 2):
        ending = turns[n % len(turns)]
        worth[f"+1{area}{200 + n // len(turns)}{ending}"] = endings[ending]
    _write_rows(path, dice.sample(sorted(worth), rows))
    return worth


def read_faults(faults: str, mix: Mapping[str, float] = MIX) -> dict[str, object]:
    """Return what the sandbox is told; ``mix`` is what that word stands for. Raises BadInput for what is no JSON."""
    named: dict[str, Mapping[str, object]] = {"none": {}, "mix": dict(mix)}
    if faults in named:
        return dict(named[faults])
    try:
        given = json.loads(faults)
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise BadInput(f'--faults "{faults}" is neither none nor mix nor a JSON object such as {{"dropped": 0.05}}')
    return {str(name): value for name, value in given.items()}


def prepare_database(url: str) -> None:
    """Bring the schema up to date. Raises Conflict when somebody else's campaigns are in there, Unreachable."""
    database = Database(url)
    try:
        database.ping()
        migrate(database)
        with database.read() as connection:
            query = campaigns.select().with_only_columns(campaigns.c.tenant).where(campaigns.c.tenant != TENANT)
            other = connection.execute(query.limit(1)).first()
    finally:
        database.close()
    if other is not None:
        raise Conflict(
            f"the database {database.address} holds campaigns of {other.tenant}, and a drill ends connections and "
            "applies receipts; give it an empty database, or leave --database-url out to use a file of its own"
        )


def ask(url: str, body: Mapping[str, object] | None = None) -> object:
    """Ask the sandbox; with a body, tell it. Blocking. Raises BadInput with its sentence when it refuses."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data), timeout=30) as answer:  # noqa: S310 - an address of ours on this machine
            found: object = json.loads(answer.read())
    except HTTPError as error:
        raise BadInput(str(dig(json.loads(error.read()), "error"))) from None
    return found


def effects_by_target(sandbox: str) -> dict[str, int]:
    """How many texts each number really got. Blocking."""
    seen = dig(ask(f"{sandbox}/_sandbox/effects?detail=1"), "twilio", "targets")
    return {str(to): n for to, n in seen.items() if isinstance(n, int)} if isinstance(seen, dict) else {}


def dig(data: object, *path: str) -> object:
    """Find what stands under these names, one inside the other; None where one is missing."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data


def _write_rows(path: Path, addresses: Sequence[str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["phone", "first_name"])
        lines.writerows([address, f"Person {n}"] for n, address in enumerate(addresses, 1))


def _dice(seed: int) -> random.Random:
    return random.Random(f"audience/{seed}")  # noqa: S311 - made-up numbers, not a secret


def _plain_numbers(count: int, area: str, first: int) -> list[str]:
    return [f"+1{area}{2_000_000 + i // 8000 * 10000 + i % 8000}" for i in range(first, first + count)]
