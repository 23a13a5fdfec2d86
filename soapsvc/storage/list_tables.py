"""The tables of work lists, beside those of tables.py: what stands in whose list, views, and everybody's criteria."""

from functools import cache

import sqlalchemy as sa

from soapsvc.domain.values import LONG_MAX
from soapsvc.storage.tables import BigInteger, Moment, metadata, tenancy_id
from soapsvc.storage.work_list_conditions import attribute_columns

SLOTS = 32
"""Into how many tables PostgreSQL divides the lists, by the entities' ids: a migration has made them."""

NO_END = LONG_MAX
"""What stands in `due` where there is no end: it comes last."""

list_entry = sa.Table(
    "list_entry",
    metadata,
    # They refer to others and are not checked: on PostgreSQL every change would lock the rows of whom it is offered to.
    sa.Column("entity_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("due", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("priority", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("work_item_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("slot", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("tenancy_id", sa.BigInteger, nullable=False),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("start_at", Moment),
    sa.Column("end_at", Moment),
    sa.Column("distribution", sa.String(16), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("app_instance", sa.Text, nullable=False),
    sa.Column("app_name", sa.Text, nullable=False),
    *attribute_columns(),
    sa.Column("app_instance_description", sa.Text),
    sqlite_with_rowid=False,
    postgresql_partition_by="LIST (slot)",
    comment="What stands in whose list now, in the default order. A list lies together, to be read in one go.",
)
"""One row for each list that an item stands in; rank counts the rows of one item from 0, by entity_id.

`due` is end_at, or NO_END. `slot` is slot_of(entity_id).
"""


@cache
def part_of(slot: int) -> sa.Table:
    """Give the table that PostgreSQL keeps the rows of a slot in: who names it spares the server the search for it."""
    return list_entry.to_metadata(sa.MetaData(), name=f"list_entry_{slot:02}")


def slot_of(entity_id: int) -> int:
    """Say in which part of the table an entity's list lies, where it has parts."""
    return entity_id % SLOTS


list_view = sa.Table(
    "list_view",
    metadata,
    sa.Column("id", BigInteger, primary_key=True),
    tenancy_id(),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("description", sa.String(255)),
    sa.Column("owner_id", BigInteger, sa.ForeignKey("entity.id"), nullable=False),
    sa.Column("is_public", sa.Boolean, nullable=False),
    sa.Column("shows", sa.String(8), nullable=False),
    sa.Column("entity_id", BigInteger, sa.ForeignKey("entity.id")),
    sa.Column("is_allocated", sa.Boolean, nullable=False),
    sa.Column("order_text", sa.Text),
    sa.Column("filter_text", sa.Text),
    sa.Column("custom_data", sa.Text),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("modified_at", Moment, nullable=False),
    sa.Column("locked_by", BigInteger, sa.ForeignKey("entity.id")),
    sa.Index("ix_list_view_owner_id", "owner_id"),
    comment="A way to look at a list. shows: MINE, ALL or ENTITY, which is then entity_id.",
)

list_view_share = sa.Table(
    "list_view_share",
    metadata,
    sa.Column("list_view_id", BigInteger, sa.ForeignKey("list_view.id"), primary_key=True),
    sa.Column("role", sa.String(8), primary_key=True),
    sa.Column("entity_id", BigInteger, sa.ForeignKey("entity.id"), primary_key=True),
    tenancy_id(),
    sa.Index("ix_list_view_share_entity_id", "entity_id"),
    comment="Who may edit a view (AUTHOR), who uses it (USER), and who took it up himself (READER).",
)

list_criteria = sa.Table(
    "list_criteria",
    metadata,
    sa.Column("entity_id", BigInteger, sa.ForeignKey("entity.id"), primary_key=True),
    tenancy_id(),
    sa.Column("order_text", sa.Text),
    sa.Column("filter_text", sa.Text),
    comment="By what a resource's next item is chosen.",
)
