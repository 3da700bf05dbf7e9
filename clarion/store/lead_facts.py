"""What is known of one lead's question and answer: for whoever asks why it stands where it does."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import and_, select

from clarion.domain.attempt import AttemptId
from clarion.store.call_rows import MILLION
from clarion.store.database import Database
from clarion.store.lead_schema import assessments, batches, leads
from clarion.store.schema import campaigns


@dataclass(frozen=True, slots=True)
class LeadFact:
    """One lead, once it was fetched. Times are in epoch seconds, money is in the account's currency."""

    fetched_at: float
    question_key: str | None
    """Names the question; None where the CRM has no such lead."""
    attempt: str | None
    """The attempt whose answer it has."""
    asked_in: str | None
    """The campaign of that attempt."""
    reused: bool
    model: str | None
    input_tokens: int
    """Of that attempt, wherever it was made; like the next two."""
    output_tokens: int
    cost: float
    batch: int | None
    """Number of the batch it is or was part of."""
    batch_state: str | None
    batch_status: str | None
    """In the provider's words."""
    submitted_at: float | None
    live: bool
    """Whether a batch has left it to be asked at once."""
    written_at: float | None
    write_error: str | None


class LeadFacts:
    """Looks at single leads. Blocking."""

    def __init__(self, database: Database) -> None:
        """Work on ``database``."""
        self._database = database

    def of(self, key: int, position: int) -> LeadFact | None:
        """Return what is known of a lead; None before it was fetched."""
        of_batch = and_(batches.c.campaign_key == leads.c.campaign_key, batches.c.number == leads.c.batch)
        query = (
            select(
                *(leads.c[name] for name in ("fetched_at", "key", "assessment", "reused", "batch", "live")),
                *(leads.c[name] for name in ("written_at", "write_error")),
                *(assessments.c[name] for name in ("model", "input_tokens", "output_tokens", "cost")),
                *(batches.c[name] for name in ("state", "provider_status", "submitted_at")),
            )
            .outerjoin(assessments, assessments.c.attempt == leads.c.assessment)
            .outerjoin(batches, of_batch)
            .where(leads.c.campaign_key == key, leads.c.position == position)
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            asked_in = None
            if row.assessment is not None:
                asker = AttemptId.parse(row.assessment).campaign_key
                named = select(campaigns.c.campaign_id).where(campaigns.c.key == asker)
                asked_in = connection.execute(named).scalar()
        return LeadFact(
            fetched_at=row.fetched_at,
            question_key=row.key,
            attempt=row.assessment,
            asked_in=asked_in,
            reused=bool(row.reused),
            model=row.model,
            input_tokens=row.input_tokens or 0,
            output_tokens=row.output_tokens or 0,
            cost=(row.cost or 0) / MILLION,
            batch=row.batch,
            batch_state=row.state,
            batch_status=row.provider_status,
            submitted_at=row.submitted_at,
            live=bool(row.live),
            written_at=row.written_at,
            write_error=row.write_error,
        )
