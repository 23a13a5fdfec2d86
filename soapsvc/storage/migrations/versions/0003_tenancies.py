"""Tenancies: every row says whose it is, and what was there belongs to the first one, "default"."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op
from alembic.operations import BatchOperations

revision = "0003"
down_revision = "0002"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_BEHIND = {
    "entity": "id",
    "account": "entity_id",
    "action_grant": "action",
    "work_item": "id",
    "offer": "entity_id",
    "holder": "entity_id",
    "version_session": "guid",
    "history": "version",
    "work_type": None,
    "pile": "entity_id",
    "answered_request": "request_id",
}
"""Every table with rows of tenancies, and the column that the tenancy stands behind."""

_UNIQUE = {
    "entity": (["guid_key"], ["guid_key", "tenancy_id"]),
    "account": (["name"], ["tenancy_id", "name"]),
    "work_item": (["guid"], ["guid", "tenancy_id"]),
}
_INDEXES = {
    "entity": (["name"], ["name", "tenancy_id"]),
    "offer": (["entity_id", "work_item_id"], ["entity_id", "tenancy_id", "work_item_id"]),
}
"""What was unique or indexed before, and is now."""


def upgrade() -> None:
    """Give all that there is to the default tenancy."""
    op.create_table(
        "tenancy",
        sa.Column("id", _BIG, nullable=False),
        sa.Column("moniker", sa.String(63), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("version_required", sa.Boolean()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenancy")),
        sa.UniqueConstraint("moniker", name=op.f("uq_tenancy_moniker")),
        comment="Those who share the service, unknown to each other; version_required is as the setting says if NULL.",
    )
    op.execute("INSERT INTO tenancy (id, moniker, name) VALUES (1, 'default', 'default')")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("SELECT setval(pg_get_serial_sequence('tenancy', 'id'), 1)")
    for table, before in _BEHIND.items():
        op.add_column(table, sa.Column("tenancy_id", _BIG, nullable=False, server_default="1"))
        with _made_anew(table, _with_tenancy_behind(table, before)) as batch:
            batch.alter_column("tenancy_id", existing_type=_BIG, existing_nullable=False, server_default=None)
            batch.create_foreign_key(op.f(f"fk_{table}_tenancy_id"), "tenancy", ["tenancy_id"], ["id"])
            if table == "work_type":
                batch.drop_constraint(op.f("pk_work_type"), type_="primary")
                batch.create_primary_key(op.f("pk_work_type"), ["tenancy_id", "id"])
            _change(batch, table, old=0, new=1)
    # Code of level 2 would show every tenancy all rows, and could add none.
    op.execute("UPDATE schema_level SET oldest_code = 3")


def downgrade() -> None:
    """Take it back, unless there are several tenancies: nobody could tell their rows apart any longer."""
    if op.get_bind().execute(sa.text("SELECT count(*) FROM tenancy")).scalar_one() > 1:
        raise RuntimeError("there are several tenancies, which code of level 2 would take for one")
    for table in reversed(_BEHIND):
        with _made_anew(table) as batch:
            _change(batch, table, old=1, new=0)
            if table == "work_type":
                batch.drop_constraint(op.f("pk_work_type"), type_="primary")
                batch.create_primary_key(op.f("pk_work_type"), ["id"])
            batch.drop_constraint(op.f(f"fk_{table}_tenancy_id"), type_="foreignkey")
            batch.drop_column("tenancy_id")
    op.drop_table("tenancy")
    op.execute("UPDATE schema_level SET oldest_code = 2")


def _with_tenancy_behind(table: str, before: str | None) -> list[str]:
    """Give a table's columns with the tenancy early: what stands behind long texts takes longer to read."""
    columns = [column["name"] for column in sa.inspect(op.get_bind()).get_columns(table)]
    columns.remove("tenancy_id")
    columns.insert(0 if before is None else columns.index(before) + 1, "tenancy_id")
    return columns


@contextmanager
def _made_anew(table: str, order: Sequence[str] = ()) -> Iterator[BatchOperations]:
    """Change a table: on SQLite, where little of it can be changed in place, by a new one with its columns in order."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    reordering = [tuple(order)] if order else []
    with op.batch_alter_table(
        table, recreate="always" if is_sqlite else "auto", partial_reordering=reordering if is_sqlite else []
    ) as batch:
        yield batch


def _change(batch: BatchOperations, table: str, *, old: int, new: int) -> None:
    """Replace what is unique and what is indexed."""
    if table in _UNIQUE:
        before, after = _UNIQUE[table][old], _UNIQUE[table][new]
        batch.drop_constraint(op.f(f"uq_{table}_{'_'.join(before)}"), type_="unique")
        batch.create_unique_constraint(op.f(f"uq_{table}_{'_'.join(after)}"), after)
    if table in _INDEXES:
        before, after = _INDEXES[table][old], _INDEXES[table][new]
        batch.drop_index(f"ix_{table}_{'_'.join(before)}")
        batch.create_index(f"ix_{table}_{'_'.join(after)}", after)
