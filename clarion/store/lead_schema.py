"""The tables of analyses of leads; what holds for all tables stands in schema.py."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    and_,
)

from clarion.store.schema import ID, metadata

leads = Table(
    "leads",
    metadata,
    Column("campaign_key", ID, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("fields", Text, comment="as the CRM had them, as JSON; null where it has no such lead"),
    Column("key", String(64), comment="names the question asked about it; the same question has the same answer"),
    Column("fetched_at", Double, nullable=False),
    Column("assessment", String(64), comment="the attempt whose answer it has, which may be of another campaign"),
    Column("reused", Boolean, nullable=False, default=False, comment="whether the answer is an older one"),
    Column("batch", BigInteger, comment="number of the batch it is or was part of"),
    Column("live", Boolean, nullable=False, default=False, comment="whether a batch has left it to be asked at once"),
    Column("written_at", Double, comment="when its answers were written back to the CRM"),
    Column("write_error", Text, comment="why they could not be"),
    PrimaryKeyConstraint("campaign_key", "position"),
)
"""What is known of a lead beyond its target; there is none before it was fetched.

With a rowid on SQLite: its rows are long, and a table without keeps whole rows in the nodes of its tree.
"""

unwritten = and_(leads.c.assessment.is_not(None), leads.c.written_at.is_(None), leads.c.write_error.is_(None))
"""Of leads, those whose answers have not been written back, nor refused by the CRM."""
Index("leads_unwritten", leads.c.campaign_key, leads.c.position, sqlite_where=unwritten, postgresql_where=unwritten)
Index(
    "leads_by_batch",
    leads.c.campaign_key,
    leads.c.batch,
    leads.c.position,
    sqlite_where=leads.c.batch.is_not(None),
    postgresql_where=leads.c.batch.is_not(None),
)

assessments = Table(
    "assessments",
    metadata,
    Column("attempt", String(64), primary_key=True, comment="the attempt that asked, as text"),
    Column("tenant", String(40), nullable=False),
    Column("campaign_key", ID, nullable=False),
    Column("key", String(64), nullable=False),
    Column("model", String(100), nullable=False),
    Column("outcome", String(24), nullable=False),
    Column("answer", Text, comment="by field, as JSON; null when there is none that can be used"),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost", BigInteger, nullable=False, comment="millionths"),
    Column("batch", Boolean, nullable=False),
    Column("at", Double, nullable=False),
)
"""Every answer that was paid for."""
Index(
    "assessments_by_key",
    assessments.c.tenant,
    assessments.c.key,
    assessments.c.at,
)
Index("assessments_of_campaign", assessments.c.campaign_key)

batches = Table(
    "batches",
    metadata,
    Column("campaign_key", ID, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("state", String(12), nullable=False, comment="filled, submitted or ended"),
    Column("leads", Integer, nullable=False),
    Column("file", String(100), comment="the provider's id of the file of questions"),
    Column("provider_reference", String(100)),
    Column("provider_status", String(32)),
    Column("filled_at", Double, nullable=False),
    Column("submitted_at", Double),
    Column("ended_at", Double),
    Column("detail", Text),
    PrimaryKeyConstraint("campaign_key", "number"),
)
"""Files of questions that are answered within a day at half the price."""

phases = Table(
    "phases",
    metadata,
    Column("campaign_key", ID, nullable=False),
    Column("phase", String(12), nullable=False, comment="checked, fetched, assessed or written"),
    Column("chunks", BigInteger, nullable=False),
    Column("failed_chunks", BigInteger, nullable=False, comment="tries at chunks that had to be made again"),
    Column("leads", BigInteger, nullable=False),
    Column("seconds", Double, nullable=False, comment="of all chunks together"),
    Column("started_at", Double, nullable=False),
    Column("ended_at", Double, nullable=False),
    PrimaryKeyConstraint("campaign_key", "phase"),
)
"""How long each part of an analysis took."""

lead_counts = Table(
    "lead_counts",
    metadata,
    Column("campaign_key", ID, nullable=False),
    Column("what", String(16), nullable=False, comment="leads fetched, reused, written and not written, and tokens"),
    Column("n", BigInteger, nullable=False),
    PrimaryKeyConstraint("campaign_key", "what"),
)
"""What an analysis has come to, where the books do not say it; counted as it happens."""
