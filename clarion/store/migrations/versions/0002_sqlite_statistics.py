"""Tell SQLite's planner what campaigns look like.

It plans by the statistics of a file, and a new file has none: it would then read a whole campaign by its key where a
small index knows the answer. PostgreSQL sees for itself how small an index is.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATISTICS = (
    ("targets", "targets", "1000000 100000 1"),
    ("targets", "targets_by_address", "1000000 2 1"),
    ("targets", "targets_due", "900000 90000 20000 20 1"),
    ("targets", "targets_claimed", "200 100 20"),
    ("attempts", "attempts", "1000000 100000 1 1"),
    ("attempts", "attempts_under_way", "50 50 1"),
    ("events", "events_of_campaign", "1000000 100000 3 1"),
    ("events", "events_in_order", "1000000 100000 1"),
)
"""Table, index (the table itself stands for its primary key), and rows: in all, then for each further column."""


def upgrade() -> None:
    """Write the statistics where SQLite keeps its own."""
    if op.get_bind().dialect.name != "sqlite":
        return
    op.execute("ANALYZE")
    op.execute("DELETE FROM sqlite_stat1")
    insert = sa.text("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (:tbl, :idx, :stat)")
    for table, index, figures in STATISTICS:
        op.get_bind().execute(insert, {"tbl": table, "idx": index, "stat": figures})


def downgrade() -> None:
    """Let SQLite plan without statistics."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DELETE FROM sqlite_stat1")
