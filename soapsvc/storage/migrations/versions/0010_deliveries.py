"""Deliveries of callbacks, and the log of their tries: a row of it goes only with its whole delivery.

On PostgreSQL tries that are taken need no guard, and whoever may drop triggers is kept away by the owner of the tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the log of deliveries is append-only'); END"
_IS_KEPT = "OLD.delivery_id IN (SELECT id FROM delivery)"
_IS_TAKEN = "(NEW.delivery_id, NEW.number) IN (SELECT delivery_id, number FROM delivery_attempt)"
_GUARDS = {
    "sqlite": (
        f"CREATE TRIGGER delivery_attempt_keeps_its_rows BEFORE UPDATE ON delivery_attempt {_REFUSE}",
        f"CREATE TRIGGER delivery_attempt_loses_no_row BEFORE DELETE ON delivery_attempt WHEN {_IS_KEPT} {_REFUSE}",
        # INSERT OR REPLACE takes a row away without firing the trigger of DELETE.
        f"CREATE TRIGGER delivery_attempt_replaces_no_row BEFORE INSERT ON delivery_attempt WHEN {_IS_TAKEN} {_REFUSE}",
    ),
    "postgresql": (
        "CREATE FUNCTION refuse_change_of_delivery_attempt() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF TG_OP = 'DELETE' THEN IF NOT {_IS_KEPT} THEN RETURN OLD; END IF; END IF; "
        "RAISE EXCEPTION 'the log of deliveries is append-only'; END $$",
        "CREATE TRIGGER delivery_attempt_keeps_its_rows BEFORE UPDATE OR DELETE ON delivery_attempt "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change_of_delivery_attempt()",
        "CREATE TRIGGER delivery_attempt_keeps_them_all BEFORE TRUNCATE ON delivery_attempt "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_delivery_attempt()",
    ),
}


def upgrade() -> None:
    """Make both tables, and what guards the log."""
    op.create_table(
        "delivery",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("work_item_id", _BIG, nullable=False),
        sa.Column("version_guid", sa.String(36), nullable=False),
        sa.Column("webhook_id", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("is_signed", sa.Boolean(), nullable=False),
        sa.Column("sealed_secret", sa.Text()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("attempts_before", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_delivery_tenancy_id")),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_item.id"], name=op.f("fk_delivery_work_item_id")),
        sa.UniqueConstraint("webhook_id", "tenancy_id", name=op.f("uq_delivery_webhook_id_tenancy_id")),
        comment="One event of one operation, on its way to one receiver; the secret goes with the last try.",
    )
    op.create_index("ix_delivery_work_item_id_version_guid", "delivery", ["work_item_id", "version_guid"])
    op.create_index("ix_delivery_ended_at", "delivery", ["ended_at"])
    op.create_table(
        "delivery_attempt",
        sa.Column("delivery_id", _BIG, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("delivery_id", "number", name=op.f("pk_delivery_attempt")),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_delivery_attempt_delivery_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_delivery_attempt_tenancy_id")),
        comment="What each try came to: triggers refuse every change of its rows; they go with their delivery.",
    )
    for statement in _GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Take both away, and what was sent with them; the triggers go with their table."""
    op.drop_table("delivery_attempt")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change_of_delivery_attempt")
    op.drop_index("ix_delivery_ended_at", "delivery")
    op.drop_index("ix_delivery_work_item_id_version_guid", "delivery")
    op.drop_table("delivery")
