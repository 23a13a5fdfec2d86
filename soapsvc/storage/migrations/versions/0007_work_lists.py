"""Work lists: what stands in whose list, views, and everybody's criteria; the lists of the items that there are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LONGS = {1, 15}
_DECIMALS = {5, 16, 17, 18}
_MOMENTS = {6, 7, 19, 20}
_OF_64 = {2, 3, 4, *range(27, 39)}
_PORTION = 1_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NINES = str.maketrans("0123456789", "9876543210")


def upgrade() -> None:
    """Make the tables, and enter the items that there are."""
    op.create_table(
        "list_entry",
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("work_item_id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("start_at", sa.BigInteger()),
        sa.Column("end_at", sa.BigInteger()),
        sa.Column("distribution", sa.String(16), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("app_instance", sa.Text(), nullable=False),
        sa.Column("app_name", sa.Text(), nullable=False),
        *(sa.Column(f"attribute{number}", _type_of(number)) for number in range(1, 41)),
        sa.Column("app_instance_description", sa.Text()),
        *_references("list_entry", {"entity_id": "entity", "work_item_id": "work_item", "tenancy_id": "tenancy"}),
        sa.PrimaryKeyConstraint("entity_id", "work_item_id", name=op.f("pk_list_entry")),
        comment="What stands in whose list now. A list lies together, so that a long one is read in one go.",
        sqlite_with_rowid=False,
    )
    _create_views()
    op.create_table(
        "list_criteria",
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("order_text", sa.Text()),
        sa.Column("filter_text", sa.Text()),
        *_references("list_criteria", {"entity_id": "entity", "tenancy_id": "tenancy"}),
        sa.PrimaryKeyConstraint("entity_id", name=op.f("pk_list_criteria")),
        comment="By what a resource's next item is chosen.",
    )
    _number_changes()
    _enter_items(op.get_bind())
    # Code that does not know the lists would change items without them.
    op.execute("UPDATE schema_level SET oldest_code = 7")


def downgrade() -> None:
    """Take it all back."""
    op.drop_table("list_criteria")
    op.drop_index("ix_list_view_share_entity_id", "list_view_share")
    op.drop_table("list_view_share")
    op.drop_index("ix_list_view_owner_id", "list_view")
    op.drop_table("list_view")
    op.drop_table("list_entry")
    op.drop_index("ix_history_written_in", "history")
    op.drop_column("history", "written_in")
    op.execute("UPDATE schema_level SET oldest_code = 5")


def _number_changes() -> None:
    """Make room for the numbers of transactions; on SQLite there are none to be stored, and the index stays empty."""
    op.add_column("history", sa.Column("written_in", sa.BigInteger()))
    are_numbered = sa.text("written_in IS NOT NULL")
    op.create_index(
        "ix_history_written_in", "history", ["written_in"], sqlite_where=are_numbered, postgresql_where=are_numbered
    )


def _create_views() -> None:
    op.create_table(
        "list_view",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("description", sa.String(255)),
        sa.Column("owner_id", _BIG, nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("shows", sa.String(8), nullable=False),
        sa.Column("entity_id", _BIG),
        sa.Column("is_allocated", sa.Boolean(), nullable=False),
        sa.Column("order_text", sa.Text()),
        sa.Column("filter_text", sa.Text()),
        sa.Column("custom_data", sa.Text()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("modified_at", sa.BigInteger(), nullable=False),
        sa.Column("locked_by", _BIG),
        *_references(
            "list_view", {"tenancy_id": "tenancy", "owner_id": "entity", "entity_id": "entity", "locked_by": "entity"}
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_list_view")),
        comment="A way to look at a list. shows: MINE, ALL or ENTITY, which is then entity_id.",
    )
    op.create_index("ix_list_view_owner_id", "list_view", ["owner_id"])
    op.create_table(
        "list_view_share",
        sa.Column("list_view_id", _BIG, nullable=False),
        sa.Column("role", sa.String(8), nullable=False),
        sa.Column("entity_id", _BIG, nullable=False),
        sa.Column("tenancy_id", _BIG, nullable=False),
        *_references("list_view_share", {"list_view_id": "list_view", "entity_id": "entity", "tenancy_id": "tenancy"}),
        sa.PrimaryKeyConstraint("list_view_id", "role", "entity_id", name=op.f("pk_list_view_share")),
        comment="Who may edit a view (AUTHOR), who uses it (USER), and who took it up himself (READER).",
    )
    op.create_index("ix_list_view_share_entity_id", "list_view_share", ["entity_id"])


def _references(table: str, columns: Mapping[str, str]) -> Iterator[sa.ForeignKeyConstraint]:
    for column, other in columns.items():
        yield sa.ForeignKeyConstraint([column], [f"{other}.id"], name=op.f(f"fk_{table}_{column}"))


def _type_of(number: int) -> Any:
    if number in _LONGS:
        return _BIG
    if number in _MOMENTS:
        return sa.BigInteger()
    if number in _DECIMALS:
        return sa.String(64)
    return sa.String(64 if number in _OF_64 else 255 if number in {39, 40} else 20)


# The items that there are

_LISTED = sa.text(
    "SELECT id, tenancy_id, owner_id, state, session_guid, state_before_suspension, priority, start_at, end_at, "
    "distribution, name, context, attributes FROM work_item WHERE id > :after AND state <> 'COMPLETED' "
    "ORDER BY id LIMIT :most"
)
_OFFERED = sa.text("SELECT entity_id FROM offer WHERE work_item_id = :item ORDER BY entity_id")


def _enter_items(connection: sa.Connection) -> None:
    columns = ["entity_id", "work_item_id", "tenancy_id", "rank", "state", "priority", "start_at", "end_at"]
    columns += ["distribution", "name", "app_instance", "app_name", "app_instance_description"]
    columns += [f"attribute{number}" for number in range(1, 41)]
    names = ", ".join(columns)
    insert = sa.text(f"INSERT INTO list_entry ({names}) VALUES ({', '.join(f':{name}' for name in columns)})")  # noqa: S608
    last = 0
    while items := connection.execute(_LISTED, {"after": last, "most": _PORTION}).all():
        rows = [row for item in items for row in _rows(connection, item)]
        if rows:
            connection.execute(insert, rows)
        last = items[-1].id


def _rows(connection: sa.Connection, item: Any) -> Iterator[dict[str, Any]]:
    state = item.state_before_suspension if item.state == "SUSPENDED" else item.state
    if state == "CREATED" or (state == "CANCELLED" and item.session_guid is None):
        return
    shown = _shown(item)
    for rank, entity_id in enumerate(_places(connection, item)):
        yield shown | {"entity_id": entity_id, "rank": rank}


def _places(connection: sa.Connection, item: Any) -> Sequence[int]:
    if item.owner_id is not None:
        return [item.owner_id]
    return connection.execute(_OFFERED, {"item": item.id}).scalars().all()


def _shown(item: Any) -> dict[str, Any]:
    context, attributes = json.loads(item.context), json.loads(item.attributes)
    return {
        "work_item_id": item.id,
        "tenancy_id": item.tenancy_id,
        "state": item.state,
        "priority": item.priority,
        "start_at": item.start_at,
        "end_at": item.end_at,
        "distribution": item.distribution,
        "name": item.name,
        "app_instance": context.get("app_instance", ""),
        "app_name": context.get("app_name", ""),
        "app_instance_description": context.get("app_instance_description"),
        **{f"attribute{number}": _value(number, attributes.get(f"attribute{number}")) for number in range(1, 41)},
    }


def _value(number: int, value: Any) -> Any:
    if value is None:
        return None
    if number in _MOMENTS:
        return (datetime.fromisoformat(value) - _EPOCH) // timedelta(microseconds=1)
    return _ordered(Decimal(value)) if number in _DECIMALS else value


def _ordered(value: Decimal) -> str:
    """Write a number as a text that is ordered as the number is."""
    if value.is_zero():
        return "1"
    digits = "".join(map(str, value.as_tuple().digits)).lstrip("0").rstrip("0")
    size = f"{value.adjusted() + 500_000_000:09}{digits}"
    return f"2{size}" if value > 0 else f"0{size.translate(_NINES)}~"
