"""The first schema: people, grants, work items with their offers, holders, sessions and history."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make every table of the first release."""
    op.create_table(
        "entity",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("guid", sa.String(length=64), nullable=False),
        sa.Column("guid_key", sa.String(length=256), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("max_open_items", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entity")),
        sa.UniqueConstraint("guid_key", name=op.f("uq_entity_guid_key")),
    )
    op.create_index("ix_entity_name", "entity", ["name"], unique=False)
    op.create_table(
        "schema_level",
        sa.Column("oldest_code", sa.Integer(), nullable=False),
        comment="One row: the oldest schema level whose code may run on this database.",
    )
    op.create_table(
        "account",
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_account_entity_id")),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "action_grant",
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_action_grant_entity_id")),
        sa.PrimaryKeyConstraint("entity_id", "action", name=op.f("pk_action_grant")),
    )
    op.create_table(
        "work_item",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("guid", sa.String(length=36), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("distribution", sa.String(length=16), nullable=False),
        sa.Column("group_id", sa.BigInteger(), nullable=True),
        sa.Column("work_type_id", sa.String(length=255), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("start_at", sa.BigInteger(), nullable=True),
        sa.Column("end_at", sa.BigInteger(), nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("owner_id", _BIG, nullable=True),
        sa.Column("session_guid", sa.String(length=36), nullable=True),
        sa.Column("offered_when_opened", sa.Boolean(), nullable=False),
        sa.Column("state_before_hiding", sa.String(length=16), nullable=True),
        sa.Column("hidden_until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["entity.id"], name=op.f("fk_work_item_owner_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_item")),
        sa.UniqueConstraint("guid", name=op.f("uq_work_item_guid")),
    )
    op.create_index("ix_work_item_hidden_until", "work_item", ["hidden_until"], unique=False)
    op.create_index("ix_work_item_owner_id_state", "work_item", ["owner_id", "state"], unique=False)
    op.create_table(
        "history",
        sa.Column("work_item_id", _BIG, nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("actor_id", _BIG, nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state_before", sa.String(length=16), nullable=True),
        sa.Column("state_after", sa.String(length=16), nullable=False),
        sa.Column("changed", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["entity.id"], name=op.f("fk_history_actor_id")),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_item.id"], name=op.f("fk_history_work_item_id")),
        sa.PrimaryKeyConstraint("work_item_id", "version", name=op.f("pk_history")),
        comment="One row a version; fields is the data model where this version changed it.",
    )
    op.create_table(
        "holder",
        sa.Column("work_item_id", _BIG, nullable=False),
        sa.Column("entity_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_holder_entity_id")),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_item.id"], name=op.f("fk_holder_work_item_id")),
        sa.PrimaryKeyConstraint("work_item_id", "entity_id", name=op.f("pk_holder")),
        comment="Everyone who holds or has held an item.",
    )
    op.create_table(
        "offer",
        sa.Column("work_item_id", _BIG, nullable=False),
        sa.Column("entity_id", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_offer_entity_id")),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_item.id"], name=op.f("fk_offer_work_item_id")),
        sa.PrimaryKeyConstraint("work_item_id", "entity_id", name=op.f("pk_offer")),
        comment="The original offer set of an item: it never changes, whatever the item's state.",
    )
    op.create_index("ix_offer_entity_id_work_item_id", "offer", ["entity_id", "work_item_id"], unique=False)
    op.create_table(
        "version_session",
        sa.Column("guid", sa.String(length=36), nullable=False),
        sa.Column("work_item_id", _BIG, nullable=False),
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_version", sa.BigInteger(), nullable=False),
        sa.Column("ended_version", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["entity_id"], ["entity.id"], name=op.f("fk_version_session_entity_id")),
        sa.ForeignKeyConstraint(["work_item_id"], ["work_item.id"], name=op.f("fk_version_session_work_item_id")),
        sa.PrimaryKeyConstraint("guid", name=op.f("pk_version_session")),
        comment="One row an opening of an item; ended_version is set by what closed it.",
    )
    op.create_index("ix_version_session_work_item_id", "version_session", ["work_item_id"], unique=False)
    op.execute("INSERT INTO schema_level (oldest_code) VALUES (1)")


def downgrade() -> None:
    """Drop them all."""
    op.drop_index("ix_version_session_work_item_id", table_name="version_session")
    op.drop_table("version_session")
    op.drop_index("ix_offer_entity_id_work_item_id", table_name="offer")
    op.drop_table("offer")
    op.drop_table("holder")
    op.drop_table("history")
    op.drop_index("ix_work_item_owner_id_state", table_name="work_item")
    op.drop_index("ix_work_item_hidden_until", table_name="work_item")
    op.drop_table("work_item")
    op.drop_table("action_grant")
    op.drop_table("account")
    op.drop_table("schema_level")
    op.drop_index("ix_entity_name", table_name="entity")
    op.drop_table("entity")
