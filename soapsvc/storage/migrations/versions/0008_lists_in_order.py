"""Work lists in the default order, each in one place: on PostgreSQL in one of 32 tables, and without references."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LONGS = {1, 15}
_DECIMALS = {5, 16, 17, 18}
_MOMENTS = {6, 7, 19, 20}
_OF_64 = {2, 3, 4, *range(27, 39)}
_SLOTS = 32
_NO_END = 2**63 - 1
_COLUMNS = (
    "entity_id, priority, work_item_id, tenancy_id, rank, state, start_at, end_at, distribution, name, "
    "app_instance, app_name, " + ", ".join(f"attribute{number}" for number in range(1, 41)) + ", "
    "app_instance_description"
)


def upgrade() -> None:
    """Make the table anew, with its rows."""
    op.rename_table("list_entry", "list_entry_before")
    _free_the_name_of_the_key()
    op.create_table(
        "list_entry",
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("work_item_id", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.SmallInteger(), nullable=False),
        sa.Column("tenancy_id", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        *_shown(),
        sa.PrimaryKeyConstraint("entity_id", "due", "priority", "work_item_id", "slot", name=op.f("pk_list_entry")),
        comment="What stands in whose list now, in the default order. A list lies together, to be read in one go.",
        sqlite_with_rowid=False,
        postgresql_partition_by="LIST (slot)",
    )
    if op.get_bind().dialect.name == "postgresql":
        for slot in range(_SLOTS):
            op.execute(f"CREATE TABLE list_entry_{slot:02} PARTITION OF list_entry FOR VALUES IN ({slot})")
    op.execute(
        f"INSERT INTO list_entry ({_COLUMNS}, due, slot) "  # noqa: S608
        f"SELECT {_COLUMNS}, coalesce(end_at, {_NO_END}), entity_id % {_SLOTS} FROM list_entry_before"
    )
    op.drop_table("list_entry_before")
    # Code that knows the lists as they were would not find its way in them.
    op.execute("UPDATE schema_level SET oldest_code = 8")


def downgrade() -> None:
    """Make the table as it was."""
    op.rename_table("list_entry", "list_entry_after")
    _free_the_name_of_the_key()
    op.create_table(
        "list_entry",
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("work_item_id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        *_shown(),
        *(
            sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_list_entry_{column}"))
            for column, other in (("entity_id", "entity"), ("work_item_id", "work_item"), ("tenancy_id", "tenancy"))
        ),
        sa.PrimaryKeyConstraint("entity_id", "work_item_id", name=op.f("pk_list_entry")),
        comment="What stands in whose list now. A list lies together, so that a long one is read in one go.",
        sqlite_with_rowid=False,
    )
    op.execute(f"INSERT INTO list_entry ({_COLUMNS}) SELECT {_COLUMNS} FROM list_entry_after")  # noqa: S608
    op.drop_table("list_entry_after")
    op.execute("UPDATE schema_level SET oldest_code = 7")


def _free_the_name_of_the_key() -> None:
    """Give the renamed table's key another name; on SQLite it has none beyond its table."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_list_entry RENAME TO pk_list_entry_renamed")


def _shown() -> Sequence[sa.Column[object]]:
    return [
        sa.Column("start_at", sa.BigInteger()),
        sa.Column("end_at", sa.BigInteger()),
        sa.Column("distribution", sa.String(16), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("app_instance", sa.Text(), nullable=False),
        sa.Column("app_name", sa.Text(), nullable=False),
        *_attributes(),
        sa.Column("app_instance_description", sa.Text()),
    ]


def _attributes() -> Iterator[sa.Column[object]]:
    for number in range(1, 41):
        yield sa.Column(f"attribute{number}", _type_of(number))


def _type_of(number: int) -> Any:
    if number in _LONGS:
        return _BIG
    if number in _MOMENTS:
        return sa.BigInteger()
    if number in _DECIMALS:
        return sa.String(64)
    return sa.String(64 if number in _OF_64 else 255 if number in {39, 40} else 20)
