"""A campaign in a real store, and a clock that only moves when told: what every test of the store plays on."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlencode

from sqlalchemy import Row, func, insert, select

from clarion.audience.checks import CheckedRow
from clarion.contracts import CampaignRef
from clarion.domain.attempt import AttemptId, Verdict
from clarion.domain.books import Books
from clarion.domain.campaign import CampaignSpec, CampaignStatus, parse_spec
from clarion.domain.target import Outcome
from clarion.providers.raw import RawReceipt
from clarion.providers.twilio_webhooks import TwilioReceipts
from clarion.store.claims import ClaimedTarget, Execution, OpenChunk
from clarion.store.entries import Answer, Entry, Granted, Intend, Record
from clarion.store.inbox import Inbox
from clarion.store.ledger import LedgerPage
from clarion.store.rows import TargetKey
from clarion.store.schema import attempts, audience_files, campaigns
from clarion.store.store import Store

GRACE = 10.0
START = 1_000_000.0
COST = 8_300
Kind = Literal["status", "inbound"]
_numbers = itertools.count(1)


def sent(reference: str = "SM1") -> Verdict:
    return Verdict(Outcome.SENT, final=False, provider_reference=reference, provider_status="queued")


def unknown() -> Verdict:
    return Verdict(Outcome.UNKNOWN, final=False, detail="the connection broke")


def rejected(outcome: Outcome = Outcome.FAILED, *, retryable: bool = False) -> Verdict:
    return Verdict(outcome, final=True, retryable=retryable, suppress=outcome is Outcome.OPTED_OUT, detail="refused")


ROW = CheckedRow(row=1, address=None, variables={"name": "Ann"}, text=None, time_zone=None, segments=1)


def row(number: int, address: str, **facts: object) -> CheckedRow:
    return replace(ROW, row=number, address=address, **facts)  # type: ignore[arg-type]  # fields by name


@dataclass
class Scene:
    """One tenant's only campaign."""

    store: Store
    tenant: str
    ref: CampaignRef
    page: LedgerPage
    inbox: Inbox
    now: float = START
    chunks: int = 0
    rows_read: int = 0
    _files: list[int] = field(default_factory=list)

    @property
    def key(self) -> int:
        return self.ref.key

    def after(self, seconds: float) -> float:
        self.now += seconds
        return self.now

    def address(self, position: int) -> str:
        return f"+1{self.key % 1000:03}{position:07}"

    def import_rows(self, rows: Sequence[CheckedRow]) -> None:
        if not self._files:
            self._files.append(self.new_file())
        self.store.importing.add(self.key, self._files[-1], rows, self.rows_read, self.now)
        self.rows_read += len(rows)

    def new_file(self) -> int:
        facts = {"campaign_key": self.key, "name": "people.csv", "size": 1, "sha256": "", "rows_read": 0}
        self.rows_read = 0
        with self.store.database.write() as connection:
            made = insert(audience_files).values(facts).returning(audience_files.c.id)
            return int(connection.execute(made).scalar_one())

    def import_people(self, n: int) -> None:
        begin = self.total() + 1
        self.import_rows([row(begin + i, self.address(begin + i)) for i in range(n)])

    def open(self, status: CampaignStatus = CampaignStatus.RUNNING) -> None:
        self.store.campaigns.set_status(self.key, status, "", self.now, open_=True)

    def close(self, status: CampaignStatus = CampaignStatus.PAUSED) -> None:
        self.store.campaigns.set_status(self.key, status, "", self.now, open_=False)

    def open_chunk(self, number: int | None = None, attempt: int = 1, ordered_at: float = START) -> OpenChunk:
        if number is None:
            self.chunks += 1
            number = self.chunks
        return self.store.claims.open_chunk(self.key, number, Execution(ordered_at, attempt, "w"), self.now)

    def claim(self, opened: OpenChunk, limit: int, number: int | None = None) -> list[ClaimedTarget]:
        return self.store.claims.claim(self.key, number or self.chunks, opened.fence, limit, self.now)

    def close_chunk(self, opened: OpenChunk, number: int | None = None) -> int:
        return self.store.claims.close_chunk(self.key, number or self.chunks, opened.fence, self.now)

    def post(self, *entries: Entry) -> list[Answer]:
        return self.page.commit(entries, self.now)

    def intend(self, target: ClaimedTarget, opened: OpenChunk, cost: int = COST) -> Answer:
        return self.post(Intend(target.key, opened.fence, cost))[0]

    def contact(self, opened: OpenChunk, number: int | None = None) -> AttemptId:
        """Claim the next target and intend to contact it."""
        answer = self.intend(self.claim(opened, 1, number)[0], opened)
        assert isinstance(answer, Granted), answer
        return answer.attempt

    def record(self, attempt: AttemptId, verdict: Verdict) -> None:
        self.post(Record(attempt, verdict))

    def receive(self, attempt: AttemptId | str, status: str, *, code: int | None = None, sid: str = "SM1") -> str:
        """Let a status receipt come in; returns what it came to."""
        form = {"MessageSid": sid, "MessageStatus": status} | ({} if code is None else {"ErrorCode": str(code)})
        return self._deliver("status", form, str(attempt))

    def hear(self, address: str, body: str, sid: str) -> str:
        """Let a person's text come in; returns what it came to."""
        return self._deliver("inbound", self.text(address, body, sid), None)

    def text(self, address: str, body: str, sid: str) -> dict[str, str]:
        """The form of a person's text; its reference is unique to this scene."""
        return {"MessageSid": f"{sid}-{self.tenant}", "From": address, "To": "+14155550100", "Body": body}

    def keep(self, kind: Kind, form: dict[str, str], attempt: str | None) -> None:
        self.inbox.keep([RawReceipt("twilio", "main", kind, urlencode(form), attempt, self.now)], self.now)

    def _deliver(self, kind: Kind, form: dict[str, str], attempt: str | None) -> str:
        self.keep(kind, form, attempt)
        (result,) = self.inbox.apply(self.now)
        return result

    def target(self, position: int) -> Row[Any]:
        found = self.store.targets.get(self.key, position)
        assert found is not None
        return found

    def attempt(self, attempt: AttemptId) -> Row[Any]:
        return self.store.targets.attempts_of(self.key, attempt.position)[attempt.number - 1]

    def target_key(self, position: int) -> TargetKey:
        return TargetKey(self.key, position)

    def state(self, position: int) -> tuple[str, str | None]:
        found = self.target(position)
        return found.state, found.outcome

    def books(self) -> Books:
        """The books, after making sure that they say what a count of the targets says, and that the money adds up."""
        audit = self.store.targets.audit(self.key)
        assert audit.balanced, audit
        assert self.spent() == self.charged()
        return audit.booked

    def total(self) -> int:
        return self.store.campaigns.get(self.key).total

    def spent(self) -> int:
        with self.store.database.read() as connection:
            return int(connection.execute(select(campaigns.c.spent).where(campaigns.c.key == self.key)).scalar_one())

    def charged(self) -> int:
        """What the attempts cost, counted one by one."""
        billed = attempts.c.outcome.is_distinct_from(Outcome.NOT_SENT)
        query = select(func.coalesce(func.sum(attempts.c.cost), 0)).where(attempts.c.campaign_key == self.key, billed)
        with self.store.database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def events(self, position: int | None = None) -> list[str]:
        found = self.store.events
        lines = found.of_campaign(self.key) if position is None else found.of_target(self.key, position)
        return [line.kind for line in lines]


def spec_of(**spec: object) -> CampaignSpec:
    """Return a small campaign; ``spec`` as in a campaign file."""
    file = {
        "name": "Test",
        "channel": "sms",
        "audience": {"file": "people.csv", "address": "phone"},
        "message": "Hello {{ name }}",
        "limits": {"concurrency": 50, "per_second": 1000},
        "retry": {"attempts": 3, "delay": 60},
    }
    return parse_spec(file | spec)


def new_scene(store: Store, people: int = 0, *, account_spacing: float = 0.0, **spec: object) -> Scene:
    """Make a tenant with a running campaign over some people; ``spec`` as in a campaign file."""
    tenant = f"tenant-{next(_numbers)}"
    ref = store.campaigns.create(tenant, "c1", spec_of(**spec), START)
    page = LedgerPage(store.database, {("main", channel): account_spacing for channel in ("sms", "call")}, GRACE)
    inbox = Inbox(store.database, tenant, {"twilio": TwilioReceipts("")}, GRACE)
    scene = Scene(store, tenant, ref, page, inbox)
    scene.open()
    if people:
        scene.import_people(people)
    return scene
