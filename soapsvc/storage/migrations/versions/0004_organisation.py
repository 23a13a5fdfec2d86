"""The organisation: who is in what, who holds which privilege, and grants that hold below one unit."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_GRANTS = sa.table(
    "action_grant", sa.column("tenancy_id"), sa.column("entity_id"), sa.column("action"), sa.column("scope_id")
)


def upgrade() -> None:
    """Make the tables of the organisation, and let grants have a scope."""
    op.add_column("entity", sa.Column("is_retired", sa.Boolean(), nullable=False, server_default=sa.false()))
    _make_membership()
    _make_privilege_holding()
    op.create_table(
        "denied_action",
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_denied_action_tenancy_id")),
        sa.PrimaryKeyConstraint("tenancy_id", "action", name=op.f("pk_denied_action")),
        comment="Which of the system actions that are open to all are not so here.",
    )
    grants = _grants("SELECT * FROM action_grant")
    op.drop_table("action_grant")
    _make_grants()
    _keep(grants)
    # Code of an older level would grant everywhere what was granted below one unit.
    op.execute("UPDATE schema_level SET oldest_code = 4")


def _make_membership() -> None:
    op.create_table(
        "membership",
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("container_id", _BIG, nullable=False),
        sa.Column("member_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["container_id"], ["entity.id"], name=op.f("fk_membership_container_id")),
        sa.ForeignKeyConstraint(["member_id"], ["entity.id"], name=op.f("fk_membership_member_id")),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_membership_tenancy_id")),
        sa.PrimaryKeyConstraint("container_id", "member_id", name=op.f("pk_membership")),
        comment="Which unit, group or position an entity is in.",
    )
    op.create_index("ix_membership_member_id", "membership", ["member_id"])


def _make_privilege_holding() -> None:
    op.create_table(
        "privilege_holding",
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("holder_id", _BIG, nullable=False),
        sa.Column("privilege_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["holder_id"], ["entity.id"], name=op.f("fk_privilege_holding_holder_id")),
        sa.ForeignKeyConstraint(["privilege_id"], ["entity.id"], name=op.f("fk_privilege_holding_privilege_id")),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_privilege_holding_tenancy_id")),
        sa.PrimaryKeyConstraint("holder_id", "privilege_id", name=op.f("pk_privilege_holding")),
        comment="Which privileges and capabilities an entity holds.",
    )


def _make_grants() -> None:
    """Make the table of grants anew: a key may hold no column that can be empty, as a scope can."""
    op.create_table(
        "action_grant",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("scope_id", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_action_grant_entity_id")),
        sa.ForeignKeyConstraint(["scope_id"], ["entity.id"], name=op.f("fk_action_grant_scope_id")),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_action_grant_tenancy_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_action_grant")),
        sa.UniqueConstraint("entity_id", "action", "scope_id", name=op.f("uq_action_grant_entity_id_action_scope_id")),
        comment="What a resource or a privilege is granted: below one organisational unit, or everywhere.",
    )
    op.create_index(
        "ix_action_grant_everywhere",
        "action_grant",
        ["entity_id", "action"],
        unique=True,
        sqlite_where=sa.text("scope_id IS NULL"),
        postgresql_where=sa.text("scope_id IS NULL"),
    )


def _grants(query: str) -> Sequence[dict[str, Any]]:
    rows = op.get_bind().execute(sa.text(query)).mappings().all()
    return [{"tenancy_id": row["tenancy_id"], "entity_id": row["entity_id"], "action": row["action"]} for row in rows]


def _keep(grants: Sequence[dict[str, Any]]) -> None:
    if grants:
        op.get_bind().execute(sa.insert(_GRANTS), list(grants))


def downgrade() -> None:
    """Take it back: who is in what, and what was granted below one unit or to a privilege, is lost."""
    of_people = (
        "SELECT action_grant.* FROM action_grant JOIN entity ON entity.id = action_grant.entity_id "
        "WHERE scope_id IS NULL AND entity.type = 'RESOURCE'"
    )
    grants = _grants(of_people)
    op.drop_index("ix_action_grant_everywhere", table_name="action_grant")
    op.drop_table("action_grant")
    op.create_table(
        "action_grant",
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_action_grant_entity_id")),
        sa.ForeignKeyConstraint(["tenancy_id"], ["tenancy.id"], name=op.f("fk_action_grant_tenancy_id")),
        sa.PrimaryKeyConstraint("entity_id", "action", name=op.f("pk_action_grant")),
    )
    _keep(grants)
    op.drop_table("privilege_holding")
    op.drop_index("ix_membership_member_id", "membership")
    op.drop_table("membership")
    op.drop_table("denied_action")
    op.drop_column("entity", "is_retired")
    op.execute("UPDATE schema_level SET oldest_code = 3")
