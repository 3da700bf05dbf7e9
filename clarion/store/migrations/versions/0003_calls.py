"""Make room for calls: what is known of each, who hangs up, the breaker's memory, campaigns that feed others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")

STATISTICS = (
    ("targets", "targets_fed", "1000 1000 1"),
    ("attempts", "attempts_placed", "50 50 1"),
    ("calls", "calls", "1000000 100000 1 1"),
    ("calls", "calls_by_reference", "1000000 1"),
)
"""As in 0002: what SQLite's planner should expect of a table and its index."""


def upgrade() -> None:
    """Add columns, the table of calls, and the index of calls under way."""
    op.add_column(
        "campaigns",
        sa.Column(
            "hang_up",
            sa.Boolean,
            nullable=False,
            server_default=sa.false(),
            comment="whether calls under way are to be ended",
        ),
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "recent",
            sa.Text,
            nullable=False,
            server_default="",
            comment="the last calls, for the circuit breaker, as JSON",
        ),
    )
    op.add_column(
        "campaigns", sa.Column("parent_key", KEY, comment="the campaign whose targets come here; its feed says which")
    )
    op.add_column(
        "campaigns",
        sa.Column(
            "fed",
            KEY,
            nullable=False,
            server_default="0",
            comment="how far the parent's log has been looked through for them",
        ),
    )
    op.add_column(
        "targets",
        sa.Column("parent_position", sa.BigInteger, comment="in the parent campaign, where it comes from one"),
    )
    op.create_index(
        "targets_fed",
        "targets",
        ["campaign_key", "parent_position"],
        unique=True,
        sqlite_where=sa.text("parent_position IS NOT NULL"),
        postgresql_where=sa.text("parent_position IS NOT NULL"),
    )
    # What was refused has cost nothing; so far that followed from its outcome alone.
    op.execute(
        "UPDATE attempts SET cost = 0"
        " WHERE cost != 0 AND outcome IN ('failed', 'invalid_number', 'rejected_content', 'opted_out')"
    )
    op.add_column(
        "pace",
        sa.Column(
            "spacing", sa.Double, comment="seconds between contacts, where somebody has changed the account's settings"
        ),
    )
    op.create_index(
        "attempts_placed",
        "attempts",
        ["campaign_key", "position"],
        sqlite_where=sa.text("outcome = 'placed'"),
        postgresql_where=sa.text("outcome = 'placed'"),
    )
    op.create_table(
        "calls",
        sa.Column("campaign_key", KEY, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("stage", sa.String(12), nullable=False),
        sa.Column("placed_at", sa.Double, comment="when we were first told so, like the next two"),
        sa.Column("answered_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("answered_by", sa.String(12)),
        sa.Column("duration", sa.Double, comment="seconds from the answer to the end"),
        sa.Column("cost", sa.BigInteger, comment="millionths; null until the provider says so"),
        sa.Column("provider_reference", sa.String(64), comment="of its attempt, to find that by"),
        sa.Column("disconnection_reason", sa.String(64), comment="in the provider's words"),
        sa.Column("recording_url", sa.Text),
        sa.Column("summary", sa.Text),
        sa.Column("transcript", sa.Text, comment="turn by turn, as JSON"),
        sa.Column("analysis", sa.Text, comment="the provider's assessment by field, as JSON"),
        sa.PrimaryKeyConstraint("campaign_key", "position", "number"),
        sqlite_with_rowid=False,
    )
    op.create_index("calls_by_reference", "calls", ["provider_reference"])
    if op.get_bind().dialect.name == "sqlite":
        insert = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)")
        for table, index, figures in STATISTICS:
            op.get_bind().execute(insert, {"tbl": table, "idx": index, "stat": figures})


def downgrade() -> None:
    """Take it all away again."""
    if op.get_bind().dialect.name == "sqlite":
        for _, index, _ in STATISTICS:
            op.get_bind().execute(sa.text("DELETE FROM sqlite_stat1 WHERE idx = :idx"), {"idx": index})
    op.drop_table("calls")
    op.drop_index("attempts_placed", "attempts")
    op.drop_index("targets_fed", "targets")
    op.drop_column("pace", "spacing")
    op.drop_column("targets", "parent_position")
    for name in ("fed", "parent_key", "recent", "hang_up"):
        op.drop_column("campaigns", name)
