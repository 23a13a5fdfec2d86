"""The tables about versions of work items and the work in the background; the rest stand in tables.py."""

import sqlalchemy as sa

from soapsvc.storage.tables import BigInteger, Moment, id_of, metadata, tenancy_id

version_operation = sa.Table(
    "version_operation",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    tenancy_id(),
    sa.Column("kind", sa.String(32), nullable=False),
    id_of("work_item", nullable=False),
    sa.Column("session_guid", sa.String(36), nullable=False),
    id_of("entity", nullable=False),
    sa.Column("accepted_at", Moment, nullable=False),
    sa.Column("accepted_version", sa.BigInteger, nullable=False),
    sa.Column("run_assembly", sa.Boolean, nullable=False),
    sa.Column("callback_url", sa.Text),
    sa.Column("callback_secret", sa.Text),
    sa.Column("callback_fingerprint", sa.String(128)),
    sa.Column("finished_at", Moment),
    sa.Column("item_version", sa.BigInteger),
    sa.Column("error", sa.Text),
    comment="One row a SaveAndClose or Complete that was accepted; the secret is sealed, and goes at its end.",
)

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    tenancy_id(),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("ref", sa.String(64), nullable=False),
    sa.Column("run_at", Moment, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.UniqueConstraint("kind", "ref", "tenancy_id"),
    sa.Index("ix_job_kind_run_at", "kind", "run_at"),
    # An id is never given twice: who comes too late must not take another job for his.
    sqlite_autoincrement=True,
    comment="What is to be done in the background: run_at is when it is due; while it runs, the end of its lease.",
)

document = sa.Table(
    "document",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    tenancy_id(),
    sa.Column("session_guid", sa.String(36), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("media_type", sa.String(127), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("session_guid", "position", "tenancy_id"),
    comment="The documents of a version, in their order; digest is the SHA-256 of the content.",
)

template = sa.Table(
    "template",
    metadata,
    tenancy_id(primary_key=True),
    sa.Column("package_id", sa.String(255), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("media_type", sa.String(127), nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    comment="The templates of a package, in the order of the documents that they become.",
)

idempotent_request = sa.Table(
    "idempotent_request",
    metadata,
    id_of("entity", primary_key=True),
    sa.Column("key", sa.String(255), primary_key=True),
    tenancy_id(),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("running_until", Moment),
    sa.Column("status", sa.Integer),
    sa.Column("headers", sa.Text),
    sa.Column("body", sa.LargeBinary),
    sa.Index("ix_idempotent_request_at", "at"),
    comment="What a request with an Idempotency-Key was answered, or until when it may still be at work.",
)

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    tenancy_id(),
    id_of("work_item", nullable=False),
    sa.Column("version_guid", sa.String(36), nullable=False),
    sa.Column("webhook_id", sa.String(64), nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("is_signed", sa.Boolean, nullable=False),
    sa.Column("sealed_secret", sa.Text),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("attempts_before", sa.Integer, nullable=False),
    sa.Column("due_at", Moment),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("ended_at", Moment),
    sa.UniqueConstraint("webhook_id", "tenancy_id"),
    sa.Index("ix_delivery_work_item_id_version_guid", "work_item_id", "version_guid"),
    sa.Index("ix_delivery_ended_at", "ended_at"),
    comment="One event of one operation, on its way to one receiver; the secret goes with the last try.",
)

delivery_attempt = sa.Table(
    "delivery_attempt",
    metadata,
    sa.Column("delivery_id", BigInteger, sa.ForeignKey("delivery.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    tenancy_id(),
    sa.Column("at", Moment, nullable=False),
    sa.Column("milliseconds", sa.Integer, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    comment="What each try came to: triggers refuse every change of its rows; they go with their delivery.",
)
