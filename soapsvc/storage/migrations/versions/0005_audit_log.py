"""The audit log, to which rows are added and nothing else.

The triggers are SQLite's. PostgreSQL will need one function that raises an exception, called by a trigger BEFORE
UPDATE OR DELETE for each row and by another BEFORE TRUNCATE for each statement, and a REVOKE of these three from the
role of the service; ids that are taken need no guard there. As there may then be many writers, what appends must lock
the end of the chain first: pg_advisory_xact_lock by the tenancy's id.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END"
_TRIGGERS = {
    "audit_keeps_its_rows": f"BEFORE UPDATE ON audit {_REFUSE}",
    "audit_loses_no_row": f"BEFORE DELETE ON audit {_REFUSE}",
    # INSERT OR REPLACE takes a row away without firing the trigger of DELETE.
    "audit_replaces_no_row": f"BEFORE INSERT ON audit WHEN NEW.id IN (SELECT id FROM audit) {_REFUSE}",  # noqa: S608
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
    for name, what in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER {name} {what}")
    # Code that does not know the log would do what belongs into it without a trace.
    op.execute("UPDATE schema_level SET oldest_code = 5")


def downgrade() -> None:
    """Take it all back, the log too; SQLite drops the triggers with their table."""
    op.drop_index("ix_audit_tenancy_id_id", "audit")
    op.drop_table("audit")
    op.execute("UPDATE schema_level SET oldest_code = 4")
