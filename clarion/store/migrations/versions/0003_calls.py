"""Make room for calls: what is known of each, who hangs up, the breaker's memory, campaigns that feed others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


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
        "targets",
        sa.Column("parent_position", sa.BigInteger, comment="in the parent campaign, where it comes from one"),
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
        sa.Column("disconnection_reason", sa.String(64), comment="in the provider's words"),
        sa.Column("recording_url", sa.Text),
        sa.Column("summary", sa.Text),
        sa.Column("transcript", sa.Text, comment="turn by turn, as JSON"),
        sa.Column("analysis", sa.Text, comment="the provider's assessment by field, as JSON"),
        sa.PrimaryKeyConstraint("campaign_key", "position", "number"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take it all away again."""
    op.drop_table("calls")
    op.drop_index("attempts_placed", "attempts")
    op.drop_column("pace", "spacing")
    op.drop_column("targets", "parent_position")
    for name in ("parent_key", "recent", "hang_up"):
        op.drop_column("campaigns", name)
