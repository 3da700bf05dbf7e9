"""The tables of the front doors: who may come in, what was answered, who is told; schema.py says what holds for all."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from clarion.store.schema import ID, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True, comment="the public part of the key"),
    Column("tenant", String(40), nullable=False),
    Column("name", String(100), nullable=False),
    Column("rights", String(12), nullable=False),
    Column("hash", String(64), nullable=False, comment="SHA-256 of the secret part, which is 32 random bytes"),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
    Column("used_at", Double, comment="to the minute"),
)

secrets = Table(
    "secrets",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", String(128), nullable=False, comment="made by the first process that needs it"),
    Column("created_at", Double, nullable=False),
)
"""What all processes of an installation sign with: confirmations, sessions."""

replies = Table(
    "replies",
    metadata,
    Column("tenant", String(40), nullable=False),
    Column("key", String(255), nullable=False, comment="the Idempotency-Key of a request"),
    Column("fingerprint", String(64), nullable=False, comment="SHA-256 of what was asked"),
    Column("status", Integer, comment="null while the request is worked on"),
    Column("body", Text),
    Column("at", Double, nullable=False),
    PrimaryKeyConstraint("tenant", "key"),
)
Index("replies_by_age", replies.c.at)

hooks = Table(
    "hooks",
    metadata,
    Column("key", ID, primary_key=True, autoincrement=True),
    Column("tenant", String(40), nullable=False),
    Column("hook_id", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("secret", String(128), nullable=False, comment="signs what is sent; shown once, to whoever made the hook"),
    Column("kinds", Text, nullable=False, comment="which events, as a JSON list"),
    Column("campaign_id", String(100), comment="null: of all campaigns"),
    Column("active", Boolean, nullable=False, default=True),
    Column("reason", Text, nullable=False, default="", comment="why it is not active"),
    Column("cursor", ID, nullable=False, comment="how far the log has been looked through"),
    Column("strikes", Integer, nullable=False, default=0, comment="tries without success in a row"),
    Column("rests_until", Double, nullable=False, default=0.0, comment="the receiver asked for patience"),
    Column("created_at", Double, nullable=False),
    Column("looked_at", Double, comment="when somebody looked after it last, to the minute"),
    UniqueConstraint("tenant", "hook_id"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("key", ID, primary_key=True, autoincrement=True),
    Column("hook_key", ID, ForeignKey("hooks.key"), nullable=False),
    Column("message_id", String(40), nullable=False, comment="what the receiver tells repetitions by"),
    Column("kind", String(60), nullable=False),
    Column("payload", Text, nullable=False, comment="what is sent, as JSON"),
    Column("state", String(12), nullable=False, comment="waiting, delivered or dead"),
    Column("tries", Integer, nullable=False, default=0),
    Column("due_at", Double, nullable=False),
    Column("status", Integer, comment="the last answer's"),
    Column("error", Text),
    Column("created_at", Double, nullable=False),
    Column("ended_at", Double),
    UniqueConstraint("hook_key", "message_id"),
)
Index("deliveries_due", deliveries.c.hook_key, deliveries.c.state, deliveries.c.due_at)
Index("deliveries_in_order", deliveries.c.hook_key, deliveries.c.key)
