"""The audit log, to which rows are added and nothing else.

On PostgreSQL ids that are taken need no guard, and whoever may drop triggers is kept away by the owner of the tables.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
_GUARDS = {
    "sqlite": (
        f"CREATE TRIGGER audit_keeps_its_rows BEFORE UPDATE ON audit {_REFUSE}",
        f"CREATE TRIGGER audit_loses_no_row BEFORE DELETE ON audit {_REFUSE}",
        # INSERT OR REPLACE takes a row away without firing the trigger of DELETE.
        f"CREATE TRIGGER audit_replaces_no_row BEFORE INSERT ON audit WHEN NEW.id IN (SELECT id FROM audit) {_REFUSE}",  # noqa: S608
    ),
    "postgresql": (
        "CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is append-only'; END $$",
        "CREATE TRIGGER audit_keeps_its_rows BEFORE UPDATE OR DELETE ON audit "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit()",
        "CREATE TRIGGER audit_keeps_them_all BEFORE TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit()",
    ),
}


def upgrade() -> None:
    """Make the table and what guards it."""
    op.create_table(
        "audit",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(100)),
        sa.Column("actor_guid", sa.String(64)),
        sa.Column("address", sa.String(64)),
        sa.Column("subject", sa.String(255)),
        sa.Column("detail", sa.Text()),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        comment="The audit log: triggers refuse every change of its rows. It outlives what it speaks of.",
    )
    op.create_index("ix_audit_tenancy_id_id", "audit", ["tenancy_id", "id"])
    for statement in _GUARDS[op.get_bind().dialect.name]:
        op.execute(statement)
    # Code that does not know the log would do what belongs into it without a trace.
    op.execute("UPDATE schema_level SET oldest_code = 5")


def downgrade() -> None:
    """Take it all back, the log too; its triggers go with their table."""
    op.drop_index("ix_audit_tenancy_id_id", "audit")
    op.drop_table("audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION refuse_change_of_audit")
    op.execute("UPDATE schema_level SET oldest_code = 4")
