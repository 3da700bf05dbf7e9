"""Make room for leads: what is known of each, what was answered, batches of questions, and how long it all took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
UNWRITTEN = "assessment IS NOT NULL AND written_at IS NULL AND write_error IS NULL"

STATISTICS = (
    ("leads", "sqlite_autoindex_leads_1", "1000000 50000 1"),
    ("leads", "leads_unwritten", "1000000 50000 1"),
    ("leads", "leads_by_batch", "1000000 50000 10000 1"),
    ("assessments", "sqlite_autoindex_assessments_1", "1000000 1"),
    ("assessments", "assessments_by_key", "1000000 500000 2 1"),
    ("assessments", "assessments_of_campaign", "1000000 50000"),
)
"""As in 0002: what SQLite's planner should expect of a table and its index."""


def upgrade() -> None:
    """Add the tables."""
    _add_leads()
    _add_assessments()
    _add_batches()
    _add_figures()
    if op.get_bind().dialect.name == "sqlite":
        insert = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)")
        for table, index, figures in STATISTICS:
            op.get_bind().execute(insert, {"tbl": table, "idx": index, "stat": figures})


def _add_leads() -> None:
    op.create_table(
        "leads",
        sa.Column("campaign_key", KEY, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("fields", sa.Text, comment="as the CRM had them, as JSON; null where it has no such lead"),
        sa.Column(
            "key", sa.String(64), comment="names the question asked about it; the same question has the same answer"
        ),
        sa.Column("fetched_at", sa.Double, nullable=False),
        sa.Column(
            "assessment", sa.String(64), comment="the attempt whose answer it has, which may be of another campaign"
        ),
        sa.Column("reused", sa.Boolean, nullable=False, comment="whether the answer is an older one"),
        sa.Column("batch", sa.BigInteger, comment="number of the batch it is or was part of"),
        sa.Column("live", sa.Boolean, nullable=False, comment="whether a batch has left it to be asked at once"),
        sa.Column("written_at", sa.Double, comment="when its answers were written back to the CRM"),
        sa.Column("write_error", sa.Text, comment="why they could not be"),
        sa.PrimaryKeyConstraint("campaign_key", "position"),
    )
    of_batch, unwritten = sa.text("batch IS NOT NULL"), sa.text(UNWRITTEN)
    op.create_index(
        "leads_unwritten",
        "leads",
        ["campaign_key", "position"],
        sqlite_where=unwritten,
        postgresql_where=unwritten,
    )
    op.create_index(
        "leads_by_batch",
        "leads",
        ["campaign_key", "batch", "position"],
        sqlite_where=of_batch,
        postgresql_where=of_batch,
    )


def _add_assessments() -> None:
    op.create_table(
        "assessments",
        sa.Column("attempt", sa.String(64), primary_key=True, comment="the attempt that asked, as text"),
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("campaign_key", KEY, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("model", sa.String(100), nullable=False),
        sa.Column("outcome", sa.String(24), nullable=False),
        sa.Column("answer", sa.Text, comment="by field, as JSON; null when there is none that can be used"),
        sa.Column("input_tokens", sa.BigInteger, nullable=False),
        sa.Column("output_tokens", sa.BigInteger, nullable=False),
        sa.Column("cost", sa.BigInteger, nullable=False, comment="millionths"),
        sa.Column("batch", sa.Boolean, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("assessments_by_key", "assessments", ["tenant", "key", "at"])
    op.create_index("assessments_of_campaign", "assessments", ["campaign_key"])


def _add_batches() -> None:
    op.create_table(
        "batches",
        sa.Column("campaign_key", KEY, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(12), nullable=False, comment="filled, submitted or ended"),
        sa.Column("leads", sa.Integer, nullable=False),
        sa.Column("file", sa.String(100), comment="the provider's id of the file of questions"),
        sa.Column("provider_reference", sa.String(100)),
        sa.Column("provider_status", sa.String(32)),
        sa.Column("filled_at", sa.Double, nullable=False),
        sa.Column("submitted_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("detail", sa.Text),
        sa.PrimaryKeyConstraint("campaign_key", "number"),
    )


def _add_figures() -> None:
    op.create_table(
        "phases",
        sa.Column("campaign_key", KEY, nullable=False),
        sa.Column("phase", sa.String(12), nullable=False, comment="checked, fetched, assessed or written"),
        sa.Column("chunks", sa.BigInteger, nullable=False),
        sa.Column("failed_chunks", sa.BigInteger, nullable=False, comment="tries at chunks that had to be made again"),
        sa.Column("leads", sa.BigInteger, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False, comment="of all chunks together"),
        sa.Column("started_at", sa.Double, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("campaign_key", "phase"),
    )
    op.create_table(
        "lead_counts",
        sa.Column("campaign_key", KEY, nullable=False),
        sa.Column(
            "what", sa.String(16), nullable=False, comment="leads fetched, reused, written and not written, and tokens"
        ),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("campaign_key", "what"),
    )


def downgrade() -> None:
    """Take it all away again."""
    if op.get_bind().dialect.name == "sqlite":
        for _, index, _ in STATISTICS:
            op.get_bind().execute(sa.text("DELETE FROM sqlite_stat1 WHERE idx = :idx"), {"idx": index})
    for name in ("lead_counts", "phases", "batches", "assessments", "leads"):
        op.drop_table(name)
