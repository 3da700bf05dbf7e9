"""The tables. Times are epoch seconds, money is in millionths, JSON is text; the same on SQLite and PostgreSQL.

Lock order, so that writers never wait for each other in a ring: campaigns, then pace, then everything else.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    case,
    literal_column,
)

from clarion.domain.target import Outcome

metadata = MetaData()

ID = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts up by itself only for a primary key of exactly this type."""

campaigns = Table(
    "campaigns",
    metadata,
    Column("key", ID, primary_key=True, autoincrement=True),
    Column("tenant", String(40), nullable=False),
    Column("campaign_id", String(100), nullable=False),
    Column("name", String(200), nullable=False),
    Column("channel", String(20), nullable=False),
    Column("account", String(100), nullable=False),
    Column("status", String(20), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column(
        "ordered_at", Double, nullable=False, default=0.0, comment="when the status was ordered, by Temporal's clock"
    ),
    Column("open", Boolean, nullable=False, default=False, comment="whether new contacts may start"),
    Column("halt", Text, nullable=False, default="", comment="why the data plane closed it by itself"),
    Column("spec", Text, nullable=False),
    Column("lanes", Integer, nullable=False),
    Column("spacing", Double, nullable=False, default=0.0, comment="seconds between two contacts of this campaign"),
    Column("budget", BigInteger, comment="millionths; null is unlimited"),
    Column("spent", BigInteger, nullable=False, default=0, comment="millionths"),
    Column("total", BigInteger, nullable=False, default=0, comment="rows the audience holds, counted apart from books"),
    Column("fences", BigInteger, nullable=False, default=0, comment="last fence handed to a chunk"),
    Column("hang_up", Boolean, nullable=False, default=False, comment="whether calls under way are to be ended"),
    Column("recent", Text, nullable=False, default="", comment="the last calls, for the circuit breaker, as JSON"),
    Column("parent_key", ID, comment="the campaign whose targets come here; its feed says which"),
    Column("template", Boolean, nullable=False, default=False, comment="whether it is only there to be cloned"),
    Column("origin_key", ID, comment="the campaign or template it is a clone of"),
    Column("fed", ID, nullable=False, default=0, comment="how far the parent's log has been looked through for them"),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("finished_at", Double),
    Column("updated_at", Double, nullable=False),
    UniqueConstraint("tenant", "campaign_id"),
)
Index(
    "campaigns_by_origin",
    campaigns.c.origin_key,
    campaigns.c.key,
    sqlite_where=campaigns.c.origin_key.is_not(None),
    postgresql_where=campaigns.c.origin_key.is_not(None),
)

targets = Table(
    "targets",
    metadata,
    Column("campaign_key", ID, ForeignKey("campaigns.key"), nullable=False),
    Column("position", BigInteger, nullable=False, comment="order in the campaign, from 1"),
    Column("row", BigInteger, nullable=False, comment="row in its file, as a spreadsheet shows it"),
    Column("file_id", BigInteger, nullable=False),
    Column("address", String(32)),
    Column("state", String(12), nullable=False),
    Column("outcome", String(24), comment="of its last attempt; for a skipped target the reason"),
    Column("reason", String(24), comment="what a waiting target waits for"),
    Column("detail", Text),
    Column("due_at", Double, nullable=False),
    Column("variables", Text),
    Column("text", Text, comment="the row's own message, taken literally"),  # in calls: the row's own script, as JSON
    Column("parent_position", BigInteger, comment="in the parent campaign, where it comes from one"),
    Column("variant", String(40), comment="which of the campaign's variants it gets"),
    Column("time_zone", String(40)),
    Column("segments", SmallInteger, nullable=False, default=0),
    Column("tries", Integer, nullable=False, default=0, comment="attempts that count against the retry rules"),
    Column("attempts", Integer, nullable=False, default=0, comment="number of the last attempt"),
    Column("chunk", BigInteger, comment="the chunk that has claimed it, if any"),
    Column("fence", BigInteger, comment="that claim's fence"),
    Column("updated_at", Double, nullable=False),
    PrimaryKeyConstraint("campaign_key", "position"),
    sqlite_with_rowid=False,
)
Index("targets_by_address", targets.c.address, targets.c.campaign_key)
Index(
    "targets_due",
    targets.c.campaign_key,
    targets.c.state,
    targets.c.due_at,
    targets.c.position,
    sqlite_where=targets.c.chunk.is_(None),
    postgresql_where=targets.c.chunk.is_(None),
)
Index(
    "targets_claimed",
    targets.c.campaign_key,
    targets.c.chunk,
    sqlite_where=targets.c.chunk.is_not(None),
    postgresql_where=targets.c.chunk.is_not(None),
)
Index(
    "targets_by_variant",
    targets.c.campaign_key,
    targets.c.variant,
    targets.c.state,
    targets.c.outcome,
    sqlite_where=targets.c.variant.is_not(None),
    postgresql_where=targets.c.variant.is_not(None),
)
Index(
    "targets_fed",
    targets.c.campaign_key,
    targets.c.parent_position,
    unique=True,
    sqlite_where=targets.c.parent_position.is_not(None),
    postgresql_where=targets.c.parent_position.is_not(None),
)

chunks = Table(
    "chunks",
    metadata,
    Column("campaign_key", ID, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("ordered_at", Double, nullable=False, comment="by Temporal's clock; tells chunks of one number apart"),
    Column("attempt", Integer, nullable=False, comment="Temporal's attempt that opened it last"),
    Column("worker", String(120), nullable=False),
    Column("taken", Integer, nullable=False, default=0, comment="targets claimed so far, over all its attempts"),
    Column("opened_at", Double, nullable=False),
    Column("closed_at", Double),
    PrimaryKeyConstraint("campaign_key", "number"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("campaign_key", ID, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("intended_at", Double, nullable=False),
    Column("slot_at", Double, nullable=False, comment="when the pace allowed it"),
    Column("cost", BigInteger, nullable=False, default=0, comment="millionths; not charged after an unbilled outcome"),
    Column("outcome", String(24), comment="null while the contact is under way"),
    Column("ended_at", Double),
    Column("provider_reference", String(64)),
    Column("provider_status", String(32)),
    Column("provider_rank", SmallInteger, nullable=False, default=-1),
    Column("provider_code", String(16)),
    Column("detail", Text),
    Column("receipt_at", Double),
    PrimaryKeyConstraint("campaign_key", "position", "number"),
    sqlite_with_rowid=False,
)
Index(
    "attempts_under_way",
    attempts.c.campaign_key,
    attempts.c.position,
    sqlite_where=attempts.c.outcome.is_(None),
    postgresql_where=attempts.c.outcome.is_(None),
)

Index(
    "attempts_placed",
    attempts.c.campaign_key,
    attempts.c.position,
    sqlite_where=attempts.c.outcome == Outcome.PLACED.value,
    postgresql_where=attempts.c.outcome == Outcome.PLACED.value,
)

calls = Table(
    "calls",
    metadata,
    Column("campaign_key", ID, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("stage", String(12), nullable=False),
    Column("placed_at", Double, comment="when we were first told so, like the next two"),
    Column("answered_at", Double),
    Column("ended_at", Double),
    Column("answered_by", String(12)),
    Column("duration", Double, comment="seconds from the answer to the end"),
    Column("cost", BigInteger, comment="millionths; null until the provider says so"),
    Column("provider_reference", String(64), comment="of its attempt, to find that by"),
    Column("disconnection_reason", String(64), comment="in the provider's words"),
    Column("recording_url", Text),
    Column("summary", Text),
    Column("transcript", Text, comment="turn by turn, as JSON"),
    Column("analysis", Text, comment="the provider's assessment by field, as JSON"),
    PrimaryKeyConstraint("campaign_key", "position", "number"),
    sqlite_with_rowid=False,
)
"""What is known of a call beyond its attempt."""
Index("calls_by_reference", calls.c.provider_reference)

of_attempt = and_(*(calls.c[name] == attempts.c[name] for name in ("campaign_key", "position", "number")))
"""Joins calls to their attempts."""

placed = attempts.c.outcome == literal_column(f"'{Outcome.PLACED.value}'")
"""Of attempts, the calls that go on. As a literal: SQLite does not see through a parameter which index may be used."""

charged = case((attempts.c.outcome == Outcome.NOT_SENT, 0), else_=attempts.c.cost).label("cost")
"""What an attempt costs, in millionths: one that was not sent keeps its cost, in case it turns out that it was."""

books = Table(
    "books",
    metadata,
    Column("campaign_key", ID, nullable=False),
    Column("state", String(12), nullable=False),
    Column("outcome", String(24), nullable=False, comment="empty: none yet"),
    Column("n", BigInteger, nullable=False),
    PrimaryKeyConstraint("campaign_key", "state", "outcome"),
)

ticks = Table(
    "ticks",
    metadata,
    Column("campaign_key", ID, nullable=False),
    Column("at", BigInteger, nullable=False, comment="start of a span of TICK_SECONDS"),
    Column("contacted", BigInteger, nullable=False),
    PrimaryKeyConstraint("campaign_key", "at"),
)
TICK_SECONDS = 5

pace = Table(
    "pace",
    metadata,
    Column("key", String(160), primary_key=True),
    Column("next_free", Double, nullable=False),
    Column("strikes", Integer, nullable=False, default=0, comment="failures of the channel in a row"),
    Column("spacing", Double, comment="seconds between contacts, where somebody has changed the account's settings"),
)

suppressions = Table(
    "suppressions",
    metadata,
    Column("tenant", String(40), nullable=False),
    Column("address", String(32), nullable=False),
    Column("source", String(24), nullable=False, comment="stop, provider or person"),
    Column("detail", Text, nullable=False, default=""),
    Column("at", Double, nullable=False, comment="when the person said so, as far as we know"),
    PrimaryKeyConstraint("tenant", "address"),
)

events = Table(
    "events",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("campaign_key", ID, nullable=False),
    Column("position", BigInteger, comment="null: about the whole campaign"),
    Column("at", Double, nullable=False),
    Column("kind", String(24), nullable=False),
    Column("detail", Text, nullable=False, default=""),
)
Index("events_of_campaign", events.c.campaign_key, events.c.position, events.c.id)
Index("events_in_order", events.c.campaign_key, events.c.id)

receipts = Table(
    "receipts",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("provider", String(20), nullable=False),
    Column("account", String(100), nullable=False),
    Column("kind", String(12), nullable=False),
    Column("attempt", String(64)),
    Column("payload", Text, nullable=False, comment="as received"),
    Column("received_at", Double, nullable=False),
    Column("applied_at", Double),
    Column("result", String(24)),
)
Index(
    "receipts_unapplied",
    receipts.c.id,
    sqlite_where=receipts.c.applied_at.is_(None),
    postgresql_where=receipts.c.applied_at.is_(None),
)

conversations = Table(
    "conversations",
    metadata,
    Column("provider_reference", String(64), primary_key=True),
    Column("tenant", String(40), nullable=False),
    Column("address", String(32), nullable=False),
    Column("campaign_key", ID, comment="the campaign that wrote to this address last"),
    Column("position", BigInteger),
    Column("body", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("received_at", Double, nullable=False),
)
Index("conversations_of_campaign", conversations.c.campaign_key, conversations.c.received_at)

audience_files = Table(
    "audience_files",
    metadata,
    Column("id", ID, primary_key=True, autoincrement=True),
    Column("campaign_key", ID, ForeignKey("campaigns.key"), nullable=False),
    Column("name", String(255), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("rows_read", BigInteger, nullable=False, default=0),
    Column("imported_at", Double),
)

audience_parts = Table(
    "audience_parts",
    metadata,
    Column("file_id", ID, ForeignKey("audience_files.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("file_id", "number"),
)
