"""An installation in a temporary folder: a real store, campaigns with targets in every state, and the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from activities.feeding import fallback_id, fallback_spec
from clarion.audience.checks import RowChecker
from clarion.audience.source import open_audience
from clarion.contracts import CampaignRef
from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.call import CallFacts
from clarion.domain.campaign import CampaignStatus, parse_spec
from clarion.domain.target import Outcome
from clarion.store.claims import Execution, OpenChunk
from clarion.store.entries import Granted, Intend, Record, Withdraw
from clarion.store.ledger import LedgerPage
from clarion.store.migrate import migrate
from clarion.store.store import Store
from starter.cli.app import app
from starter.looking import Looking

NOW = 1_796_200_000.0
"""2026-12-02 08:26:40 UTC, a Wednesday."""
PRICE = 8_300
PRICE_OF_CALL = 1_000_000
"""What a call can cost at most, in millionths: ten minutes."""
TENANT = "default"

DELIVERED = Verdict(Outcome.DELIVERED, final=True, provider_status="delivered", provider_reference="SM1")
SENT = Verdict(Outcome.SENT, final=False, provider_status="queued", provider_reference="SM2")
UNDELIVERED = Verdict(
    Outcome.UNDELIVERED,
    final=True,
    retryable=True,
    provider_status="undelivered",
    provider_code="30003",
    detail="the phone is switched off or out of reach",
)
LANDLINE = Verdict(Outcome.INVALID_NUMBER, final=True, provider_code="21614", detail="this is not a mobile number")
PLACED = Verdict(Outcome.PLACED, final=False, provider_status="registered", provider_reference="call_1")
ANSWERED = Verdict(Outcome.ANSWERED, final=True, provider_status="ended", provider_reference="call_1")
VOICEMAIL = Verdict(
    Outcome.VOICEMAIL, final=True, retryable=True, provider_status="ended", detail="a voicemail answered"
)
BUSY = Verdict(Outcome.BUSY, final=True, retryable=True, provider_status="not_connected", detail="the line was busy")
HUNG_UP = Verdict(Outcome.CANCELLED, final=True, provider_status="ended")
NO_ANSWER = Verdict(Outcome.NO_ANSWER, final=True, retryable=True, provider_status="not_connected")
LOST = Verdict(Outcome.UNKNOWN, final=False, detail="no answer within 10 s")


@dataclass
class Result:
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - a test looks at what it expects
        """Standard output, which must be JSON from its first character to its last."""
        return json.loads(self.out)


@dataclass
class OneCampaign:
    """A campaign that has been imported, and the hand of a worker on it."""

    store: Store
    ref: CampaignRef
    page: LedgerPage
    chunks: int = 0
    claimed: dict[int, int] = field(default_factory=dict)

    def status(self, status: CampaignStatus, reason: str = "", *, open_: bool | None = None, at: float = NOW) -> None:
        self.store.campaigns.set_status(self.ref.key, status, reason, at, open_=open_)

    def run(self) -> None:
        self.status(CampaignStatus.RUNNING, open_=True)

    def open_chunk(self, at: float = NOW) -> OpenChunk:
        self.chunks += 1
        return self.store.claims.open_chunk(self.ref.key, self.chunks, Execution(at, 1, "test"), at)

    def intend(self, count: int = 1, at: float = NOW, price: int = PRICE) -> list[AttemptId]:
        """Claim due targets and write intents for them."""
        opened = self.open_chunk(at)
        targets = self.store.claims.claim(self.ref.key, self.chunks, opened.fence, count, at)
        answers = self.page.commit([Intend(target.key, opened.fence, price) for target in targets], at)
        return [answer.attempt for answer in answers if isinstance(answer, Granted)]

    def contact(self, *verdicts: Verdict, at: float = NOW) -> list[AttemptId]:
        """Contact the next due targets, one for each verdict."""
        attempts = self.intend(len(verdicts), at)
        assert len(attempts) == len(verdicts)
        self.page.commit([Record(a, verdict) for a, verdict in zip(attempts, verdicts, strict=True)], at)
        return attempts

    def call(self, ending: Verdict | None = None, at: float = NOW, **facts: object) -> AttemptId:
        """Call the next due target; without an ``ending`` the call goes on. ``facts`` by their names in CallFacts."""
        (attempt,) = self.intend(at=at, price=PRICE_OF_CALL)
        self.tell(attempt, PLACED, at)
        if ending is not None or facts:
            self.tell(attempt, ending or PLACED, at, **facts)
        return attempt

    def tell(self, attempt: AttemptId, verdict: Verdict, at: float = NOW, **facts: object) -> None:
        """Record what the provider says of a call."""
        known = CallFacts(**facts)  # type: ignore[arg-type]  # fields by name
        self.page.commit([Record(attempt, verdict, known)], at)

    def texts(self) -> str:
        """Make the campaign of texts that follows this one, as a worker does, and return its id."""
        parent = self.store.campaigns.get(self.ref.key)
        name = fallback_id(parent.ref.campaign_id)
        self.store.feeding.create_child(parent.ref, fallback_spec(parent), name, NOW)
        return name

    def withdraw(self, due_at: float, why: str) -> None:
        (attempt,) = self.intend()
        self.page.commit([Withdraw(attempt, due_at, "retry", why)], NOW)


@dataclass
class Place:
    """A folder that is the home of an installation and the folder in which its commands are called."""

    folder: Path
    store: Store

    def clarion(self, *arguments: str) -> Result:
        done = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
        return Result(done.exit_code, done.stdout, done.stderr)

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def audience(self, rows: Sequence[Sequence[str]], name: str = "people.csv") -> Path:
        return self.write(name, "\n".join(",".join(row) for row in rows) + "\n")

    def campaign_file(self, file: str = "campaign.yaml", /, **keys: object) -> Path:
        return self.write(file, json.dumps(campaign(**keys)))

    @property
    def looking(self) -> Looking:
        return Looking(self.store, TENANT, lambda: NOW)

    def imported(self, rows: Sequence[Sequence[str]], campaign_id: str = "spring", **keys: object) -> OneCampaign:
        """Create a campaign and import its audience, as a worker would."""
        path = self.audience(rows, f"{campaign_id}.csv")
        spec = parse_spec(campaign(**keys))
        ref = self.store.campaigns.create(TENANT, campaign_id, spec, NOW)
        file_id = self.store.files.keep(ref.key, path)
        with open_audience(path) as reader:
            checker = RowChecker(spec, reader.columns, NOW)
            self.store.importing.add(ref.key, file_id, [checker.check(row) for row in reader.rows()], 0, NOW)
        self.store.files.finish(self.store.files.get(file_id), len(rows) - 1, NOW)
        return OneCampaign(self.store, ref, LedgerPage(self.store.database, {}, grace=15.0))

    def calls(self, rows: Sequence[Sequence[str]], campaign_id: str = "spring", **keys: object) -> OneCampaign:
        """The same, of a campaign of calls."""
        return self.imported(rows, campaign_id, **{**CALLS, **keys})


def campaign(**keys: object) -> dict[str, object]:
    """Return a campaign file's content; ``keys`` replace or add."""
    audience: Mapping[str, object] = {"file": "people.csv", "address": "phone", "region": "US"}
    usual: dict[str, object] = {
        "name": "Spring reminder",
        "channel": "sms",
        "audience": audience,
        "message": "Hi {{ first_name }}, your service is due.",
    }
    return {**usual, **keys}


CALLS: Mapping[str, object] = {
    "name": "Spring calls",
    "channel": "call",
    "message": None,
    "call": {"prompt": "Be kind to {{ first_name }}."},
    "retry": {"attempts": 3, "delay": "30m"},
}
"""What makes a campaign one of calls."""


def people(count: int) -> list[list[str]]:
    """Return a header and rows that are all in order."""
    return [["first_name", "phone"], *([f"Ann{n}", f"+1415555{2_000 + n}"] for n in range(count))]


def new_store(folder: Path) -> Store:
    """Make the store that the commands find in this home."""
    store = Store(f"sqlite:///{folder / 'clarion.db'}", tenant=TENANT, grace=15.0)
    migrate(store.database)
    return store
