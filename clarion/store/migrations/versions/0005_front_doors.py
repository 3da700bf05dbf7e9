"""Make room for front doors: keys, replies, webhooks of ours, templates, and which variant a target has."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")

STATISTICS = (
    ("campaigns", "campaigns_by_origin", "1000 20 1"),
    ("targets", "targets_by_variant", "1000000 100000 30000 10000 5000 1"),
    ("replies", "replies_by_age", "10000 1"),
    ("deliveries", "deliveries_due", "100000 10000 3000 1"),
    ("deliveries", "deliveries_in_order", "100000 10000 1"),
)
"""As in 0002: what SQLite's planner should expect of a table and its index."""


def upgrade() -> None:
    """Add the tables and columns."""
    op.add_column(
        "campaigns",
        sa.Column(
            "template",
            sa.Boolean,
            nullable=False,
            server_default=sa.false(),
            comment="whether it is only there to be cloned",
        ),
    )
    op.add_column("campaigns", sa.Column("origin_key", KEY, comment="the campaign or template it is a clone of"))
    cloned = sa.column("origin_key").is_not(None)
    op.create_index(
        "campaigns_by_origin", "campaigns", ["origin_key", "key"], sqlite_where=cloned, postgresql_where=cloned
    )
    op.add_column("targets", sa.Column("variant", sa.String(40), comment="which of the campaign's variants it gets"))
    varied = sa.column("variant").is_not(None)
    op.create_index(
        "targets_by_variant",
        "targets",
        ["campaign_key", "variant", "state", "outcome"],
        sqlite_where=varied,
        postgresql_where=varied,
    )
    _add_keys()
    _add_hooks()
    if op.get_bind().dialect.name == "sqlite":
        insert = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)")
        for table, index, figures in STATISTICS:
            op.get_bind().execute(insert, {"tbl": table, "idx": index, "stat": figures})


def _add_keys() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(16), primary_key=True, comment="the public part of the key"),
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("rights", sa.String(12), nullable=False),
        sa.Column(
            "hash", sa.String(64), nullable=False, comment="SHA-256 of the secret part, which is 32 random bytes"
        ),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("expires_at", sa.Double),
        sa.Column("revoked_at", sa.Double),
        sa.Column("used_at", sa.Double, comment="to the minute"),
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.String(128), nullable=False, comment="made by the first process that needs it"),
        sa.Column("created_at", sa.Double, nullable=False),
    )
    op.create_table(
        "replies",
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("key", sa.String(255), nullable=False, comment="the Idempotency-Key of a request"),
        sa.Column("fingerprint", sa.String(64), nullable=False, comment="SHA-256 of what was asked"),
        sa.Column("status", sa.Integer, comment="null while the request is worked on"),
        sa.Column("body", sa.Text),
        sa.Column("at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key"),
    )
    op.create_index("replies_by_age", "replies", ["at"])


def _add_hooks() -> None:
    op.create_table(
        "hooks",
        sa.Column("key", KEY, primary_key=True, autoincrement=True),
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("hook_id", sa.String(64), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column(
            "secret", sa.String(128), nullable=False, comment="signs what is sent; shown once, to whoever made the hook"
        ),
        sa.Column("kinds", sa.Text, nullable=False, comment="which events, as a JSON list"),
        sa.Column("campaign_id", sa.String(100), comment="null: of all campaigns"),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False, comment="why it is not active"),
        sa.Column("cursor", KEY, nullable=False, comment="how far the log has been looked through"),
        sa.Column("strikes", sa.Integer, nullable=False, comment="tries without success in a row"),
        sa.Column("rests_until", sa.Double, nullable=False, comment="the receiver asked for patience"),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("looked_at", sa.Double, comment="when somebody looked after it last, to the minute"),
        sa.UniqueConstraint("tenant", "hook_id"),
    )
    op.create_table(
        "deliveries",
        sa.Column("key", KEY, primary_key=True, autoincrement=True),
        sa.Column("hook_key", KEY, sa.ForeignKey("hooks.key"), nullable=False),
        sa.Column("message_id", sa.String(40), nullable=False, comment="what the receiver tells repetitions by"),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("payload", sa.Text, nullable=False, comment="what is sent, as JSON"),
        sa.Column("state", sa.String(12), nullable=False, comment="waiting, delivered or dead"),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("due_at", sa.Double, nullable=False),
        sa.Column("status", sa.Integer, comment="the last answer's"),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double),
        sa.UniqueConstraint("hook_key", "message_id"),
    )
    op.create_index("deliveries_due", "deliveries", ["hook_key", "state", "due_at"])
    op.create_index("deliveries_in_order", "deliveries", ["hook_key", "key"])


def downgrade() -> None:
    """Take it all away again."""
    if op.get_bind().dialect.name == "sqlite":
        for _, index, _ in STATISTICS:
            op.get_bind().execute(sa.text("DELETE FROM sqlite_stat1 WHERE idx = :idx"), {"idx": index})
    for name in ("deliveries", "hooks", "replies", "secrets", "api_keys"):
        op.drop_table(name)
    op.drop_index("targets_by_variant", "targets")
    op.drop_column("targets", "variant")
    op.drop_index("campaigns_by_origin", "campaigns")
    op.drop_column("campaigns", "origin_key")
    op.drop_column("campaigns", "template")
