"""Durable work: operations on versions, the jobs that do them, documents and the templates that they are made of."""

from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0009"
down_revision = "0008"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_OF_ITEM = ("template_package_id", 255), ("operation_id", 36), ("operation_state", 32)
_OF_SESSION = ("error", "operation_id", "answers", "state")
_ENDS = {"closeWorkItem": "Saved", "completeWorkItem": "Completed"}
_BEFORE = "One row an opening of an item; ended_version is set by what closed it."
_NOW = "One row a version that was opened; ended_version is set by what closed it, answers are not saved yet."


def upgrade() -> None:
    """Make the tables; what sessions ended with is read from the history."""
    for name, length in _OF_ITEM:
        op.add_column("work_item", sa.Column(name, sa.String(length)))
    with _sessions() as batch:
        batch.add_column(sa.Column("state", sa.String(32), nullable=False, server_default="In Progress"))
        batch.add_column(sa.Column("answers", sa.Text()))
        batch.add_column(sa.Column("operation_id", sa.String(36)))
        batch.add_column(sa.Column("error", sa.Text()))
        batch.drop_constraint(op.f("pk_version_session"), type_="primary")
        batch.create_primary_key(op.f("pk_version_session"), ["guid", "tenancy_id"])
    _comment_on_sessions(_NOW)
    _say_how_sessions_ended()
    _create(
        "version_operation",
        ["id"],
        *_operation_columns(),
        of=("work_item", "entity"),
        comment="One row a SaveAndClose or Complete that was accepted; the secret is sealed, and goes at its end.",
    )
    _create_jobs()
    _create_documents()
    _create(
        "idempotent_request",
        ["entity_id", "key"],
        *_request_columns(),
        of=("entity",),
        comment="What a request with an Idempotency-Key was answered, or until when it may still be at work.",
    )
    op.create_index("ix_idempotent_request_at", "idempotent_request", ["at"])
    # Code that does not know of operations would write items that one is at work on.
    op.execute("UPDATE schema_level SET oldest_code = 9")


def downgrade() -> None:
    """Take it all back, unless something is still to be done."""
    if op.get_bind().execute(sa.text("SELECT count(*) FROM job")).scalar_one():
        raise RuntimeError("there is work in the background, which older code would never finish")
    op.drop_index("ix_idempotent_request_at", "idempotent_request")
    op.drop_table("idempotent_request")
    op.drop_table("template")
    op.drop_table("document")
    op.drop_index("ix_job_kind_run_at", "job")
    op.drop_table("job")
    op.drop_table("version_operation")
    with _sessions() as batch:
        batch.drop_constraint(op.f("pk_version_session"), type_="primary")
        batch.create_primary_key(op.f("pk_version_session"), ["guid"])
        for name in _OF_SESSION:
            batch.drop_column(name)
    _comment_on_sessions(_BEFORE)
    for name, _ in reversed(_OF_ITEM):
        op.drop_column("work_item", name)
    op.execute("UPDATE schema_level SET oldest_code = 8")


def _sessions() -> AbstractContextManager[BatchOperations]:
    """Change the sessions: on SQLite, where little of a table can be changed in place, by a new one."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    return op.batch_alter_table("version_session", recreate="always" if is_sqlite else "auto")


def _comment_on_sessions(comment: str) -> None:
    if op.get_bind().dialect.name != "sqlite":  # which has no comments
        op.create_table_comment("version_session", comment)


def _say_how_sessions_ended() -> None:
    for action, state in _ENDS.items():
        op.execute(
            sa.text(
                "UPDATE version_session SET state = :state WHERE ended_version IS NOT NULL AND EXISTS (SELECT 1 FROM"
                " history WHERE history.work_item_id = version_session.work_item_id"
                " AND history.version = version_session.ended_version AND history.action = :action)"
            ).bindparams(state=state, action=action)
        )
    op.execute(
        "UPDATE version_session SET state = 'Abandoned' WHERE ended_version IS NOT NULL AND state = 'In Progress'"
    )


def _create(name: str, key: list[str], *columns: sa.Column[Any], of: tuple[str, ...], comment: str) -> None:
    """Make a table with rows of tenancies, which refer to other tables by ids."""
    references = [
        sa.ForeignKeyConstraint([f"{table}_id"], [f"{table}.id"], name=op.f(f"fk_{name}_{table}_id"))
        for table in (*of, "tenancy")
    ]
    ids = [sa.Column(f"{table}_id", _BIG, nullable=False) for table in (*of, "tenancy")]
    keys = sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{name}"))
    op.create_table(name, *ids, *columns, *references, keys, comment=comment)


def _operation_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("session_guid", sa.String(36), nullable=False),
        sa.Column("accepted_at", sa.BigInteger(), nullable=False),
        sa.Column("accepted_version", sa.BigInteger(), nullable=False),
        sa.Column("run_assembly", sa.Boolean(), nullable=False),
        sa.Column("callback_url", sa.Text()),
        sa.Column("callback_secret", sa.Text()),
        sa.Column("callback_fingerprint", sa.String(128)),
        sa.Column("finished_at", sa.BigInteger()),
        sa.Column("item_version", sa.BigInteger()),
        sa.Column("error", sa.Text()),
    ]


def _create_jobs() -> None:
    op.create_table(
        "job",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("ref", sa.String(64), nullable=False),
        sa.Column("run_at", sa.BigInteger(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_job_tenancy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("kind", "ref", "tenancy_id", name=op.f("uq_job_kind_ref_tenancy_id")),
        sqlite_autoincrement=True,  # a job that is done leaves its id to no other
        comment="What is to be done in the background: run_at is when it is due; while it runs, the end of its lease.",
    )
    op.create_index("ix_job_kind_run_at", "job", ["kind", "run_at"])


def _create_documents() -> None:
    op.create_table(
        "document",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("session_guid", sa.String(36), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("media_type", sa.String(127), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_document_tenancy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint(
            "session_guid", "position", "tenancy_id", name=op.f("uq_document_session_guid_position_tenancy_id")
        ),
        comment="The documents of a version, in their order; digest is the SHA-256 of the content.",
    )
    op.create_table(
        "template",
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("package_id", sa.String(255), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("media_type", sa.String(127), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_template_tenancy_id")),
        sa.PrimaryKeyConstraint("tenancy_id", "package_id", "position", name=op.f("pk_template")),
        comment="The templates of a package, in the order of the documents that they become.",
    )


def _request_columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("running_until", sa.BigInteger()),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", sa.Text()),
        sa.Column("body", sa.LargeBinary()),
    ]
