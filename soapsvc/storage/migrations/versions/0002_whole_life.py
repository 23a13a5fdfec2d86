"""The whole life of an item: suspension, piles, work types, a hash chain over history, repeated requests."""

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_HISTORY = sa.table(
    "history",
    *(
        sa.column(name)
        for name in (
            "work_item_id", "version", "action", "actor_id", "at", "state_before", "state_after", "changed", "fields",
            "hash",
        )
    ),
)  # fmt: skip


def upgrade() -> None:
    """Add what the first release did not know, and chain the history that it wrote."""
    for column in (
        sa.Column("state_before_suspension", sa.String(16)),
        sa.Column("data_rescheduled", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("history_hash", sa.String(64), nullable=False, server_default=""),
    ):
        op.add_column("work_item", column)
    op.add_column("history", sa.Column("hash", sa.String(64), nullable=False, server_default=""))
    op.create_table(
        "work_type",
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_type")),
    )
    op.create_table(
        "pile",
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("work_type_id", sa.String(255), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_pile_entity_id")),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_pile")),
        comment="How many items of one work type somebody has completed in a row, asking for the next each time.",
    )
    op.create_table(
        "answered_request",
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_answered_request_entity_id")),
        sa.PrimaryKeyConstraint("entity_id", "request_id", name=op.f("pk_answered_request")),
        comment="What a caller's request with an id of its own was answered, to say it again for a day.",
    )
    op.create_index("ix_answered_request_at", "answered_request", ["at"])
    _chain_existing_history()
    # Code of level 1 would write rows without their hashes.
    op.execute("UPDATE schema_level SET oldest_code = 2")


def _chain_existing_history() -> None:
    """Hash the rows there are, as storage/history.py hashed them when this migration was written."""
    connection = op.get_bind()
    rows = connection.execute(sa.select(_HISTORY).order_by(_HISTORY.c.work_item_id, _HISTORY.c.version)).all()
    previous: dict[int, str] = {}
    for row in rows:
        values = (
            row.work_item_id, row.version, row.action, row.actor_id, row.at, row.state_before, row.state_after,
            row.changed, row.fields,
        )  # fmt: skip
        texts = [previous.get(row.work_item_id, ""), *("" if value is None else str(value) for value in values)]
        digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
        previous[row.work_item_id] = digest
        connection.execute(
            sa.update(_HISTORY)
            .where(_HISTORY.c.work_item_id == row.work_item_id, _HISTORY.c.version == row.version)
            .values(hash=digest)
        )
    items = sa.table("work_item", sa.column("id"), sa.column("history_hash"))
    for item_id, digest in previous.items():
        connection.execute(sa.update(items).where(items.c.id == item_id).values(history_hash=digest))


def downgrade() -> None:
    """Take it all back."""
    op.drop_index("ix_answered_request_at", "answered_request")
    op.drop_table("answered_request")
    op.drop_table("pile")
    op.drop_table("work_type")
    # Not as a batch: that would make the tables anew, which rows that refer to them forbid.
    op.drop_column("history", "hash")
    for name in ("history_hash", "data_rescheduled", "state_before_suspension"):
        op.drop_column("work_item", name)
    op.execute("UPDATE schema_level SET oldest_code = 1")
