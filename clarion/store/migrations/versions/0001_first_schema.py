"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "attempts",
        sa.Column("campaign_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("intended_at", sa.Double(), nullable=False),
        sa.Column("slot_at", sa.Double(), nullable=False, comment="when the pace allowed it"),
        sa.Column("cost", sa.BigInteger(), nullable=False, comment="millionths; not charged after an unbilled outcome"),
        sa.Column("outcome", sa.String(length=24), nullable=True, comment="null while the contact is under way"),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("provider_reference", sa.String(length=64), nullable=True),
        sa.Column("provider_status", sa.String(length=32), nullable=True),
        sa.Column("provider_rank", sa.SmallInteger(), nullable=False),
        sa.Column("provider_code", sa.String(length=16), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("receipt_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("campaign_key", "position", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "attempts_under_way",
        "attempts",
        ["campaign_key", "position"],
        unique=False,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_table(
        "books",
        sa.Column("campaign_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False, comment="empty: none yet"),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_key", "state", "outcome"),
    )
    op.create_table(
        "campaigns",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("campaign_id", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "ordered_at", sa.Double(), nullable=False, comment="when the status was ordered, by Temporal's clock"
        ),
        sa.Column("open", sa.Boolean(), nullable=False, comment="whether new contacts may start"),
        sa.Column("halt", sa.Text(), nullable=False, comment="why the data plane closed it by itself"),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("lanes", sa.Integer(), nullable=False),
        sa.Column("spacing", sa.Double(), nullable=False, comment="seconds between two contacts of this campaign"),
        sa.Column("budget", sa.BigInteger(), nullable=True, comment="millionths; null is unlimited"),
        sa.Column("spent", sa.BigInteger(), nullable=False, comment="millionths"),
        sa.Column(
            "total", sa.BigInteger(), nullable=False, comment="rows the audience holds, counted apart from books"
        ),
        sa.Column("fences", sa.BigInteger(), nullable=False, comment="last fence handed to a chunk"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sa.UniqueConstraint("tenant", "campaign_id"),
    )
    op.create_table(
        "chunks",
        sa.Column("campaign_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column(
            "ordered_at", sa.Double(), nullable=False, comment="by Temporal's clock; tells chunks of one number apart"
        ),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="Temporal's attempt that opened it last"),
        sa.Column("worker", sa.String(length=120), nullable=False),
        sa.Column("taken", sa.Integer(), nullable=False, comment="targets claimed so far, over all its attempts"),
        sa.Column("opened_at", sa.Double(), nullable=False),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("campaign_key", "number"),
    )
    op.create_table(
        "conversations",
        sa.Column("provider_reference", sa.String(length=64), nullable=False),
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=32), nullable=False),
        sa.Column(
            "campaign_key",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            nullable=True,
            comment="the campaign that wrote to this address last",
        ),
        sa.Column("position", sa.BigInteger(), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("provider_reference"),
    )
    op.create_index("conversations_of_campaign", "conversations", ["campaign_key", "received_at"], unique=False)
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("campaign_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=True, comment="null: about the whole campaign"),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("events_in_order", "events", ["campaign_key", "id"], unique=False)
    op.create_index("events_of_campaign", "events", ["campaign_key", "position", "id"], unique=False)
    op.create_table(
        "pace",
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("next_free", sa.Double(), nullable=False),
        sa.Column("strikes", sa.Integer(), nullable=False, comment="failures of the channel in a row"),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "receipts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("attempt", sa.String(length=64), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False, comment="as received"),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("applied_at", sa.Double(), nullable=True),
        sa.Column("result", sa.String(length=24), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "receipts_unapplied",
        "receipts",
        ["id"],
        unique=False,
        sqlite_where=sa.text("applied_at IS NULL"),
        postgresql_where=sa.text("applied_at IS NULL"),
    )
    op.create_table(
        "suppressions",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=32), nullable=False),
        sa.Column("source", sa.String(length=24), nullable=False, comment="stop, provider or person"),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False, comment="when the person said so, as far as we know"),
        sa.PrimaryKeyConstraint("tenant", "address"),
    )
    op.create_table(
        "ticks",
        sa.Column("campaign_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False, comment="start of a span of TICK_SECONDS"),
        sa.Column("contacted", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("campaign_key", "at"),
    )
    op.create_table(
        "audience_files",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("campaign_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("rows_read", sa.BigInteger(), nullable=False),
        sa.Column("imported_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_key"],
            ["campaigns.key"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "targets",
        sa.Column("campaign_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="order in the campaign, from 1"),
        sa.Column("row", sa.BigInteger(), nullable=False, comment="row in its file, as a spreadsheet shows it"),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.String(length=32), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column(
            "outcome",
            sa.String(length=24),
            nullable=True,
            comment="of its last attempt; for a skipped target the reason",
        ),
        sa.Column("reason", sa.String(length=24), nullable=True, comment="what a waiting target waits for"),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("due_at", sa.Double(), nullable=False),
        sa.Column("variables", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=True, comment="the row's own message, taken literally"),
        sa.Column("time_zone", sa.String(length=40), nullable=True),
        sa.Column("segments", sa.SmallInteger(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False, comment="attempts that count against the retry rules"),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="number of the last attempt"),
        sa.Column("chunk", sa.BigInteger(), nullable=True, comment="the chunk that has claimed it, if any"),
        sa.Column("fence", sa.BigInteger(), nullable=True, comment="that claim's fence"),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["campaign_key"],
            ["campaigns.key"],
        ),
        sa.PrimaryKeyConstraint("campaign_key", "position"),
        sqlite_with_rowid=False,
    )
    op.create_index("targets_by_address", "targets", ["address", "campaign_key"], unique=False)
    op.create_index(
        "targets_claimed",
        "targets",
        ["campaign_key", "chunk"],
        unique=False,
        sqlite_where=sa.text("chunk IS NOT NULL"),
        postgresql_where=sa.text("chunk IS NOT NULL"),
    )
    op.create_index(
        "targets_due",
        "targets",
        ["campaign_key", "state", "due_at", "position"],
        unique=False,
        sqlite_where=sa.text("chunk IS NULL"),
        postgresql_where=sa.text("chunk IS NULL"),
    )
    op.create_table(
        "audience_parts",
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["audience_files.id"],
        ),
        sa.PrimaryKeyConstraint("file_id", "number"),
    )


def downgrade() -> None:
    """Drop the tables, children first."""
    for table in (
        "audience_parts",
        "targets",
        "audience_files",
        "ticks",
        "suppressions",
        "receipts",
        "pace",
        "events",
        "conversations",
        "chunks",
        "campaigns",
        "books",
        "attempts",
    ):
        op.drop_table(table)
